"""The values of entities as rows of the index: read, replaced and added, many entities at once.

`AttributeIndex` calls it inside its transactions. The rule: every query is served by an index of
the table, however many instances there are, for the recorder makes them for every batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from atlas_node.query.matching import Value, kept_text, number
from atlas_node.query.tables import index_entities, index_entries, index_values

_CHUNK: Final = 500
_MOST_BYTES: Final = 2000
"""Of one value in UTF-8; PostgreSQL has no room for more in a row of an index."""
_NOT_KEPT: Final = ("", "")
"""VR and text that stand for values too long to be kept."""

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
    return [*known, *(it for it in found if it not in present)]


def around(wanted: Collection[tuple[str, str, str]]) -> list[tuple[ColumnElement[bool], ...]]:
    """Return the conditions for the instances and what they belong to, in parts of a query each."""
    study, series, instance = UID_COLUMNS
    return [
        *((instance.in_(part),) for part in chunks({uids[2] for uids in wanted})),
        *(
            (series.in_(part), instance == "")
            for part in chunks({uids[1] for uids in wanted if uids[1]})
        ),
        *(
            (study.in_(part), series == "", instance == "")
            for part in chunks({uids[0] for uids in wanted if uids[0]})
        ),
    ]


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
    values = _interned(
        connection,
        {
            (key_id, *value)
            for lists in wanted.values()
            for key_id, its in lists.items()
            for value in its
        },
    )
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
        {"key_id": key_id, "vr": vr, "text": text, "number": number(text)}
        for key_id, vr, text in wanted
        if (key_id, vr, text) not in known
    ]
    statement = insert(index_values).returning(columns.id, columns.key_id, columns.vr, columns.text)
    for chunk in chunks(missing):
        known.update((tuple(key), it) for it, *key in connection.execute(statement, chunk))
    return known


def chunks(things: Iterable[Any]) -> Iterable[list[Any]]:
    """Part what one query cannot take at once."""
    everything = list(things)
    return (everything[at : at + _CHUNK] for at in range(0, len(everything), _CHUNK))
