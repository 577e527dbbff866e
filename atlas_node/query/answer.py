"""The part of a query that the index answers: what is asked upstream instead, and what comes back.

The query proxy makes an `IndexedQuery` of each request with indexed private keys. They are taken
out of what the upstream is asked, which may know nothing of them; its responses are then filtered
and completed from the index. The rule: a response is held back only where the index says no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from atlas_node.query.index import AttributeIndex, IndexedKey, Level
from atlas_node.query.matching import Condition, parse_key
from atlas_node.query.private_keys import PrivateKey, encode_values, folded_creator

UID_OF_LEVEL: Final = {
    Level.STUDY: Tag(0x0020, 0x000D),
    Level.SERIES: Tag(0x0020, 0x000E),
    Level.IMAGE: Tag(0x0008, 0x0018),
}
_UIDS: Final = tuple(UID_OF_LEVEL.values())
_MOST_UIDS: Final = 200
"""UIDs that an upstream is asked for in one list; a request stays far below any limit of a PDU."""


@dataclass(frozen=True, slots=True)
class _Asked:
    private: PrivateKey
    indexed: IndexedKey
    condition: Condition


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
            _Asked(key, indexed, parse_key(key.vr, key.values))
            for key in keys
            if (indexed := known.get((folded_creator(key.creator), key.key))) is not None
        ]
        self._keys = frozenset(it.indexed for it in self._asked)

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
            found = self._index.entities(it.indexed, it.condition, self._level, _MOST_UIDS)
            if found is None:
                continue
            depth = min(self._level.depth, it.indexed.level.depth)
            matching[depth] = matching[depth] & found if depth in matching else found
            if not matching[depth]:
                return None
        for depth, uids in matching.items():
            element = asked[_UIDS[depth - 1]]
            if not element.value:
                element.value = sorted(uids)
        return asked

    def answer(self, response: Dataset) -> Dataset | None:
        """Return a response of the upstream with the values of the index; None where it is none.

        Raises
        ------
        LogError
            When the index cannot be read.
        """
        named = _UIDS[: self._level.depth]
        uids = [str(response[tag].value or "") if tag in response else "" for tag in named]
        known = self._index.values(self._keys, self._level, uids)
        for it in self._asked:
            _, values = known.get(it.indexed, ("UN", []))
            if not it.condition.matches(values):
                return None
        return _completed(response, self._asked, known)


def _drop_unused_creators(identifier: Dataset, removed: Iterable[int]) -> None:
    """Remove the creators of blocks of which nothing is left."""
    blocks = {tag >> 8 for tag in removed}
    used = {int(tag) >> 8 for tag in identifier.keys() if tag.is_private}  # noqa: SIM118
    for block in blocks - used:
        creator = Tag(block >> 8, block & 0xFF)
        if creator in identifier:
            del identifier[creator]


def _completed(
    response: Dataset,
    asked: Sequence[_Asked],
    known: Mapping[IndexedKey, tuple[str, Sequence[str]]],
) -> Dataset:
    completed = Dataset()
    completed.update({tag: response.get_item(tag) for tag in sorted(response.keys())})
    for it in asked:
        vr, values = known.get(it.indexed, (it.private.vr, ()))
        tag = Tag(it.private.tag)
        creator = Tag(tag.group, tag.element >> 8)
        completed[creator] = DataElement(creator, "LO", it.private.creator)
        encoded = encode_values(vr, values) or b""
        completed[tag] = RawDataElement(tag, vr, len(encoded), encoded, 0, False, True)
    return completed
