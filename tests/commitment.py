"""An archive that commits to storage and a scanner that asks for it, on pynetdicom alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_role, evt

import tests.associations  # noqa: F401 before any association is made
from tests.ports import free_port
from tests.waiting import LONG

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]

Reference = tuple[str, str]


def references(count: int, sop_class: str = CTImageStorage) -> list[Reference]:
    return [(str(sop_class), str(generate_uid())) for _ in range(count)]


def information(
    transaction_uid: str,
    committed: Iterable[Reference],
    failed: Iterable[Reference] = (),
    reason: int = 0x0112,
) -> Dataset:
    """Action Information; with `failed`, or of a report, Event Information."""
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    for keyword, found in ("ReferencedSOPSequence", committed), ("FailedSOPSequence", failed):
        items = []
        for sop_class, uid in found:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
            if keyword == "FailedSOPSequence":
                item.FailureReason = reason
            items.append(item)
        if items:
            setattr(ds, keyword, items)
    return ds


def named(ds: Dataset, keyword: str) -> list[Reference]:
    return [
        (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for item in ds.get(keyword) or ()
    ]


class Archive:
    """Stores, and commits to what it has; `reports` says in which association: same, new, none.

    `status` is what it answers to a request.
    """

    def __init__(self, reports: str = "same", calls: int = 0, ae_title: str = "PACS") -> None:
        self.port = free_port()
        self.reports = reports
        self.calls = calls
        self.ae_title = ae_title
        self.status = 0x0000
        self.offers = True
        self.has: set[str] = set()
        self.asked: list[Dataset] = []
        self.callers: list[str] = []
        self.answers: list[int | None] = []
        self.roles: list[bool] = []
        self._server: Any = None

    def __enter__(self) -> Archive:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ae = AE(self.ae_title)
        ae.add_supported_context(CTImageStorage)
        if self.offers:
            ae.add_supported_context(PUSH_MODEL, SYNTAXES)
        handlers = [(evt.EVT_N_ACTION, self._on_action), (evt.EVT_C_STORE, self._on_store)]
        self._ae = ae
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        if self._server is not None:
            self._ae.shutdown()
            self._server = None

    def transaction_uids(self) -> list[str]:
        return [str(ds.TransactionUID) for ds in self.asked]

    def _on_store(self, event: evt.Event) -> int:
        self.has.add(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def _on_action(self, event: evt.Event) -> tuple[int, None]:
        request = event.action_information
        self.callers.append(event.assoc.requestor.ae_title)
        self.asked.append(request)
        if self.status == 0x0000 and self.reports != "none":
            threading.Thread(target=self._report, args=(event.assoc, request)).start()
        return self.status, None

    def report_on(self, request: Dataset) -> tuple[int, Dataset]:
        asked = named(request, "ReferencedSOPSequence")
        committed = [it for it in asked if it[1] in self.has]
        failed = [it for it in asked if it[1] not in self.has]
        ds = information(request.TransactionUID, committed, failed)
        ds.RetrieveAETitle = self.ae_title
        return 2 if failed else 1, ds

    def _report(self, assoc: Any, request: Dataset) -> None:
        event_type, ds = self.report_on(request)
        if self.reports == "new":
            self.call(event_type, ds)
            return
        with contextlib.suppress(RuntimeError):  # the association has ended meanwhile
            status, _ = assoc.send_n_event_report(ds, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
            self.answers.append(status.get("Status"))

    def call(self, event_type: int, ds: Dataset) -> int | None:
        """Report in an association of its own, in the role of SCP."""
        with self.association() as assoc:
            if not assoc.is_established:
                return None
            self.roles.append(assoc.accepted_contexts[0].as_scp)
            status, _ = assoc.send_n_event_report(ds, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
            self.answers.append(status.get("Status"))
            return status.get("Status")

    @contextlib.contextmanager
    def association(self) -> Iterator[Any]:
        ae = AE(self.ae_title)
        ae.acse_timeout = ae.dimse_timeout = LONG
        ae.add_requested_context(PUSH_MODEL, SYNTAXES)
        role = build_role(PUSH_MODEL, scp_role=True)
        assoc = ae.associate("127.0.0.1", self.calls, ae_title="ATLAS", ext_neg=[role])
        try:
            yield assoc
        finally:
            leave(assoc)


class Scanner:
    """Asks for storage commitment; takes reports where it listens and where it has asked."""

    def __init__(self, ae_title: str = "SCANNER") -> None:
        self.ae_title = ae_title
        self.port = free_port()
        self.status = 0x0000
        self.told: list[tuple[int, Dataset]] = []
        self.told_in: list[str] = []
        self.refused_in: list[str] = []
        self.callers: list[str] = []
        self._server: Any = None

    def __enter__(self) -> Scanner:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen for reports."""
        ae = AE(self.ae_title)
        ae.add_supported_context(PUSH_MODEL, SYNTAXES, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._on_report)]
        self._ae = ae
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        if self._server is not None:
            self._ae.shutdown()
            self._server = None

    @contextlib.contextmanager
    def association(self, port: int, called: str = "ATLAS") -> Iterator[Any]:
        ae = AE(self.ae_title)
        ae.acse_timeout = ae.dimse_timeout = LONG
        ae.add_requested_context(PUSH_MODEL, SYNTAXES)
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._on_report)]
        assoc = ae.associate("127.0.0.1", port, ae_title=called, evt_handlers=handlers)
        try:
            yield assoc
        finally:
            leave(assoc)

    def ask(
        self,
        port: int,
        asked: Sequence[Reference],
        transaction_uid: str = "",
        called: str = "ATLAS",
    ) -> tuple[int | None, str]:
        """Make one request in an association of its own; return its status and Transaction UID."""
        uid = transaction_uid or str(generate_uid())
        with self.association(port, called) as assoc:
            try:
                return request(assoc, information(uid, asked)), uid
            except RuntimeError:  # no association, or none any more
                return None, uid

    def _on_report(self, event: evt.Event) -> tuple[int, None]:
        status, place = self.status, "its own" if event.assoc.is_requestor else "new"
        if status == 0x0000:
            self.told_in.append(place)
            self.callers.append(event.assoc.requestor.ae_title)
            self.told.append((event.event_type, event.event_information))
        else:
            self.refused_in.append(place)
        return status, None


def leave(assoc: Any) -> None:
    """Release an association that is still open."""
    if assoc.is_established:
        assoc.release()


def request(
    assoc: Any,
    ds: Dataset | None,
    action: int = 1,
    sop_class: str = PUSH_MODEL,
    instance: str = PUSH_MODEL_INSTANCE,
) -> int | None:
    """Send an N-ACTION request and return the status of its response."""
    status, _ = assoc.send_n_action(ds, action, sop_class, instance)
    return status.get("Status")
