"""Private keys of a query: found in the request's identifier and given their creator and VR.

A caller that does not know a private attribute writes it as ``UN``, or without a VR at all, and
often without its Private Creator. `resolve` completes the identifier for the upstream and returns
what was asked, for the index. The rule is that of annotation: a VR comes from the dictionary only
where that has exactly one; where it does not know, the key goes on as it came. No key ever stands
in the block of a creator that is not its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import IS, DSfloat

from atlas_dictionary import Dictionary, Entry
from atlas_node.annotate.charset import decode_text
from atlas_node.encoding.vr import NATIVE_TEXT, NUMBER_FORMAT, SINGLE_TEXT
from atlas_node.query.character_sets import encoded_text
from atlas_node.query.indexed import IndexedKey
from atlas_node.query.matching import SEARCHABLE, QueryKeyError, parse_key
from atlas_node.query.numeric import Value

_TEXT: Final = NATIVE_TEXT | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
_OF_A_NUMBER: Final = frozenset("0123456789+-.eE\\ ")
_FIRST_BLOCK: Final = 0x10
_LAST_BLOCK: Final = 0xFF


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key of a request.

    Attributes
    ----------
    tag : int
        Where it stands in the completed identifier.
    creator : str
        Private creator; empty where there is none and the dictionary does not tell it.
    key : str
        Such as ``(0019,xx0c)``.
    vr : str
        Its VR; ``UN`` where neither the caller nor the dictionary has one.
    values : tuple of str, int or float
        What is asked; empty for a key that only wants its value back. Bytes that may be a number
        of the VR as well as its text have both readings, of which one must match.
    encodable : bool
        Whether the values can be written in the VR: in a binary one a range cannot, nor can bytes
        that have two readings.
    understood : bool
        Whether the node can tell what is asked; if not, `values` is empty.
    in_item : bool
        Whether it stands in an item of a sequence, where the index does not answer it.
    """

    tag: int
    creator: str
    key: str
    vr: str
    values: tuple[Value, ...]
    encodable: bool = True
    understood: bool = True
    in_item: bool = False

    @property
    def searchable(self) -> bool:
        """Whether values of its VR can be matched."""
        return is_searchable(self.vr)


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

    def knows_creator(self, creator: str) -> bool:
        """Whether the dictionary has any attribute of a creator."""
        wanted = folded_creator(creator)
        return any(folded_creator(it) == wanted for it in self._dictionary.creators())

    def knows(self, creator: str, group: int, element: int) -> bool:
        """Whether the dictionary has an attribute."""
        return self._dictionary.private(creator, group, element) is not None

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


def is_searchable(vr: str) -> bool:
    """Whether values of a VR can be matched."""
    return vr in SEARCHABLE


def resolve(
    identifier: Dataset, attributes: PrivateAttributes, indexed: Sequence[IndexedKey] = ()
) -> tuple[Dataset, list[PrivateKey]]:
    """Complete the private keys of an identifier.

    Parameters
    ----------
    identifier : Dataset
        As decoded from the request; it is not changed.
    attributes : PrivateAttributes
    indexed : sequence of IndexedKey
        What the index holds: a key of it has the VR of the dictionary, whatever the caller states,
        and its creator where the caller states none and no other indexed key is at its place.

    Returns
    -------
    Dataset
        The identifier with creators and VRs where they are known. A key that could not be encoded
        is empty in it: every value is asked for. Keys without a creator that came in one block,
        and are not of one creator, stand in blocks of their own.
    list of PrivateKey
        The private keys, those in items after the others; creators are none.
    """
    encodings = convert_encodings(identifier.get("SpecificCharacterSet", "ISO_IR 6") or "ISO_IR 6")
    return _resolved(identifier, attributes, indexed, encodings, in_item=False)


def _resolved(
    identifier: Dataset,
    attributes: PrivateAttributes,
    indexed: Sequence[IndexedKey],
    encodings: Sequence[str],
    *,
    in_item: bool,
) -> tuple[Dataset, list[PrivateKey]]:
    """Do what `resolve` does with an identifier, or an item in it, in some character sets."""
    completed = Dataset()
    completed.update({tag: identifier.get_item(tag) for tag in sorted(identifier.keys())})
    by_creator = {(folded_creator(it.creator), it.key) for it in indexed}
    keys: list[PrivateKey] = []
    for given, tag, creator in _placed(completed, attributes, indexed):
        element = identifier.get_item(given)
        if creator:
            creator_tag = Tag(tag.group, tag.element >> 8)
            if not _creator_in(completed, creator_tag):
                completed[creator_tag] = DataElement(creator_tag, "LO", creator)
        if tag != given:
            del completed[given]
            completed[tag] = _moved(element, tag)
        stated = element.VR or "UN"
        name = _name(tag)
        known = attributes.vr(creator, tag.group, tag.element) if creator else "UN"
        is_indexed = (folded_creator(creator), name) in by_creator
        is_ours = stated == "UN" or (is_indexed and known != "UN")
        vr = known if is_ours else stated
        values, encoded, understood = _values(vr, element, encodings, stated)
        keys.append(
            PrivateKey(
                int(tag), creator, name, vr, values,
                encodable=encoded is not None, understood=understood, in_item=in_item,
            )
        )  # fmt: skip
        if vr not in ("SQ", "UN"):
            completed[tag] = _raw(tag, vr, encoded or b"")
    for tag in sorted(completed.keys()):
        if completed.get_item(tag).VR == "SQ":
            items = [
                _resolved(item, attributes, indexed, encodings, in_item=True)
                for item in completed[tag].value or ()
            ]
            completed[tag] = DataElement(tag, "SQ", [item for item, _ in items])
            keys += (key for _, its in items for key in its)
    return _sorted(completed), keys


def _placed(
    identifier: Dataset, attributes: PrivateAttributes, indexed: Sequence[IndexedKey]
) -> list[tuple[BaseTag, BaseTag, str]]:
    """Return for each private key where it stands, where it is to stand, and its creator."""
    found: dict[BaseTag, str] = {}
    without: dict[int, set[str]] = {}
    for tag in sorted(identifier.keys()):
        if not tag.is_private or tag.is_private_creator or tag.element < _FIRST_BLOCK << 8:
            continue
        creator = _creator_in(identifier, Tag(tag.group, tag.element >> 8))
        if not creator:
            creator = _only_indexed(indexed, _name(tag)) or attributes.only_creator(
                tag.group, tag.element
            )
            without.setdefault(int(tag) >> 8, set()).add(creator)
        found[tag] = creator
    placed: list[tuple[BaseTag, BaseTag, str]] = []
    blocks = {int(tag) >> 8: "" for tag in found}
    for tag in identifier.keys():  # noqa: SIM118
        if tag.is_private_creator:
            blocks[tag.group << 8 | tag.element] = _creator_in(identifier, tag)
    for tag, creator in found.items():
        block = int(tag) >> 8
        if creator and len(without.get(block, ())) > 1:
            free = free_block(tag.group, creator, blocks)
            if free is None:
                placed.append((tag, tag, ""))
                continue
            blocks[free] = creator
            placed.append((tag, Tag(free << 8 | tag.element & 0xFF), creator))
        else:
            placed.append((tag, tag, creator))
    return placed


def free_block(group: int, creator: str, blocks: dict[int, str]) -> int | None:
    """Return the block of a creator, else the first that nothing stands in.

    Parameters
    ----------
    group : int
    creator : str
    blocks : dict of int to str
        The creator of each block that is used, by the upper three bytes of its tags; empty where
        a block has elements and no creator.

    Returns
    -------
    int or None
        None: all are used.
    """
    wanted = folded_creator(creator)
    its = [it for it, used in blocks.items() if it >> 8 == group and folded_creator(used) == wanted]
    if its:
        return its[0]
    every = range(group << 8 | _FIRST_BLOCK, (group << 8 | _LAST_BLOCK) + 1)
    return next((it for it in every if it not in blocks), None)


def _only_indexed(indexed: Iterable[IndexedKey], name: str) -> str:
    """Return the creator of the only indexed attribute at a place; empty where there are more."""
    found = {folded_creator(it.creator): it.creator for it in indexed if it.key == name}
    return next(iter(found.values())) if len(found) == 1 else ""


def _creator_in(identifier: Dataset, creator_tag: BaseTag) -> str:
    if creator_tag not in identifier:
        return ""
    return str(identifier[creator_tag].value or "").strip()


def _name(tag: BaseTag) -> str:
    return f"({tag.group:04x},xx{tag.element & 0xFF:02x})"


def _moved(element: DataElement | RawDataElement, tag: BaseTag) -> DataElement | RawDataElement:
    if isinstance(element, RawDataElement):
        return element._replace(tag=tag)
    return DataElement(tag, element.VR, element.value)


def _sorted(ds: Dataset) -> Dataset:
    ordered = Dataset()
    ordered.update({tag: ds.get_item(tag) for tag in sorted(ds.keys())})
    return ordered


def _raw(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    return RawDataElement(tag, vr, len(value), value, 0, False, True)


def _values(
    vr: str, element: DataElement | RawDataElement, encodings: Sequence[str], stated: str
) -> tuple[tuple[Value, ...], bytes | None, bool]:
    """Return the values of a key, its encoding, and whether they are understood.

    The encoding is None where there is none.
    """
    found = element.value
    if found in (None, "", b""):
        return (), b"", True
    if not isinstance(element, RawDataElement) and not isinstance(found, bytes):
        if vr not in SEARCHABLE:
            return (), b"", False
        is_list = isinstance(found, Sequence) and not isinstance(found, str)
        values = tuple(_value(it) for it in (found if is_list else [found]))
        if vr in SINGLE_TEXT:
            values = ("\\".join(map(str, values)),)
        return values, encode_values(vr, values, encodings), True
    raw = bytes(found)
    if vr not in SEARCHABLE:
        return (), raw, False
    # Bytes are what the VR says that they were written in, where that says anything.
    stated = stated if stated in SEARCHABLE else "UN"
    written = vr if stated == "UN" else stated
    if written in NUMBER_FORMAT:
        values, encoded = _numbers(written, raw, stated)
        if written != vr and values:
            encoded = encode_values(vr, values, encodings)
        return values, encoded, bool(values)
    if written not in _TEXT:
        return (), None, False
    text = decode_text(raw, tuple(encodings))
    if text is None:
        text = decode_bytes(raw, list(encodings), set())
    parts = [text] if vr in SINGLE_TEXT else text.split("\\")
    values = tuple(part.strip(" \0") for part in parts)
    return values, (raw if vr not in NUMBER_FORMAT else encode_values(vr, values)), True


def _value(found: object) -> Value:
    """Return a value that pydicom has decoded; a DS or IS as it is written."""
    if isinstance(found, (DSfloat, IS)):
        return str(found)
    return found if isinstance(found, (int, float)) else str(found)


def _numbers(vr: str, raw: bytes, stated: str) -> tuple[tuple[Value, ...], bytes | None]:
    """Read the value of a key of a binary VR, which callers that do not know it write as text.

    Returns
    -------
    tuple
        None where it is neither.
    bytes or None
    """
    unit = struct.calcsize(NUMBER_FORMAT[vr])
    numbers: tuple[Value, ...] = ()
    if len(raw) % unit == 0:
        numbers = struct.unpack(f"<{len(raw) // unit}{NUMBER_FORMAT[vr]}", raw)
    text = raw.decode("latin-1").strip(" \0")
    if stated != "UN" or not text or not text.isascii() or not text.isprintable():
        return numbers, (raw if numbers else None)
    values = tuple(part.strip() for part in text.split("\\"))
    if not _OF_A_NUMBER.issuperset(text) or not _is_key(vr, values):
        # A word of the length of one number may be that number; a longer one is a word.
        return (numbers, raw) if len(raw) == unit else ((), None)
    if len(raw) == unit:
        # By PS3.5 6.2.2 it is the number, by what callers write it is its text: an upstream that
        # was asked for one of them would leave out what has the other.
        return (*values, *numbers), None
    return values, encode_values(vr, values)


def _is_key(vr: str, values: Sequence[str]) -> bool:
    """Whether texts can be matched in a VR."""
    try:
        parse_key(vr, values)
    except QueryKeyError:
        return False
    return True


def encode_values(
    vr: str, values: Sequence[Value], encodings: Sequence[str] = ("utf-8",)
) -> bytes | None:
    """Return values encoded in little endian; None where they cannot be, such as a range in US.

    Parameters
    ----------
    vr : str
        Any; of one that is neither text nor a number nothing can be encoded.
    values : sequence of str, int or float
    encodings : sequence of str
        Of the data set, as `encodings_of` gives them; they matter for text.
    """
    if vr in _TEXT:
        encodings = encodings if vr in NATIVE_TEXT else ()
        texts = [encoded_text(str(it), encodings) for it in values]
        if None in texts:
            return None
        encoded = b"\\".join(it for it in texts if it is not None)
        return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) & 1)
    if vr not in NUMBER_FORMAT:
        return None
    convert = float if vr in ("FD", "FL") else int
    try:
        return struct.pack(f"<{len(values)}{NUMBER_FORMAT[vr]}", *map(convert, values))
    except (ValueError, struct.error, OverflowError):
        return None
