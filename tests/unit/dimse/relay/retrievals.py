"""An archive on pynetdicom that does what a test says, and callers that ask for objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as StudyRootGet,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as StudyRootMove,
)

from atlas_node.config import NodeSettings, Tls, Upstream
from atlas_node.dimse import settings
from atlas_node.dimse.peer import Caller, Peer
from tests.fault.pacs import ct_object
from tests.ports import free_port
from tests.waiting import LONG, wait_until

settings.apply()

STUDY = "1.2.3"
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]

Step = Callable[["ScriptedArchive", evt.Event], None]


class ScriptedArchive:
    """An upstream with some objects.

    `before` may hold, by the number of an object, what is done before it is sent; `final` is the
    status in the place of the objects.
    """

    def __init__(
        self, objects: Sequence[Dataset], classes: Sequence[str] = (StudyRootGet,)
    ) -> None:
        self.objects = list(objects)
        self.before: dict[int, Step] = {}
        self.final: Dataset | None = None
        self.asked: list[Dataset] = []
        self.destinations: list[str] = []
        self.known: dict[str, tuple[str, int]] = {}
        self.answered: list[int] = []
        self.cancelled = threading.Event()
        self.released = threading.Event()
        self.stopped = threading.Event()
        self.port = free_port()
        self._classes = classes

    def __enter__(self) -> ScriptedArchive:
        self._ae = ae = AE("ARCHIVE")
        ae.maximum_pdu_size = 131072
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = LONG
        for sop_class in self._classes:
            ae.add_supported_context(sop_class, SYNTAXES)
        handlers = [
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_DIMSE_RECV, self._heard),
            (evt.EVT_ABORTED, lambda event: self.released.set()),
            (evt.EVT_RELEASED, lambda event: self.released.set()),
            (evt.EVT_CONN_CLOSE, lambda event: self.released.set()),
        ]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._ae.shutdown()

    @property
    def upstream(self) -> Upstream:
        return Upstream(name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=self.port)

    def _heard(self, event: evt.Event) -> None:
        if type(event.message).__name__ == "C_STORE_RSP":
            self.answered.append(int(event.message.command_set.Status))

    def _get(self, event: evt.Event) -> Iterator[Any]:
        self.asked.append(event.identifier)
        yield from self._objects(event)

    def _move(self, event: evt.Event) -> Iterator[Any]:
        self.asked.append(event.identifier)
        self.destinations.append(event.move_destination)
        where = self.known.get(event.move_destination)
        contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
        yield (*where, {"contexts": contexts}) if where else (None, None)
        yield from self._objects(event)

    def is_cancelled(self, event: evt.Event) -> bool:
        """Whether the request was cancelled, which pynetdicom says once."""
        if event.is_cancelled:
            self.cancelled.set()
        return self.cancelled.is_set()

    def _objects(self, event: evt.Event) -> Iterator[Any]:
        yield len(self.objects)
        if self.final is not None:
            yield self.final, None
            return
        for number, ds in enumerate(self.objects):
            if number in self.before:
                self.before[number](self, event)
            if self.is_cancelled(event):
                yield 0xFE00, None
                return
            yield 0xFF00, ds


def await_cancel(archive: ScriptedArchive, event: evt.Event) -> None:
    """Send nothing before the request is cancelled."""
    wait_until(lambda: archive.is_cancelled(event))


def await_end(archive: ScriptedArchive, event: evt.Event) -> None:
    """Send nothing before the association has ended."""
    archive.released.wait(LONG)


def fall_silent(archive: ScriptedArchive, event: evt.Event) -> None:
    """Send nothing for as long as the test goes on."""
    archive.stopped.wait(LONG)


def hang_up(archive: ScriptedArchive, event: evt.Event) -> None:
    """End the association as a machine that crashes does."""
    event.assoc.dul.socket.close()


def leave(assoc: Any, status: Dataset) -> None:
    """Go away in order, as far as an abort is."""
    assoc.abort()


def vanish(assoc: Any, status: Dataset) -> None:
    """Go away without a word."""
    assoc.dul.socket.close()
    assoc.is_established = False


def abort(archive: ScriptedArchive, event: evt.Event) -> None:
    event.assoc.abort()


def vr_of_mosaic(data: bytes) -> str:
    """The VR of (0019,100A) in an explicit VR stream; pydicom would put a better one for UN."""
    at = data.index(b"\x19\x00\x0a\x10")
    return data[at + 4 : at + 6].decode()


def objects(count: int, study: str = STUDY) -> list[Dataset]:
    return [ct_object(number, study=study) for number in range(count)]


def study_keys(study: str = STUDY, **more: str) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = study
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


@dataclass
class Outcome:
    """What a caller was answered, and what it got."""

    responses: list[Dataset] = field(default_factory=list)
    identifiers: list[Dataset | None] = field(default_factory=list)
    objects: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.responses[-1].Status)

    @property
    def comment(self) -> str:
        return str(self.responses[-1].get("ErrorComment", ""))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Completed, failed, warning."""
        final = self.responses[-1]
        return (
            final.NumberOfCompletedSuboperations,
            final.NumberOfFailedSuboperations,
            final.NumberOfWarningSuboperations,
        )

    @property
    def failed(self) -> list[str]:
        last = self.identifiers[-1]
        value = last.FailedSOPInstanceUIDList if last else []
        return [value] if isinstance(value, str) else list(value)


class Workstation:
    """A caller of the node.

    `store` may be set to a function of a C-STORE event that returns the status.
    """

    def __init__(
        self,
        port: int,
        *,
        syntaxes: Sequence[str] = (ExplicitVRLittleEndian,),
        ae_title: str = "STATION",
        classes: Sequence[str] = (CTImageStorage,),
        tls: Tls | None = None,
    ) -> None:
        node = NodeSettings(ae_title=ae_title)
        self._caller = Caller(Peer("node", "ATLAS", "127.0.0.1", port, ae_title, tls), node)
        self._syntaxes = list(syntaxes)
        self._classes = classes
        self.store: Callable[[evt.Event], int] = lambda event: 0x0000
        self.pending: Callable[[Any, Dataset], None] = lambda assoc, status: None
        self.outcome = Outcome()

    def get(self, keys: Dataset) -> Outcome:
        contexts = [build_context(StudyRootGet, SYNTAXES)]
        contexts += [build_context(it, self._syntaxes) for it in self._classes]
        roles = [build_role(it, scp_role=True) for it in self._classes]
        assoc = self._caller.associate(
            contexts, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, self._stored)]
        )
        return self._ask(assoc, lambda: assoc.send_c_get(keys, StudyRootGet, msg_id=7))

    def move(self, keys: Dataset, destination: str, service: str = StudyRootMove) -> Outcome:
        assoc = self._caller.associate([build_context(service, SYNTAXES)])
        return self._ask(assoc, lambda: assoc.send_c_move(keys, destination, service, msg_id=7))

    def _ask(self, assoc: Any, ask: Callable[[], Iterator[Any]]) -> Outcome:
        try:
            for status, identifier in ask():
                self.outcome.responses.append(status)
                self.outcome.identifiers.append(identifier)
                if status and status.Status == 0xFF00:
                    self.pending(assoc, status)
                if not assoc.is_established:
                    break
        finally:
            if assoc.is_established:
                assoc.release()
        return self.outcome

    def _stored(self, event: evt.Event) -> int:
        status = self.store(event)
        if status == 0x0000:
            self.outcome.objects.append(
                (str(event.context.transfer_syntax), event.request.DataSet.getvalue())
            )
        return status
