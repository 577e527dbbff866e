"""Private keys of a query: found in the request's identifier and given their creator and VR.

A caller that does not know a private attribute writes it as ``UN``, or without a VR at all, and
often without its Private Creator. `resolve` completes the identifier for the upstream and returns
what was asked, for the index. The rule is that of annotation: a VR comes from the dictionary only
where that has exactly one; where it does not know, the key goes on as it came.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from atlas_dictionary import Dictionary, Entry
from atlas_node.query.matching import Value

_FORMAT: Final = {
    "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q",
}  # fmt: skip
_UNSEARCHABLE: Final = frozenset({"SQ", "UN", "AT", "OB", "OD", "OF", "OL", "OV", "OW"})
_FIRST_BLOCK: Final = 0x10
_LAST_BLOCK: Final = 0xFF


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key of a request.

    Attributes
    ----------
    tag : int
        Where it stands in the identifier, once its creator is there.
    creator : str
        Private creator; empty where there is none and the dictionary does not tell it.
    key : str
        Such as ``(0019,xx0c)``.
    vr : str
        Its VR; ``UN`` where neither the caller nor the dictionary has one.
    values : tuple of str, int or float
        What is asked; empty for a key that only wants its value back.
    encodable : bool
        Whether the values can be written in the VR: a range cannot, in a binary one.
    """

    tag: int
    creator: str
    key: str
    vr: str
    values: tuple[Value, ...]
    encodable: bool = True


class PrivateAttributes:
    """What a dictionary knows of private attributes, asked by creator or without one.

    Parameters
    ----------
    dictionary : atlas_dictionary.Dictionary
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._by_place: dict[tuple[int, int], list[Entry]] | None = None

    def vr(self, creator: str, group: int, element: int) -> str:
        """Return the one VR of an attribute; ``UN`` where there is not exactly one."""
        entry = self._dictionary.private(creator, group, element)
        return entry.vr if entry is not None and not entry.ambiguous else "UN"

    def only_creator(self, group: int, element: int) -> str:
        """Return the creator of the only attribute at this place; empty where there are more."""
        if self._by_place is None:
            self._by_place = {}
            for entry in self._dictionary:
                if entry.creator is not None:
                    place = (entry.group, entry.element)
                    self._by_place.setdefault(place, []).append(entry)
        found = self._by_place.get((group, element & 0xFF), [])
        return found[0].creator or "" if len(found) == 1 else ""


def folded_creator(creator: str) -> str:
    """Return a creator without the case and the spaces in which its spellings differ."""
    return " ".join(creator.split()).lower()


def resolve(identifier: Dataset, attributes: PrivateAttributes) -> tuple[Dataset, list[PrivateKey]]:
    """Complete the private keys of an identifier.

    Parameters
    ----------
    identifier : Dataset
        As decoded from the request; it is not changed.
    attributes : PrivateAttributes

    Returns
    -------
    Dataset
        The identifier with creators and VRs where they are known. A key that could not be encoded
        is empty in it: every value is asked for.
    list of PrivateKey
        The private keys at its top level, in order; creators are none.
    """
    completed = Dataset()
    completed.update({tag: identifier.get_item(tag) for tag in sorted(identifier.keys())})
    encodings = convert_encodings(identifier.get("SpecificCharacterSet", "ISO_IR 6") or "ISO_IR 6")
    keys: list[PrivateKey] = []
    for tag in sorted(identifier.keys()):
        if not tag.is_private or tag.is_private_creator or tag.element < _FIRST_BLOCK << 8:
            continue
        creator_tag = Tag(tag.group, tag.element >> 8)
        creator = (
            str(identifier[creator_tag].value or "").strip() if creator_tag in identifier else ""
        )
        if not creator:
            creator = attributes.only_creator(tag.group, tag.element)
            if creator:
                completed[creator_tag] = DataElement(creator_tag, "LO", creator)
        element = identifier.get_item(tag)
        stated = element.VR or "UN"
        vr = (
            stated
            if stated != "UN" or not creator
            else attributes.vr(creator, tag.group, tag.element)
        )
        values, encoded = _values(vr, element, encodings, stated)
        keys.append(
            PrivateKey(
                int(tag),
                creator,
                f"({tag.group:04x},xx{tag.element & 0xFF:02x})",
                vr,
                values,
                encodable=encoded is not None,
            )
        )
        if vr not in ("SQ", "UN"):
            completed[tag] = _raw(tag, vr, encoded or b"")
    return completed, keys


def _raw(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    return RawDataElement(tag, vr, len(value), value, 0, False, True)


def _values(
    vr: str, element: DataElement | RawDataElement, encodings: Sequence[str], stated: str
) -> tuple[tuple[Value, ...], bytes | None]:
    """Return the values of a key and its encoding, None where they cannot be encoded."""
    found = element.value
    if not isinstance(element, RawDataElement) and not isinstance(found, bytes):
        listed = found if isinstance(found, (list, tuple)) else [found]
        if vr in _UNSEARCHABLE or found in (None, ""):
            return (), b""
        values = tuple(it if isinstance(it, (int, float)) else str(it) for it in listed)
        return values, encode_values(vr, values)
    raw = bytes(found or b"")
    if vr in _UNSEARCHABLE or not raw:
        return (), raw
    if vr in _FORMAT:
        return _numbers(vr, raw, stated)
    text = decode_bytes(raw, list(encodings), set())
    return tuple(part.strip(" \0") for part in text.split("\\")), raw


def _numbers(vr: str, raw: bytes, stated: str) -> tuple[tuple[Value, ...], bytes | None]:
    """Read the value of a key of a binary VR, which callers that do not know it write as text."""
    unit = struct.calcsize(_FORMAT[vr])
    text = raw.decode("latin-1").strip(" \0")
    looks_like_text = stated == "UN" and text and all(c in "0123456789+-.eE\\ " for c in text)
    if len(raw) % unit == 0 and not (looks_like_text and len(raw) != unit):
        return struct.unpack(f"<{len(raw) // unit}{_FORMAT[vr]}", raw), raw
    values = tuple(part.strip() for part in text.split("\\"))
    return values, encode_values(vr, values)


def encode_values(vr: str, values: Sequence[Value]) -> bytes | None:
    """Return values encoded in little endian; None where they cannot be, such as a range in US.

    Parameters
    ----------
    vr : str
        A VR that can be searched.
    values : sequence of str, int or float
    """
    if vr not in _FORMAT:
        encoded = "\\".join(map(str, values)).encode("utf-8", "replace")
        return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) & 1)
    convert = float if vr in ("FD", "FL") else int
    try:
        return struct.pack(f"<{len(values)}{_FORMAT[vr]}", *(convert(value) for value in values))
    except (ValueError, struct.error, OverflowError):
        return None
