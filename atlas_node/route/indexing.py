"""From the facts of an annotated object to the values that the index of private attributes keeps.

The recorder asks an `Indexer` for each object that it writes into the log, the backfill for each
that it reads. Elements count wherever they stand, in the items of sequences, too: an enhanced
object has its b-values frame by frame. A value goes into the index as it is written, whole; of one
too long for that, and of one that could not be decoded, the index has only a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from atlas_node.annotate import Fact
from atlas_node.annotate.charset import decode_text
from atlas_node.annotate.facts import MAX_VALUE
from atlas_node.annotate.value import MAX_ITEMS, reported_value
from atlas_node.config import Config, IndexKey
from atlas_node.encoding.vr import SINGLE_TEXT, UNIT
from atlas_node.model import ElementStatus, Identity
from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level
from atlas_node.query.matching import SEARCHABLE
from atlas_node.query.numeric import Value
from atlas_node.query.private_keys import folded_creator

_HAS_A_VR: Final = (ElementStatus.DECODED, ElementStatus.ALREADY)
_NOT_KEPT: Final[tuple[str, Sequence[Value]]] = ("", ())


def indexed_keys(configured: Sequence[IndexKey]) -> list[IndexedKey]:
    """Return the keys of ``query.index`` as the index has them."""
    return [
        IndexedKey(it.creator.strip(), f"({it.group},{it.element})", Level(it.level))
        for it in configured
    ]


class Indexer:
    """Picks out of objects what is indexed and adds it to the index.

    Parameters
    ----------
    index : AttributeIndex
        Also an attribute.
    keys : sequence of IndexedKey
        Also an attribute.
    """

    def __init__(self, index: AttributeIndex, keys: Sequence[IndexedKey]) -> None:
        self.index = index
        self.keys = keys
        self._wanted = {
            (int(key.key[1:5], 16), int(key.key[-3:-1], 16), folded_creator(key.creator)): key
            for key in keys
        }
        self._places = {(group, offset) for group, offset, _ in self._wanted}

    def close(self) -> None:
        """Close the index."""
        self.index.close()

    def record(self, objects: Iterable[tuple[Identity, Iterable[Any] | None]]) -> int:
        """Put the values of objects into the index; return how many had any.

        An object that the index knows is replaced, also by one that has no value.

        Parameters
        ----------
        objects : iterable of (Identity, facts)
            No facts at all: the object could not be annotated, and nobody knows what it has.

        Raises
        ------
        LogError
            When the index cannot be written.
        """
        found = [
            self.indexed(identity, facts)
            for identity, facts in objects
            if identity.sop_instance_uid
        ]
        self.index.record(found)
        return sum(bool(it.values) for it in found)

    def indexed(self, identity: Identity, facts: Iterable[Fact] | None) -> Indexed:
        """Return the values of one object for the index; without facts a mark for every key."""
        found: dict[IndexedKey, list[tuple[str, list[Value]]]] = {}
        not_kept: set[IndexedKey] = set(() if facts is not None else self.keys)
        for fact in facts or ():
            _, group, element, creator, _, _, vr, status, *_, value = fact
            if (group, element & 0xFF) not in self._places:
                continue
            key = self._wanted.get((group, element & 0xFF, folded_creator(creator)))
            if key is None:
                continue
            if status not in _HAS_A_VR or vr not in SEARCHABLE:
                if value:
                    not_kept.add(key)
            elif _has_value(vr, value):
                if (values := whole_value(fact)) is None:
                    not_kept.add(key)
                elif (its := (vr, values)) not in found.setdefault(key, []):
                    found[key].append(its)
        uids = (
            identity.study_instance_uid,
            identity.series_instance_uid,
            identity.sop_instance_uid,
        )
        lists = {key: _by_vr(its) for key, its in found.items() if key not in not_kept}
        values_of = {key: its[0] for key, its in lists.items()}
        others = {key: its[1:] for key, its in lists.items() if len(its) > 1}
        return Indexed(uids, values_of | dict.fromkeys(not_kept, _NOT_KEPT), others)


def whole_value(fact: Fact) -> list[Value] | None:
    """Return the values of an element; None when the fact has not all of them."""
    *_, vr, _, _, encodings, value = fact
    if len(value) >= MAX_VALUE:
        return None
    if vr in UNIT:
        step = UNIT[vr] * MAX_ITEMS
        parts = (value[at : at + step] for at in range(0, len(value), step))
        return [
            it for part in parts for it in reported_value(vr, memoryview(part), encodings)[0] or ()
        ]
    text = decode_text(value, encodings)
    text = (value.decode("latin-1") if text is None else text).rstrip("\0 ")
    return [text] if vr in SINGLE_TEXT else [*text.split("\\")]


def _has_value(vr: str, value: bytes) -> bool:
    return bool(value if vr in UNIT else value.strip(b"\0 "))


def _by_vr(found: Sequence[tuple[str, list[Value]]]) -> list[tuple[str, Sequence[Value]]]:
    """Return the values of an attribute by VR, of one that is in several items each once."""
    if len(found) == 1:
        return [*found]
    lists: dict[str, dict[Value, None]] = {}
    for vr, values in found:
        lists.setdefault(vr, {}).update(dict.fromkeys(values))
    return [(vr, list(its)) for vr, its in lists.items()]


def open_indexer(config: Config) -> Indexer | None:
    """Return what fills the index of a configuration; None where it indexes nothing.

    Raises
    ------
    LogError
        When the log's database cannot be opened.
    """
    keys = indexed_keys(config.query.index)
    return Indexer(AttributeIndex(config.log.url), keys) if keys else None
