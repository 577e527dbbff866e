"""A receiving PACS and a sending scanner, independent of the node's own code, on pynetdicom."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode

import tests.associations  # noqa: F401 before any association is made
from atlas_node.dimse import settings
from tests.ports import free_port
from tests.waiting import LONG

settings.apply()

VERIFICATION = "1.2.840.10008.1.1"


class Pacs:
    """A storage SCP that keeps the encoded data sets it gets, by SOP Instance UID.

    `answer` may be set to a function of the request that returns the status.
    """

    def __init__(
        self,
        port: int = 0,
        ae_title: str = "PACS",
        contexts: Iterable[tuple[str, str]] = (),
        **ae_settings: Any,
    ) -> None:
        self.port = port or free_port()
        self.objects: dict[str, list[bytes]] = defaultdict(list)
        self.syntaxes: list[str] = []
        self.arrived: list[str] = []
        self.associations = 0
        self.answer: Callable[[Any], Any] = lambda event: 0x0000
        self._ae_title = ae_title
        self._contexts = contexts
        self._ae_settings = ae_settings
        self._new = threading.Condition()
        self._server: Any = None

    def __enter__(self) -> Pacs:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ae = AE(self._ae_title)
        ae.maximum_pdu_size = 131072
        ae.add_supported_context(VERIFICATION)
        for abstract, syntax in self._contexts:
            ae.add_supported_context(abstract, syntax)
        for name, value in self._ae_settings.items():
            setattr(ae, name, value)
        handlers = [(evt.EVT_ACCEPTED, self._accepted), (evt.EVT_C_STORE, self._store)]
        self._ae = ae
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        if self._server is not None:
            self._ae.shutdown()
            self._server = None

    def wait(self, done: Callable[[Pacs], bool], timeout: float = LONG) -> bool:
        with self._new:
            return self._new.wait_for(lambda: done(self), timeout)

    def wait_for(self, uids: Iterable[str], timeout: float = LONG) -> bool:
        wanted = set(uids)
        return self.wait(lambda pacs: wanted <= pacs.objects.keys(), timeout)

    def _accepted(self, event: evt.Event) -> None:
        self.associations += 1

    def _store(self, event: evt.Event) -> Any:
        status = self.answer(event)
        if status in (0x0000, 0xB000, 0xB006, 0xB007):
            with self._new:
                uid = str(event.request.AffectedSOPInstanceUID)
                self.objects[uid].append(event.request.DataSet.getvalue())
                self.syntaxes.append(str(event.context.transfer_syntax))
                self.arrived.append(uid)
                self._new.notify_all()
        return status


def ct_object(number: int, size: int = 2048, study: str = "1.2.3") -> Dataset:
    """A small CT object whose private elements a toolkit has written as UN."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.Modality = "CT"
    ds.Manufacturer = "SIEMENS"
    ds.PatientID = f"PATIENT-{number}"
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = f"{study}.1"
    ds.InstanceNumber = number
    ds.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    ds.add_new(0x0019100A, "UN", (number % 65536).to_bytes(2, "little"))
    ds.add_new(0x00191099, "UN", b"nobody knows")
    ds.add_new(0x7FE00010, "OW", bytes([number % 256]) * size)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def encoded(ds: Dataset) -> bytes:
    """The bytes that a scanner puts on the wire for `ds`."""
    data = encode(ds, is_implicit_vr=False, is_little_endian=True)
    assert data is not None
    return data


@contextlib.contextmanager
def scanner_association(port: int, ds: Dataset, calling_ae: str) -> Iterator[Any]:
    """An association for objects like `ds`, released at the end if it is still open."""
    ae = AE(calling_ae)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = LONG
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate("127.0.0.1", port, ae_title="ATLAS")
    try:
        yield assoc
    finally:
        if assoc.is_established and not assoc.acse.is_aborted():
            assoc.release()


def send(
    port: int,
    objects: Sequence[Dataset],
    calling_ae: str = "SCANNER",
    answered: list[str] | None = None,
) -> list[str]:
    """Send objects over one association; return the instances that were answered 0x0000.

    A list given as `answered` is added to as each answer comes. Ends when the association does.
    """
    answered = [] if answered is None else answered
    with scanner_association(port, objects[0], calling_ae) as assoc:
        for ds in objects:
            if not assoc.is_established:
                break
            status = assoc.send_c_store(ds)
            if "Status" not in status:
                break
            if status.Status == 0x0000:
                answered.append(str(ds.SOPInstanceUID))
    return answered


def store_status(port: int, ds: Dataset, calling_ae: str = "SCANNER") -> Dataset:
    """Send one object and return the status elements of the response."""
    with scanner_association(port, ds, calling_ae) as assoc:
        assert assoc.is_established
        return assoc.send_c_store(ds)
