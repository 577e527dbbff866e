"""What the index forgets: entities, or all of a key, and the values that nobody else has.

`AttributeIndex` calls it, transaction by transaction, for the recorder waits while one lasts. The
rule: a value that no entity has is deleted with the last that had it, its text in a pack, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, exists, select

from atlas_node.log.database import chunks
from atlas_node.query.lists import delete_entities
from atlas_node.query.packs import unpack
from atlas_node.query.tables import index_entities, index_entries, index_values


def forget_entities(connection: Connection, entities: Sequence[int]) -> None:
    """Delete entities, at most as many as one query takes, and values that nobody else has."""
    had = connection.execute(
        select(index_entries.c.value_id).distinct().where(index_entries.c.entity_id.in_(entities))
    ).scalars()
    values = list(had)
    delete_entities(connection, index_entities.c.id.in_(entities))
    _forget_unused(connection, values)


def forget_values(connection: Connection, values: Sequence[int]) -> int:
    """Delete values, at most as many as one query takes; return how many entities had one."""
    of_values = index_entries.c.value_id.in_(values)
    had = connection.execute(select(index_entries.c.entity_id).distinct().where(of_values))
    entities = list(had.scalars())
    connection.execute(delete(index_entries).where(of_values))
    _forget_unused(connection, values)
    of_none = ~exists().where(index_entries.c.entity_id == index_entities.c.id)
    for chunk in chunks(entities):
        connection.execute(delete(index_entities).where(index_entities.c.id.in_(chunk), of_none))
    return len(entities)


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
