"""The part of a query that the index answers: what is asked upstream instead, and what comes back.

The query proxy makes an `IndexedQuery` of each request with indexed private keys. They are taken
out of what the upstream is asked, which may know nothing of them; its responses are then filtered
and completed from the index. The rule: a response is held back only where the index says no, and
where it is not all that the keys ask for, that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from atlas_node.encoding.header import LITTLE_ENDIAN, explicit_header
from atlas_node.encoding.vr import LONG_FORM, MAX_SHORT_LENGTH
from atlas_node.errors import AtlasError
from atlas_node.query.character_sets import encodings_of
from atlas_node.query.index import AttributeIndex
from atlas_node.query.indexed import IndexedKey, Level
from atlas_node.query.matching import Condition, parse_key
from atlas_node.query.private_keys import (
    PrivateKey,
    encode_values,
    folded_creator,
    free_block,
)
from atlas_node.query.telling import NOTHING, Told, in_one_element

UID_OF_LEVEL: Final = {
    Level.STUDY: Tag(0x0020, 0x000D),
    Level.SERIES: Tag(0x0020, 0x000E),
    Level.IMAGE: Tag(0x0008, 0x0018),
}
_UIDS: Final = tuple(UID_OF_LEVEL.values())
_MOST_UIDS: Final = 200
"""UIDs that an upstream is asked for in one list; a request stays far below any limit of a PDU."""
_MOST_KNOWN: Final = 1000
"""Entities that match of which all is read before the upstream is asked; of more, one by one."""

_CHARACTER_SET: Final = 0x00080005


class NothingIndexedError(AtlasError):
    """No received object had a value for a key of the index: nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    private: PrivateKey
    indexed: IndexedKey
    condition: Condition

    def wants(self, value: str) -> bool:
        """Whether a value is one that is asked for, and not just one of all."""
        return not self.condition.universal and self.condition.matches([value])


class IndexedQuery:
    """One query with keys of the index.

    Parameters
    ----------
    index : AttributeIndex
    configured : iterable of IndexedKey
        What the index holds.
    keys : sequence of PrivateKey
        The private keys of the request.
    level : Level or None
        Of the query; None for one that has no such level, whose keys the index cannot answer.

    Raises
    ------
    QueryKeyError
        When a key has a value that its VR does not allow.
    """

    def __init__(
        self,
        index: AttributeIndex,
        configured: Iterable[IndexedKey],
        keys: Sequence[PrivateKey],
        level: Level | None,
    ) -> None:
        self._index = index
        known = {(folded_creator(it.creator), it.key): it for it in configured if level}
        self._level = level or Level.STUDY
        self._asked = [
            _Asked(key, indexed, parse_key(key.vr, key.values if key.searchable else ()))
            for key in keys
            if not key.in_item
            and (indexed := known.get((folded_creator(key.creator), key.key))) is not None
        ]
        self._keys = frozenset(it.indexed for it in self._asked)
        self._is_understood = all(
            it.private.understood and it.private.searchable for it in self._asked
        )
        self._fetched: Mapping[str, Mapping[IndexedKey, Told]] = {}
        self._possible: Mapping[int, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    def request(self, identifier: Dataset) -> Dataset | None:
        """Return what the upstream is asked; None when nothing can match.

        Without the keys of the index, with the UIDs that name an entity of the level, and, where
        few entities match, with those that do.

        Parameters
        ----------
        identifier : Dataset
            The completed identifier of the request; it is not changed.

        Raises
        ------
        LogError
            When the index cannot be read.
        NothingIndexedError
            When nothing can match because the index has no value at all for a key.
        """
        asked = Dataset()
        asked.update({tag: identifier.get_item(tag) for tag in sorted(identifier.keys())})
        for it in self._asked:
            del asked[it.private.tag]
        _drop_unused_creators(asked, {it.private.tag for it in self._asked})
        for tag in _UIDS[: self._level.depth]:
            if tag not in asked:
                asked[tag] = DataElement(tag, "UI", "")
        matching: dict[int, set[str]] = {}
        for it in self._asked:
            if it.condition.universal:
                continue
            found = self._index.entities(it.indexed, it.condition, self._level, _MOST_KNOWN)
            if found is None:
                continue
            depth = min(self._level.depth, it.indexed.level.depth)
            matching[depth] = matching[depth] & found if depth in matching else found
            if not matching[depth]:
                if not found and not self._index.knows(it.indexed):
                    raise NothingIndexedError(f"nothing is indexed for {it.indexed.key}")
                return None
        self._possible = matching
        level = self._level
        if level.depth in matching and all(key.level.depth >= level.depth for key in self._keys):
            found_of_each = self._index.values_under(self._keys, level, matching[level.depth])
            self._fetched = found_of_each or {}
        for depth, uids in matching.items():
            element = asked[_UIDS[depth - 1]]
            if not element.value and len(uids) <= _MOST_UIDS:
                element.value = sorted(uids)
        return asked

    def answer(self, response: Dataset) -> tuple[Dataset, bool] | None:
        """Return a response of the upstream with the values of the index; None where it is none.

        Returns
        -------
        tuple of Dataset and bool, or None
            And whether it has all that the keys ask for. Values that its character set or one
            element has no room for are left out, and so are those of VRs that cannot be matched.

        Raises
        ------
        LogError
            When the index cannot be read.
        """
        named = _UIDS[: self._level.depth]
        known = self._matching(
            [str(response[tag].value or "") if tag in response else "" for tag in named]
        )
        if known is None:
            return None
        completed = Dataset()
        completed.update({tag: response.get_item(tag) for tag in response.keys()})  # noqa: SIM118
        found, is_whole = self._found(known, response.get("SpecificCharacterSet"))
        blocks = _blocks(response)
        for creator, given, vr, value in found:
            tag = _place(creator, given, blocks)
            if tag is None:
                is_whole = False
                continue
            creator_tag = Tag(tag >> 16, tag >> 8 & 0xFF)
            if creator_tag not in completed:
                completed[creator_tag] = DataElement(creator_tag, "LO", creator)
            completed[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
        ordered = Dataset()
        ordered.update({tag: completed.get_item(tag) for tag in sorted(completed.keys())})
        return ordered, is_whole

    def answer_plain(self, response: bytes) -> tuple[bytes, bool] | None:
        """Do what `answer` does with an encoded response, which is much less work.

        Parameters
        ----------
        response : bytes
            Explicit VR little endian, without private elements and sequences: one of which
            `encoding.standard.may_have_private` says no.

        Raises
        ------
        LogError
            When the index cannot be read.
        """
        elements, values = _elements(response)
        known = self._matching(
            [values.get(tag, b"").decode("latin-1").strip("\0 ") for tag in _UIDS][
                : self._level.depth
            ]
        )
        if known is None:
            return None
        terms = values.get(_CHARACTER_SET, b"").decode("latin-1").strip("\0 ").split("\\")
        found, is_whole = self._found(known, terms)
        blocks: dict[int, str] = {}
        for creator, given, vr, value in found:
            tag = _place(creator, given, blocks)
            if tag is None:
                is_whole = False
                continue
            creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
            elements[creator_tag] = _encoded(creator_tag, "LO", encode_values("LO", [creator]))
            elements[tag] = _encoded(tag, vr, value)
        return b"".join(elements[tag] for tag in sorted(elements)), is_whole

    def _found(
        self,
        known: Mapping[IndexedKey, Told],
        character_set: str | Sequence[str] | None,
    ) -> tuple[list[tuple[str, int, str, bytes]], bool]:
        """Return creator, tag, VR and encoded value of each key, and whether that is all."""
        found: list[tuple[str, int, str, bytes]] = []
        is_whole = self._is_understood
        encodings: Sequence[str] = ()
        for it in self._asked:
            vr, values, is_all, _ = in_one_element(known.get(it.indexed, NOTHING), it.wants)
            vr, is_whole = vr or it.private.vr, is_whole and is_all
            if not encodings and not all(map(str.isascii, values)):
                encodings = encodings_of(character_set)
            value = encode_values(vr, values, encodings)
            if value is not None and len(value) > MAX_SHORT_LENGTH:
                is_whole = False
                # What was asked for matters most.
                value = encode_values(vr, [one for one in values if it.wants(one)], encodings)
                if value is not None and len(value) > MAX_SHORT_LENGTH:
                    value = b""
            if value is None:
                is_whole = False
            else:
                found.append((it.private.creator, it.private.tag, vr, value))
        return found, is_whole

    def _matching(self, uids: Sequence[str]) -> Mapping[IndexedKey, Told] | None:
        """Return the values of an entity; None where they do not satisfy the keys."""
        for depth, possible in self._possible.items():
            if uids[depth - 1] and uids[depth - 1] not in possible:
                return None
        known = self._fetched.get(uids[-1])
        if known is None:
            known = self._index.values(self._keys, self._level, uids)
        for it in self._asked:
            its = known.get(it.indexed, NOTHING)
            # Of values that are not kept nobody knows that they do not match.
            if its.is_whole and not it.condition.matches(its.values):
                return None
        return known


def _blocks(identifier: Dataset) -> dict[int, str]:
    """Return the creators of the private blocks that something stands in, as `free_block` wants."""
    private = [tag for tag in identifier.keys() if tag.is_private]  # noqa: SIM118
    blocks = {int(tag) >> 8: "" for tag in private if not tag.is_private_creator}
    for tag in private:
        if tag.is_private_creator:
            creator = str(identifier[tag].value or "").strip()
            blocks[tag.group << 8 | tag.element] = creator
    return blocks


def _place(creator: str, tag: int, blocks: dict[int, str]) -> int | None:
    """Return where an attribute of a creator can stand, and take that block; None if nowhere."""
    own, wanted = tag >> 8, folded_creator(creator)
    block: int | None = own
    if folded_creator(blocks.get(own, "")) != wanted:
        block = free_block(tag >> 16, creator, blocks)
        if block not in blocks and own not in blocks:
            block = own
    if block is None:
        return None
    blocks.setdefault(block, creator)
    return block << 8 | tag & 0xFF


def is_indexed(key: PrivateKey, configured: Iterable[IndexedKey]) -> bool:
    """Whether a key of a request is one of the index."""
    creator = folded_creator(key.creator)
    return any(it.key == key.key and folded_creator(it.creator) == creator for it in configured)


def _elements(identifier: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Return the encoded elements and the values of a plain identifier, by tag."""
    encoded: dict[int, bytes] = {}
    values: dict[int, bytes] = {}
    position = 0
    while position < len(identifier):
        group, element, vr, length = LITTLE_ENDIAN.element.unpack_from(identifier, position)
        begin = position + LITTLE_ENDIAN.element.size
        if vr in LONG_FORM:
            (length,) = LITTLE_ENDIAN.length.unpack_from(identifier, begin)
            begin += LITTLE_ENDIAN.length.size
        end = begin + length
        tag = group << 16 | element
        encoded[tag], values[tag] = identifier[position:end], identifier[begin:end]
        position = end
    return encoded, values


def _encoded(tag: int, vr: str, value: bytes | None) -> bytes:
    value = value or b""
    return explicit_header(tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _drop_unused_creators(identifier: Dataset, removed: Iterable[int]) -> None:
    """Remove the creators of blocks of which nothing is left."""
    blocks = {tag >> 8 for tag in removed}
    used = {int(tag) >> 8 for tag in identifier.keys() if tag.is_private}  # noqa: SIM118
    for block in blocks - used:
        creator = Tag(block >> 8, block & 0xFF)
        if creator in identifier:
            del identifier[creator]
