"""What the index forgets: entities, or all of a key, and the values that nobody else has.

`AttributeIndex` calls it, transaction by transaction, for the recorder waits while one lasts. The
rule: a value that no entity has is deleted with the last that had it, its text in a pack, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, delete, exists, select

from atlas_node.log.database import chunks
from atlas_node.query.lists import delete_entities
from atlas_node.query.packs import drop_first, unpack
from atlas_node.query.tables import index_entities, index_entries, index_values

_PACKS: Final = 50
"""Packs of which the values are deleted in one transaction, some thousands."""
_AT_ONCE: Final = 500


def forget_entities(connection: Connection, entities: Sequence[int]) -> None:
    """Delete entities, at most as many as one query takes, and values that nobody else has."""
    had = connection.execute(
        select(index_entries.c.value_id).distinct().where(index_entries.c.entity_id.in_(entities))
    ).scalars()
    values = list(had)
    delete_entities(connection, index_entities.c.id.in_(entities))
    _forget_unused(connection, values)


def forget_some_values(connection: Connection, key_id: int) -> int:
    """Delete some values of a key, whoever has them; return how many, 0 when there are no more.

    Pack by pack, for to look for each value in all packs takes as long as there are packs.
    """
    values = drop_first(connection, key_id, _PACKS)
    if not values:
        # What is not kept stands in no pack.
        query = select(index_values.c.id).where(index_values.c.key_id == key_id).limit(_AT_ONCE)
        values = list(connection.execute(query).scalars())
    of_none = ~exists().where(index_entries.c.entity_id == index_entities.c.id)
    for some in chunks(values):
        of_values = index_entries.c.value_id.in_(some)
        had = connection.execute(select(index_entries.c.entity_id).distinct().where(of_values))
        entities = list(had.scalars())
        connection.execute(delete(index_entries).where(of_values))
        connection.execute(delete(index_values).where(index_values.c.id.in_(some)))
        for few in chunks(entities):
            connection.execute(delete(index_entities).where(index_entities.c.id.in_(few), of_none))
    return len(values)


def _forget_unused(connection: Connection, values: Collection[int]) -> None:
    of_none = ~exists().where(index_entries.c.value_id == index_values.c.id)
    of_keys: dict[int, set[int]] = {}
    for chunk in chunks(values):
        unused = select(index_values.c.key_id, index_values.c.id).where(
            index_values.c.id.in_(chunk), of_none
        )
        for key_id, value_id in connection.execute(unused).all():
            of_keys.setdefault(key_id, set()).add(value_id)
    for key_id, gone in of_keys.items():
        for chunk in chunks(gone):
            connection.execute(delete(index_values).where(index_values.c.id.in_(chunk)))
        unpack(connection, key_id, gone)
