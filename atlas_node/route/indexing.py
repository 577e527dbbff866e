"""From the facts of an annotated object to the values that the index of private attributes keeps.

The recorder asks an `Indexer` for each object that it writes into the log, the backfill for each
that it reads. Elements count wherever they stand, in the items of sequences, too: an enhanced
object has its b-values frame by frame. A value goes into the index as it is written, whole; of one
too long for that the index has only a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from atlas_node.annotate import Fact
from atlas_node.annotate.charset import decode_text
from atlas_node.annotate.facts import MAX_VALUE
from atlas_node.annotate.value import MAX_ITEMS, reported_value
from atlas_node.config import Config, IndexKey
from atlas_node.encoding.vr import UNIT
from atlas_node.model import ElementStatus, Identity
from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level
from atlas_node.query.matching import SEARCHABLE, Value
from atlas_node.query.private_keys import folded_creator
from atlas_node.query.telling import common_vr

_HAS_A_VR: Final = (ElementStatus.DECODED, ElementStatus.ALREADY)
_SINGLE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})


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

    def record(self, objects: Iterable[tuple[Identity, Iterable[Any]]]) -> int:
        """Put the values of objects into the index; return how many had any.

        An object that the index knows is replaced, also by one that has no value.

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

    def indexed(self, identity: Identity, facts: Iterable[Fact]) -> Indexed:
        """Return the values of one object for the index."""
        found: dict[IndexedKey, list[tuple[str, list[Value] | None]]] = {}
        for fact in facts:
            _, group, element, creator, _, _, vr, status, *_, value = fact
            if (group, element & 0xFF) not in self._places or status not in _HAS_A_VR:
                continue
            key = self._wanted.get((group, element & 0xFF, folded_creator(creator)))
            if key is None or vr not in SEARCHABLE or not _has_value(vr, value):
                continue
            its = (vr, whole_value(fact))
            known = found.setdefault(key, [])
            if its not in known:
                known.append(its)
        uids = (
            identity.study_instance_uid,
            identity.series_instance_uid,
            identity.sop_instance_uid,
        )
        return Indexed(uids, {key: _of_all_places(its) for key, its in found.items()})


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
    return [text] if vr in _SINGLE_TEXT else [*text.split("\\")]


def _has_value(vr: str, value: bytes) -> bool:
    return bool(value if vr in UNIT else value.strip(b"\0 "))


def _of_all_places(found: Sequence[tuple[str, list[Value] | None]]) -> tuple[str, Sequence[Value]]:
    """Return the values of an attribute, of one that stands in several items each value once."""
    (vr, values), *others = found
    if any(its is None for _, its in found):
        return vr, ()
    if not others:
        return vr, values or ()
    united = list(dict.fromkeys(value for _, its in found for value in its or ()))
    return common_vr({vr for vr, _ in found}, map(str, united)), united


def open_indexer(config: Config) -> Indexer | None:
    """Return what fills the index of a configuration; None where it indexes nothing.

    Raises
    ------
    LogError
        When the log's database cannot be opened.
    """
    keys = indexed_keys(config.query.index)
    return Indexer(AttributeIndex(config.log.url), keys) if keys else None
