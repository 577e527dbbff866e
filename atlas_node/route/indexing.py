"""From the facts of an annotated object to the values that the index of private attributes keeps.

The recorder asks an `Indexer` for each object that it writes into the log, the backfill for each
that it reads. Elements count wherever they stand, in the items of sequences, too: an enhanced
object has its b-values frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from atlas_node.annotate import Fact, value_of
from atlas_node.config import Config, IndexKey
from atlas_node.model import ElementStatus, Identity
from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level
from atlas_node.query.matching import Value
from atlas_node.query.private_keys import folded_creator

_HAS_A_VR: Final = (ElementStatus.DECODED, ElementStatus.ALREADY)


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
        """Add the values of objects to the index; return how many had any.

        Raises
        ------
        LogError
            When the index cannot be written.
        """
        found = [self.indexed(identity, facts) for identity, facts in objects]
        having = [it for it in found if it is not None]
        if having:
            self.index.record(having)
        return len(having)

    def indexed(self, identity: Identity, facts: Iterable[Fact]) -> Indexed | None:
        """Return the values of one object for the index; None when it has none."""
        values: dict[IndexedKey, tuple[str, Sequence[Value]]] = {}
        for fact in facts:
            _, group, element, creator, _, _, vr, status, *_ = fact
            if (group, element & 0xFF) not in self._places or status not in _HAS_A_VR:
                continue
            key = self._wanted.get((group, element & 0xFF, folded_creator(creator)))
            found, _ = value_of(fact) if key is not None else (None, False)
            if key is None or not found:
                continue
            known_vr, known = values.get(key, (vr, ()))
            if known_vr == vr:
                values[key] = (vr, list(dict.fromkeys((*known, *found))))
        if not values or not identity.sop_instance_uid:
            return None
        uids = (
            identity.study_instance_uid,
            identity.series_instance_uid,
            identity.sop_instance_uid,
        )
        return Indexed(uids, values)


def open_indexer(config: Config) -> Indexer | None:
    """Return what fills the index of a configuration; None where it indexes nothing.

    Raises
    ------
    LogError
        When the log's database cannot be opened.
    """
    keys = indexed_keys(config.query.index)
    return Indexer(AttributeIndex(config.log.url), keys) if keys else None
