"""Identifiers of queries, and scripts of upstreams that answer them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from tests.scanner import EXPLICIT, IMPLICIT
from tests.upstream import PENDING, Reply, Script, Step
from tests.workstation import FindResponse

FF01 = 0xFF01
SUCCESS, CANCELLED, SOME_FAILED = 0x0000, 0xFE00, 0xB000
UNABLE, DOES_NOT_MATCH, NOT_AUTHORIZED, NOT_SUPPORTED = 0xC001, 0xA900, 0x0124, 0x0122
MR_HEADER = "SIEMENS MR HEADER"
B_VALUE = 0x0019100C


def nested(depth: int, *, defined: bool = True) -> bytes:
    """A sequence in sequences in explicit VR, each with one item, of defined length or not."""
    inner = b""
    for _ in range(depth):
        size = len(inner) if defined else 0xFFFFFFFF
        item = struct.pack("<HHI", 0xFFFE, 0xE000, size) + inner
        item += b"" if defined else struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        size = len(item) if defined else 0xFFFFFFFF
        inner = struct.pack("<HH2sHI", 0x0040, 0x0100, b"SQ", 0, size) + item
        inner += b"" if defined else struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return inner


def encoded(ds: Dataset, syntax: str = EXPLICIT) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, syntax == IMPLICIT
    write_dataset(buffer, ds)
    return buffer.getvalue()


def decoded(identifier: bytes, syntax: str = EXPLICIT) -> Dataset:
    return read_dataset(BytesIO(identifier), syntax == IMPLICIT, True)


def keys(level: str = "STUDY", **more: object) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def study_keys(**more: object) -> Dataset:
    return keys(**{"StudyInstanceUID": "", "PatientName": "", **more})


def study(number: int, **more: object) -> Dataset:
    return study_keys(StudyInstanceUID=f"1.2.{number}", PatientName=f"P^{number}", **more)


def pending(number: int, **more: object) -> Reply:
    return Reply(PENDING, encoded(study(number, **more)))


def answers(*steps: Step) -> Script:
    """Return a script that says the same to every request."""
    return lambda asked: iter(steps)


def element(tag: int, vr: str, value: bytes) -> bytes:
    """Return an element in explicit VR little endian."""
    value += b" " * (len(value) & 1)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    length = struct.pack("<xxI", len(value)) if vr == "UN" else struct.pack("<H", len(value))
    return head + length + value


def with_private(value: bytes, vr: str = "UN", creator: str = MR_HEADER, **more: object) -> bytes:
    """Return an identifier of a study, between whose elements (0019,100c) stands."""
    before = Dataset()
    before.QueryRetrieveLevel = "STUDY"
    after = Dataset()
    for keyword, found in {"StudyInstanceUID": "", **more}.items():
        setattr(after, keyword, found)
    private = element(0x00190010, "LO", creator.encode()) if creator else b""
    return encoded(before) + private + element(B_VALUE, vr, value) + encoded(after)


def statuses(responses: Iterable[FindResponse]) -> list[int]:
    return [it.status for it in responses]


def uids(responses: Iterable[FindResponse]) -> list[str]:
    return [str(decoded(it.identifier).StudyInstanceUID) for it in responses if it.identifier]
