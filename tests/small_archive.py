"""An archive of a few studies on pynetdicom's own SCP, which leaves out what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

import tests.associations  # noqa: F401 before any association is made
from tests.ports import free_port

MR_HEADER = "SIEMENS MR HEADER"


NOBODYS_SYNTAX = "1.2.826.0.1.3680043.2.1143.1"
"""A private transfer syntax, in which nobody takes objects."""


class SmallArchive:
    """Answers C-FIND at study level, and C-GET of a study.

    Attributes
    ----------
    studies : dict of str to list of Dataset
    counts : bool
        Whether it tells Number of Study Related Instances.
    last_word : tuple of int and str
        Status and comment that a query ends with.
    nameless : int
        How many responses without a Study Instance UID it gives besides.
    retrieved : list of str
        Study Instance UIDs that were asked for.
    """

    ae_title = "SMALL"

    def __init__(self) -> None:
        self.port = free_port()
        self.studies: dict[str, list[Dataset]] = {}
        self.counts = True
        self.last_word = (0x0000, "")
        self.nameless = 0
        self.retrieved: list[str] = []
        ae = AE(self.ae_title)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
        ae.add_supported_context(MRImageStorage, scu_role=True, scp_role=True)
        handlers: list[Any] = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def __enter__(self) -> SmallArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def add(self, study: str, number: int, syntax: str = ExplicitVRLittleEndian) -> None:
        """Add an image in a transfer syntax, in which alone it can be sent."""
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, f"{study}.1.{number}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.1"
        ds.private_block(0x0019, MR_HEADER, create=True).add_new(0x0C, "IS", str(number))
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        self.studies.setdefault(study, []).append(ds)

    def entry(self) -> dict[str, object]:
        """Return its entry in the node's configuration."""
        return {
            "name": "archive", "ae_title": self.ae_title, "host": "127.0.0.1", "port": self.port,
        }  # fmt: skip

    def _find(self, event: evt.Event) -> Iterator[tuple[int | Dataset, Dataset | None]]:
        for study, objects in self.studies.items():
            found = Dataset()
            found.QueryRetrieveLevel = "STUDY"
            found.StudyInstanceUID = study
            found.SOPClassesInStudy = [MRImageStorage]
            if self.counts:
                found.NumberOfStudyRelatedInstances = str(len(objects))
            yield 0xFF00, found
        for _ in range(self.nameless):
            found = Dataset()
            found.QueryRetrieveLevel = "STUDY"
            yield 0xFF00, found
        final = Dataset()
        final.Status, comment = self.last_word
        if comment:
            final.ErrorComment = comment
        yield final, None

    def _get(self, event: evt.Event) -> Iterator[int | tuple[int, Dataset]]:
        study = str(event.identifier.StudyInstanceUID)
        self.retrieved.append(study)
        yield len(self.studies[study])
        for ds in self.studies[study]:
            yield 0xFF00, ds
