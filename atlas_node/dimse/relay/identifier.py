"""Identifiers: the data sets of queries, as encoded by one side and as the other side wants them.

`find`, `get` and `move` use it. Requests are small and are decoded to be looked at; responses stay
encoded wherever that is possible.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Final

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from atlas_node.annotate import Annotation, Annotator
from atlas_node.encoding.header import LITTLE_ENDIAN
from atlas_node.encoding.implicit import MAX_DEPTH
from atlas_node.encoding.vr import LONG_FORM, MAX_SHORT_LENGTH, SHORT_FORM, UNDEFINED_LENGTH
from atlas_node.model import Policy

EXPLICIT: Final = str(ExplicitVRLittleEndian)
IMPLICIT: Final = str(ImplicitVRLittleEndian)

_KNOWN_VRS: Final = SHORT_FORM | LONG_FORM
_SHORT: Final = frozenset(map(bytes.decode, SHORT_FORM))
_NUMBERS: Final = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
_OF_A_NUMBER: Final = b"0123456789+-.eE\\ "
_STEP: Final = re.compile(r"\((\w{4}),(\w{4})\)\[(\d+)\]\.")


def decode_identifier(identifier: bytes, transfer_syntax_uid: str) -> Dataset:
    """Return an identifier as a data set.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    syntax = UID(transfer_syntax_uid)
    try:
        ds = decode(
            io.BytesIO(identifier),
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            syntax.is_deflated,
        )
        for _ in ds:
            # Elements are read when they are asked for, and only then found to be damaged.
            pass
    except Exception as error:
        raise ValueError("the identifier cannot be read") from error
    return ds


def is_truncated(identifier: bytes, transfer_syntax_uid: str) -> bool:
    """Whether an identifier ends within an element, which `decode_identifier` does not tell.

    What is not as its transfer syntax has it, or has an undefined length, is not looked into.
    """
    is_explicit = transfer_syntax_uid == EXPLICIT
    if not is_explicit and identifier[4:6] in _KNOWN_VRS:
        return False
    order, position, end = LITTLE_ENDIAN, 0, len(identifier)
    while position < end:
        value = position + order.element.size
        if value > end:
            return True
        _, _, vr, length = order.element.unpack_from(identifier, position)
        if not is_explicit:
            (length,) = order.length.unpack_from(identifier, position + 4)
        elif vr not in _KNOWN_VRS:
            return False
        elif vr in LONG_FORM:
            if value + order.length.size > end:
                return True
            (length,) = order.length.unpack_from(identifier, value)
            value += order.length.size
        if length == UNDEFINED_LENGTH:
            return False
        position = value + length
    return position > end


def carriers(identifier: bytes, given: str) -> Sequence[str]:
    """Return the transfer syntaxes that have room for the values of an identifier, the best first.

    In explicit VR a UI has 65,534 bytes, some 1,500 UIDs. A longer one would be written as ``UN``
    (PS3.5 6.2.2), in which an archive may not look for UIDs, and take the key for none.
    """
    both = (EXPLICIT, IMPLICIT)
    if given != IMPLICIT or len(identifier) <= MAX_SHORT_LENGTH:
        return both
    position, end = 0, len(identifier) - LITTLE_ENDIAN.element.size
    while position <= end:
        group, element = LITTLE_ENDIAN.element.unpack_from(identifier, position)[:2]
        (length,) = LITTLE_ENDIAN.length.unpack_from(identifier, position + 4)
        if length == UNDEFINED_LENGTH:
            break
        tag = group << 16 | element
        is_short = not group & 1 and dictionary_has_tag(tag) and dictionary_VR(tag) in _SHORT
        if is_short and length > MAX_SHORT_LENGTH:
            return (IMPLICIT,)
        position += LITTLE_ENDIAN.element.size + length
    return both


def encode_identifier(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    """Return an identifier as encoded.

    Raises
    ------
    ValueError
        When it cannot be written.
    """
    syntax = UID(transfer_syntax_uid)
    _refuse_deep_nesting(ds)
    encoded = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if encoded is None:
        raise ValueError("the identifier cannot be encoded")
    return encoded


def carried_over(identifier: bytes, given: str, wanted: str) -> bytes:
    """Return an identifier in another transfer syntax.

    Raises
    ------
    ValueError
        When it cannot be read or written.
    """
    if given == wanted:
        return identifier
    return encode_identifier(decode_identifier(identifier, given), wanted)


def annotated_request(identifier: bytes, given: str, annotator: Annotator) -> Dataset:
    """Return the identifier of a request as a data set in explicit VR.

    Its private elements are ``UN`` where the caller has not said more: a key is not always a value
    of its VR, which can be a range or a pattern.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    ds = annotated(identifier, given, annotator)
    syntax = UID(given)
    raw = decode(
        io.BytesIO(identifier), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
    )
    _refuse_deep_nesting(raw)
    _restore_unknown(ds, raw)
    return ds


def _refuse_deep_nesting(ds: Dataset, depth: int = 0) -> None:
    """Raise `ValueError` where sequences are nested deeper than the standard's ever are.

    On a few hundred levels pydicom's writer fails with messages that double in length from one
    level to the next, and holds the process up without end.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"sequences are nested deeper than {MAX_DEPTH}")
    for tag in list(ds.keys()):
        if not _may_be_sequence(ds.get_item(tag)):
            continue
        try:
            items = ds[tag].value if ds[tag].VR == "SQ" else ()
        except Exception as error:
            raise ValueError("the identifier cannot be read") from error
        for item in items or ():
            _refuse_deep_nesting(item, depth + 1)


def _may_be_sequence(element: DataElement | RawDataElement) -> bool:
    """Whether an element has items, as far as that shows without a look at its value."""
    vr = element.VR
    if isinstance(element, RawDataElement):
        if element.length == UNDEFINED_LENGTH:
            return True
        if vr is None and dictionary_has_tag(element.tag):
            vr = dictionary_VR(element.tag)
    return vr == "SQ"


def _restore_unknown(ds: Dataset, raw: Dataset) -> None:
    """Make private elements ``UN`` again that were read as such, those in items, too."""
    for element in list(ds):
        given_element = raw.get_item(element.tag)
        if element.VR == "SQ":
            if _is_sequence(raw, element.tag):
                for item, given_item in zip(element.value, raw[element.tag].value, strict=False):
                    _restore_unknown(item, given_item)
        elif element.tag.is_private and _is_unknown(given_element):
            ds[element.tag] = DataElement(element.tag, "UN", given_element.value or b"")


def _is_sequence(ds: Dataset, tag: BaseTag) -> bool:
    return tag in ds and ds[tag].VR == "SQ"


def _is_unknown(element: DataElement | RawDataElement | None) -> bool:
    """Whether an element that was read has no VR, or the one that says nothing."""
    creator = element is not None and element.tag.is_private_creator
    return isinstance(element, RawDataElement) and element.VR in (None, "UN") and not creator


def annotated(identifier: bytes, given: str, annotator: Annotator) -> Dataset:
    """Return an identifier as a data set in which private elements have the VRs that are known.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    # With VRs from the dictionary of the node, and never from that of a library.
    annotation = annotator.annotate(identifier, given, Policy.DECODE, EXPLICIT)
    ds = decode_identifier(b"".join(annotation.pieces), annotation.transfer_syntax_uid)
    for path, tag, text in _texts_of_numbers(annotation):
        holder = _at(ds, path)
        if holder is not None and tag in holder:
            holder[tag] = DataElement(tag, "UN", text)
    return ds


def annotated_response(
    identifier: bytes, given: str, wanted: str, annotator: Annotator, policy: Policy
) -> Sequence[bytes | memoryview]:
    """Return a response as it is encoded for the caller, its private elements with their VRs.

    Raises
    ------
    ValueError
        When it cannot be encoded in `wanted`.
    """
    annotation = annotator.annotate(identifier, given, policy, wanted)
    if annotation.transfer_syntax_uid != wanted:
        return [carried_over(identifier, given, wanted)]
    if annotation.changed and _texts_of_numbers(annotation):
        return [encode_identifier(annotated(identifier, given, annotator), wanted)]
    return annotation.pieces


def _texts_of_numbers(annotation: Annotation) -> list[tuple[str, int, bytes]]:
    """Return the private elements of a response whose values may be texts of binary numbers.

    Orthanc answers so: the US 36 as ``UN`` with the bytes ``36``, which would be the US 13875.
    Which of both is meant their bytes do not tell. Of each its path, tag and value.
    """
    found: list[tuple[str, int, bytes]] = []
    for path, group, element, _, _, before, vr, *_, value in annotation.facts():
        is_new = vr in _NUMBERS and vr != before.decode()
        if is_new and value and not value.strip(_OF_A_NUMBER):
            found.append((path, group << 16 | element, value))
    return found


def _at(ds: Dataset, path: str) -> Dataset | None:
    """Return the item at the path of a fact, such as ``(0040,0100)[0].``; None if it is not one."""
    for group, element, item in _STEP.findall(path):
        tag = Tag(int(group, 16), int(element, 16))
        if not _is_sequence(ds, tag) or len(ds[tag].value) <= int(item):
            return None
        ds = ds[tag].value[int(item)]
    return ds
