"""The values of entities as rows of the index: read, replaced and added, many entities at once.

`AttributeIndex` calls it inside its transactions. The rule: every query is served by an index of
the table, however many instances there are, for the recorder makes them for every batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from atlas_node.log.database import chunks
from atlas_node.query.matching import kept_text
from atlas_node.query.moments import moment
from atlas_node.query.numeric import Value, number
from atlas_node.query.packs import pack
from atlas_node.query.tables import index_entities, index_entries, index_values

_MOST_BYTES: Final = 2000
"""Of one value in UTF-8; PostgreSQL has no room for more in a row of an index."""
_NOT_KEPT: Final = ("", "")
"""VR and text that stand for values that are not kept."""

UID_COLUMNS: Final = (
    index_entities.c.study_uid,
    index_entities.c.series_uid,
    index_entities.c.instance_uid,
)

ValueList = list[tuple[str, str]]
"""Values of an attribute: VR and text of each."""
Lists = dict[int, ValueList]
"""The values of an entity, by the identifier of the key."""


def kept_list(vr: str, values: Sequence[Value]) -> list[tuple[str, str]]:
    """Return the values of an attribute as they are stored, or the mark that they are not."""
    # PostgreSQL has no text with a NUL in it.
    texts = [kept_text(vr, str(value)).replace("\0", "") for value in values]
    if not texts or any(len(text.encode("utf-8", "replace")) > _MOST_BYTES for text in texts):
        return [_NOT_KEPT]
    return [(vr, text) for text in texts]


def united(known: ValueList, found: ValueList) -> ValueList:
    """Return a list with those of another that it has not; a list that is all there is stays."""
    if not known:
        return found
    present = set(known)
    return [*known, *dict.fromkeys(it for it in found if it not in present)]


def replace_instances(connection: Connection, wanted: Mapping[tuple[str, ...], Lists]) -> None:
    """Give instances the values of a key of their level, in place of those that they have."""
    instance = UID_COLUMNS[-1]
    before, rows = read_lists(
        connection, ((instance.in_(part),) for part in chunks({uids[-1] for uids in wanted}))
    )
    changed = {uids: lists for uids, lists in wanted.items() if before.get(uids, {}) != lists}
    # An instance that is known under another series has moved.
    gone = [row_id for uids, row_id in rows.items() if uids in changed or uids not in wanted]
    for chunk in chunks(gone):
        delete_entities(connection, index_entities.c.id.in_(chunk))
    add_entities(connection, {uids: lists for uids, lists in changed.items() if lists})


def extend_entities(connection: Connection, wanted: Mapping[tuple[str, ...], Lists]) -> None:
    """Add to series or studies those of some values that they do not have.

    What an entity has is not read, for it grows with its images; each batch costs what it brings.
    """
    entities = _identified(connection, wanted)
    add_entities(connection, {uids: its for uids, its in wanted.items() if uids not in entities})
    known = {uids: its for uids, its in wanted.items() if uids in entities}
    ids = _interned(connection, _values_in(known))
    entries: list[dict[str, int]] = []
    for uids, lists in known.items():
        entity = entities[uids]
        of_keys = {key_id: [ids[key_id, *it] for it in its] for key_id, its in lists.items()}
        present = _present(connection, entity, {it for its in of_keys.values() for it in its})
        missing: list[int] = []
        for key_id, its in of_keys.items():
            if present.issuperset(its):
                continue
            if present.isdisjoint(its) and not _has(connection, entity, key_id):
                missing += its
            else:
                missing += dict.fromkeys(it for it in its if it not in present)
        if missing:
            begin = _end(connection, entity)
            entries += (
                {"value_id": value_id, "entity_id": entity, "position": position}
                for position, value_id in enumerate(missing, begin)
            )
    if entries:
        connection.execute(insert(index_entries), entries)


def _identified(
    connection: Connection, wanted: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """Return the identifiers of those entities that are there; of series or studies."""
    query = select(index_entities.c.id, *UID_COLUMNS)
    found: dict[tuple[str, ...], int] = {}
    its = set(wanted)
    for depth, column in enumerate(UID_COLUMNS[:2], 1):
        of_level = {uids[depth - 1] for uids in its if uids[depth - 1] and not any(uids[depth:])}
        lower = [it == "" for it in UID_COLUMNS[depth:]]
        for chunk in chunks(of_level):
            rows = connection.execute(query.where(column.in_(chunk), *lower))
            found.update((tuple(uids), row_id) for row_id, *uids in rows)
    return {uids: row_id for uids, row_id in found.items() if uids in its}


def _present(connection: Connection, entity: int, values: Collection[int]) -> set[int]:
    columns = index_entries.c
    query = select(columns.value_id).where(columns.entity_id == entity)
    return {
        value_id
        for chunk in chunks(values)
        for value_id in connection.execute(query.where(columns.value_id.in_(chunk))).scalars()
    }


def _has(connection: Connection, entity: int, key_id: int) -> bool:
    """Whether an entity has any value of a key."""
    query = (
        select(index_values.c.id)
        .join(index_entries, index_entries.c.value_id == index_values.c.id)
        .where(index_entries.c.entity_id == entity, index_values.c.key_id == key_id)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _end(connection: Connection, entity: int) -> int:
    """Return the first position after all that an entity has."""
    last = func.coalesce(func.max(index_entries.c.position), -1)
    query = select(last).where(index_entries.c.entity_id == entity)
    return int(connection.execute(query).scalar_one()) + 1


def read_lists(
    connection: Connection, conditions: Iterable[tuple[ColumnElement[bool], ...]]
) -> tuple[dict[tuple[str, ...], Lists], dict[tuple[str, ...], int]]:
    """Return the values of entities, by UIDs and key, and their identifiers, by UIDs."""
    found: dict[tuple[str, ...], Lists] = {}
    rows: dict[tuple[str, ...], int] = {}
    columns = (index_entities.c.id, *UID_COLUMNS)
    for condition in conditions:
        query = (
            select(index_values.c.key_id, index_values.c.vr, index_values.c.text, *columns)
            .join(index_entries, index_entries.c.value_id == index_values.c.id)
            .join(index_entities, index_entities.c.id == index_entries.c.entity_id)
            .where(*condition)
            .order_by(index_entries.c.position)
        )
        for key_id, vr, text, row_id, *uids in connection.execute(query).all():
            rows[tuple(uids)] = row_id
            found.setdefault(tuple(uids), {}).setdefault(key_id, []).append((vr, text))
    return found, rows


def delete_entities(connection: Connection, where: ColumnElement[bool]) -> None:
    """Delete entities and what they have; the values themselves stay for others."""
    ids = select(index_entities.c.id).where(where)
    connection.execute(delete(index_entries).where(index_entries.c.entity_id.in_(ids)))
    connection.execute(delete(index_entities).where(where))


def add_entities(connection: Connection, wanted: Mapping[tuple[str, ...], Lists]) -> None:
    """Add entities that are not there."""
    values = _interned(connection, _values_in(wanted))
    entities: dict[tuple[str, ...], int] = {}
    statement = insert(index_entities).returning(index_entities.c.id, *UID_COLUMNS)
    for chunk in chunks(wanted):
        rows = [dict(zip((it.name for it in UID_COLUMNS), uids, strict=True)) for uids in chunk]
        entities.update((tuple(uids), it) for it, *uids in connection.execute(statement, rows))
    entries = [
        {
            "value_id": values[key_id, vr, text],
            "entity_id": entities[uids],
            "position": position,
        }
        for uids, lists in wanted.items()
        for key_id, its in lists.items()
        for position, (vr, text) in enumerate(its)
    ]
    if entries:
        connection.execute(insert(index_entries), entries)


def _values_in(wanted: Mapping[tuple[str, ...], Lists]) -> set[tuple[int, str, str]]:
    return {
        (key_id, *value)
        for lists in wanted.values()
        for key_id, its in lists.items()
        for value in its
    }


def _interned(
    connection: Connection, wanted: Collection[tuple[int, str, str]]
) -> dict[tuple[int, str, str], int]:
    """Return the identifiers of values: key, VR and text of each."""
    columns = index_values.c
    known: dict[tuple[int, str, str], int] = {}
    texts: dict[int, set[str]] = {}
    for key_id, _, text in wanted:
        texts.setdefault(key_id, set()).add(text)
    # Key by key: for a list of rows, SQLite would read the whole table.
    for key_id, its in texts.items():
        for chunk in chunks(its):
            query = select(columns.id, columns.vr, columns.text).where(
                columns.key_id == key_id, columns.text.in_(chunk)
            )
            known.update(((key_id, vr, text), it) for it, vr, text in connection.execute(query))
    missing = [
        {
            "key_id": key_id,
            "vr": vr,
            "text": text,
            "number": number(text),
            "moment": moment(vr, text),
        }
        for key_id, vr, text in wanted
        if (key_id, vr, text) not in known
    ]
    statement = insert(index_values).returning(columns.id, columns.key_id, columns.vr, columns.text)
    for chunk in chunks(missing):
        added = [
            ((key_id, vr, text), it)
            for it, key_id, vr, text in connection.execute(statement, chunk)
        ]
        known.update(added)
        pack(connection, ((key_id, it, text) for (key_id, vr, text), it in added if vr))
    return known
