"""DICOM files (PS3.10 section 7): the preamble and file meta information before a data set.

The spool writes them before the bytes that a peer sent, and the command line reads them; the
data set itself is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from atlas_node import __version__
from atlas_node.encoding.header import LITTLE_ENDIAN, explicit_header
from atlas_node.encoding.pieces import Buffer
from atlas_node.encoding.vr import LONG_FORM, SHORT_FORM
from atlas_node.errors import MalformedStreamError

IMPLEMENTATION_CLASS_UID: Final = "2.25.198094941179579129950144110640790615596"
IMPLEMENTATION_VERSION_NAME: Final = f"ATLAS_{__version__}"[:16]

_PREAMBLE: Final = 128
_PREFIX: Final = b"DICM"


@dataclass(frozen=True, slots=True)
class Part10File:
    """Where the data set of a file begins, and what its meta information says of it.

    Attributes
    ----------
    transfer_syntax_uid, sop_class_uid, sop_instance_uid : str
        Empty where the file meta information lacks them.
    offset : int
        Offset of the data set in the file, in bytes.
    """

    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    offset: int


def file_header(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae: str = "",
) -> bytes:
    """Return the preamble, prefix and file meta information for one object (PS3.10 7.1)."""
    elements = [
        explicit_header(0x0002, 0x0001, "OB", 2) + b"\x00\x01",
        _text(0x0002, "UI", sop_class_uid),
        _text(0x0003, "UI", sop_instance_uid),
        _text(0x0010, "UI", transfer_syntax_uid),
        _text(0x0012, "UI", IMPLEMENTATION_CLASS_UID),
        _text(0x0013, "SH", IMPLEMENTATION_VERSION_NAME),
    ]
    if source_ae:
        elements.append(_text(0x0016, "AE", source_ae))
    group = b"".join(elements)
    length = explicit_header(0x0002, 0x0000, "UL", 4) + LITTLE_ENDIAN.length.pack(len(group))
    return bytes(_PREAMBLE) + _PREFIX + length + group


def _text(element: int, vr: str, text: str) -> bytes:
    value = text.encode("ascii", "replace")
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    return explicit_header(0x0002, element, vr, len(value)) + value


def split_file(data: Buffer) -> Part10File:
    """Find the data set of a DICOM file.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        The file from its first byte.

    Raises
    ------
    MalformedStreamError
        When there is no ``DICM`` prefix or the file meta information cannot be read.
    """
    view = memoryview(data)
    if view[_PREAMBLE : _PREAMBLE + 4].tobytes() != _PREFIX:
        raise MalformedStreamError("no DICOM file: expected the prefix DICM", _PREAMBLE)
    values: dict[int, str] = {}
    position = _PREAMBLE + 4
    for element, _, start, position in _meta_elements(view):
        if element in (0x0002, 0x0003, 0x0010):
            values[element] = view[start:position].tobytes().decode("latin-1").strip("\0 ")
    return Part10File(
        values.get(0x0010, ""), values.get(0x0002, ""), values.get(0x0003, ""), position
    )


def with_transfer_syntax(header: Buffer, transfer_syntax_uid: str) -> bytes:
    """Return what stands before a data set, for the same object in another transfer syntax.

    Parameters
    ----------
    header : bytes, bytearray or memoryview
        A file up to `Part10File.offset`.
    transfer_syntax_uid : str
        For (0002,0010); (0002,0000) is made to fit, every other element stays as it is.

    Raises
    ------
    MalformedStreamError
        When the file meta information cannot be read.
    """
    view = memoryview(header)
    group = b"".join(
        _text(0x0010, "UI", transfer_syntax_uid) if element == 0x0010 else view[begin:end]
        for element, begin, _, end in _meta_elements(view)
        if element != 0x0000
    )
    length = explicit_header(0x0002, 0x0000, "UL", 4) + LITTLE_ENDIAN.length.pack(len(group))
    return bytes(view[: _PREAMBLE + 4]) + length + group


def _meta_elements(view: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Yield each element of group 0002, where it and its value begin, and where it ends."""
    position, end = _PREAMBLE + 4, len(view)
    while end - position >= 8:
        group, element, vr, length = LITTLE_ENDIAN.element.unpack_from(view, position)
        if group != 0x0002:
            break
        start = position + 8
        if vr in LONG_FORM:
            if end - position < 12:
                raise MalformedStreamError("file meta information is cut short", position)
            length = LITTLE_ENDIAN.length.unpack_from(view, start)[0]
            start += 4
        elif vr not in SHORT_FORM:
            raise MalformedStreamError(
                f"file meta information is not in explicit VR: (0002,{element:04x})", position
            )
        if start + length > end:
            raise MalformedStreamError(
                f"file meta information is cut short in (0002,{element:04x})", position
            )
        yield element, position, start, start + length
        position = start + length
