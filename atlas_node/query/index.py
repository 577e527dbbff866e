"""The index of private attributes: which study, series and instance has which values.

The recorder and `atlas-node index backfill` fill it, the query proxy asks it. Its tables stand in
the log's database, beside the log's own, and have a version of their own. A value that many
entities share is stored once; an entity is a study, series or instance, as the key's level says.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from atlas_node.log.database import Database
from atlas_node.query.matching import Condition, Value, number

_CHUNK: Final = 500
_MOST_ROWS: Final = 100_000
"""Rows of one value that are looked through; a key that many more satisfy selects nothing."""

_Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

index_keys = Table(
    "index_keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("creator", String, nullable=False),
    Column("key", String, nullable=False),
    Column("level", SmallInteger, nullable=False),
    UniqueConstraint("creator", "key", "level"),
)

# The UIDs below an entity's level are empty: a series has a study and a series.
index_entities = Table(
    "index_entities",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_uid", String, nullable=False),
    Column("series_uid", String, nullable=False),
    Column("instance_uid", String, nullable=False),
    UniqueConstraint("study_uid", "series_uid", "instance_uid"),
    Index("index_entities_series", "series_uid"),
    Index("index_entities_instance", "instance_uid"),
)

# `vr` tells how the text is written back; `number` is what ranges are compared with.
index_values = Table(
    "index_values",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key_id", BigInteger, nullable=False),
    Column("vr", String(2), nullable=False),
    Column("text", Text, nullable=False),
    Column("number", Float),
    UniqueConstraint("key_id", "vr", "text"),
)

index_entries = Table(
    "index_entries",
    metadata,
    Column("value_id", BigInteger, primary_key=True, autoincrement=False),
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Index("index_entries_entity", "entity_id", "value_id"),
    sqlite_with_rowid=False,
)


# What a backfill has read to its end: a study of an upstream, a file of a folder.
index_sweeps = Table(
    "index_sweeps",
    metadata,
    Column("source", String, primary_key=True),
    Column("name", String, primary_key=True),
)


class Level(StrEnum):
    """A level of the study root information model (PS3.4 C.6.2.1)."""

    STUDY = "study"
    SERIES = "series"
    IMAGE = "image"

    @property
    def depth(self) -> int:
        """How many UIDs name an entity of this level."""
        return _LEVELS.index(self) + 1


_LEVELS: Final = (Level.STUDY, Level.SERIES, Level.IMAGE)
_UID_COLUMNS: Final = (
    index_entities.c.study_uid,
    index_entities.c.series_uid,
    index_entities.c.instance_uid,
)


@dataclass(frozen=True, slots=True)
class IndexedKey:
    """A private attribute that can be searched.

    Attributes
    ----------
    creator : str
    key : str
        Such as ``(0019,xx0c)``.
    level : Level
        What an entity with a value is; a query at another level asks for those above or below.
    """

    creator: str
    key: str
    level: Level


@dataclass(frozen=True, slots=True)
class Indexed:
    """The values that one received instance has for indexed keys.

    Attributes
    ----------
    uids : tuple of str
        Of its study, series and instance.
    values : mapping of IndexedKey to (VR, values)
    """

    uids: tuple[str, str, str]
    values: Mapping[IndexedKey, tuple[str, Sequence[Value]]]


class AttributeIndex:
    """The index in one database; may be shared by threads, a write is one transaction.

    Parameters
    ----------
    url : str
        As that of the log, in whose database it stands.

    Raises
    ------
    LogError
        When the database cannot be opened; so do all its methods.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._known: dict[IndexedKey, int] = {}
        with self._database.writing() as connection:
            metadata.create_all(connection)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def record(self, instances: Iterable[Indexed]) -> None:
        """Add the values of instances; what is known already is not added again."""
        wanted = [
            (it.uids[: key.level.depth], key, vr, str(value), number(value))
            for it in instances
            for key, (vr, values) in it.values.items()
            for value in values
        ]
        if not wanted:
            return
        with self._database.writing() as connection:
            keys = self._key_ids(connection, {key for _, key, *_ in wanted})
            values = _interned(
                connection,
                index_values,
                ("key_id", "vr", "text"),
                {(keys[key], vr, text): {"number": found} for _, key, vr, text, found in wanted},
            )
            entities = _interned(
                connection,
                index_entities,
                ("study_uid", "series_uid", "instance_uid"),
                {_padded(uids): {} for uids, *_ in wanted},
            )
            pairs = {
                (values[keys[key], vr, text], entities[_padded(uids)])
                for uids, key, vr, text, _ in wanted
            }
            _add_missing(connection, pairs)

    def forget(self, instance_uids: Collection[str]) -> None:
        """Remove what is known of instances, at the level of the instance alone."""
        with self._database.writing() as connection:
            for chunk in _chunks(instance_uids):
                ids = select(index_entities.c.id).where(index_entities.c.instance_uid.in_(chunk))
                connection.execute(delete(index_entries).where(index_entries.c.entity_id.in_(ids)))
                connection.execute(
                    delete(index_entities).where(index_entities.c.instance_uid.in_(chunk))
                )

    def entities(
        self, key: IndexedKey, condition: Condition, level: Level, limit: int
    ) -> set[str] | None:
        """Return the UIDs at a level under which, or over which, a value satisfies a condition.

        Parameters
        ----------
        key : IndexedKey
        condition : Condition
            Not a universal one.
        level : Level
            Of the query. Where the key is of a level above it, the UIDs are those of the key's.
        limit : int
            Give up over so many.

        Returns
        -------
        set of str or None
            None: there are more than `limit`.
        """
        column = _UID_COLUMNS[min(level.depth, key.level.depth) - 1]
        found: set[str] = set()
        with self._database.reading() as connection:
            for chunk in _chunks(self._matching_values(connection, key, condition)):
                entries = (
                    select(index_entries.c.entity_id)
                    .where(index_entries.c.value_id.in_(chunk))
                    .limit(_MOST_ROWS)
                    .subquery()
                )
                if connection.execute(select(func.count()).select_from(entries)).scalar_one() == (
                    _MOST_ROWS
                ):
                    return None
                query = (
                    select(column)
                    .distinct()
                    .join(entries, entries.c.entity_id == index_entities.c.id)
                    .limit(limit + 1)
                )
                found.update(connection.execute(query).scalars())
                if len(found) > limit:
                    return None
        return found

    def values(
        self, keys: Collection[IndexedKey], level: Level, uids: Sequence[str]
    ) -> dict[IndexedKey, tuple[str, list[str]]]:
        """Return the values that entities at, under and over one entity have.

        Parameters
        ----------
        keys : collection of IndexedKey
        level : Level
            Of the entity.
        uids : sequence of str
            Of its study, series and instance, down to its level; an unknown one is empty.

        Returns
        -------
        dict of IndexedKey to (VR, values)
            Values in ascending order, each once; without keys that have none.
        """
        found: dict[IndexedKey, tuple[str, list[str]]] = {}
        with self._database.reading() as connection:
            known = self._known_keys(connection, keys)
            for key in keys:
                if key not in known:
                    continue
                depth = min(level.depth, key.level.depth)
                named = [
                    column == uid
                    for column, uid in zip(_UID_COLUMNS[:depth], uids, strict=False)
                    if uid
                ]
                if not named:
                    continue
                entities = (
                    select(index_entities.c.id).where(*named).limit(_MOST_ROWS).scalar_subquery()
                )
                # In two steps: in one, SQLite would begin with every value of the key.
                value_ids = connection.execute(
                    select(index_entries.c.value_id)
                    .distinct()
                    .where(index_entries.c.entity_id.in_(entities))
                ).scalars()
                rows = [
                    (row.vr, row.text, row.number)
                    for chunk in _chunks(value_ids)
                    for row in connection.execute(_values_of(known[key], chunk))
                ]
                if rows:
                    found[key] = _of_one_vr(rows)
        return found

    def values_under(
        self, keys: Collection[IndexedKey], level: Level, uids: Collection[str]
    ) -> dict[str, dict[IndexedKey, tuple[str, list[str]]]] | None:
        """Return what `values` does of many entities of one level, by UID, at once.

        Parameters
        ----------
        keys : collection of IndexedKey
            None of a level above that of the entities.
        level : Level
        uids : collection of str

        Returns
        -------
        dict or None
            None: so much is known of them that it is better asked one by one.
        """
        column = _UID_COLUMNS[level.depth - 1]
        pairs: set[tuple[str, int]] = set()
        with self._database.reading() as connection:
            for chunk in _chunks(uids):
                entries = (
                    select(column, index_entries.c.value_id)
                    .distinct()
                    .join(index_entries, index_entries.c.entity_id == index_entities.c.id)
                    .where(column.in_(chunk))
                    .limit(_MOST_ROWS)
                )
                rows = connection.execute(entries).all()
                if len(rows) == _MOST_ROWS:
                    return None
                pairs.update((uid, value_id) for uid, value_id in rows)
            known = self._known_keys(connection, keys)
            named = {known[key]: key for key in keys if key in known}
            values: dict[int, Any] = {}
            for chunk in _chunks({value_id for _, value_id in pairs}):
                query = select(index_values).where(index_values.c.id.in_(chunk))
                values.update((row.id, row) for row in connection.execute(query))
        sorted_rows: dict[tuple[str, IndexedKey], list[tuple[str, str, float | None]]] = {}
        for uid, value_id in pairs:
            row = values[value_id]
            if row.key_id in named:
                place = (uid, named[row.key_id])
                sorted_rows.setdefault(place, []).append((row.vr, row.text, row.number))
        found: dict[str, dict[IndexedKey, tuple[str, list[str]]]] = {uid: {} for uid in uids}
        for (uid, key), its in sorted_rows.items():
            found[uid][key] = _of_one_vr(its)
        return found

    def counts(self, keys: Iterable[IndexedKey]) -> dict[IndexedKey, tuple[int, int]]:
        """Return the number of different values, and of entities that have one, of each key."""
        counted: dict[IndexedKey, tuple[int, int]] = {}
        wanted = list(keys)
        entries = (
            select(
                func.count(index_entries.c.value_id.distinct()),
                func.count(index_entries.c.entity_id.distinct()),
            )
            .join(index_values, index_values.c.id == index_entries.c.value_id)
            .select_from(index_entries)
        )
        with self._database.reading() as connection:
            known = self._known_keys(connection, wanted)
            for key in wanted:
                query = entries.where(index_values.c.key_id == known.get(key, -1))
                values, entities = connection.execute(query).one()
                counted[key] = (values, entities)
        return counted

    def swept(self, source: str) -> set[str]:
        """Return what backfills have read of a source."""
        query = select(index_sweeps.c.name).where(index_sweeps.c.source == source)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def sweep(self, source: str, name: str) -> None:
        """Note that a backfill has read something of a source to its end."""
        where = (index_sweeps.c.source == source, index_sweeps.c.name == name)
        with self._database.writing() as connection:
            connection.execute(delete(index_sweeps).where(*where))
            connection.execute(insert(index_sweeps), [{"source": source, "name": name}])

    def _matching_values(
        self, connection: Connection, key: IndexedKey, condition: Condition
    ) -> list[int]:
        key_id = self._known_keys(connection, [key]).get(key)
        if key_id is None:
            return []
        rows = connection.execute(
            select(index_values.c.id, index_values.c.text).where(index_values.c.key_id == key_id)
        )
        return [number for number, text in rows if condition.matches([text])]

    def _known_keys(
        self, connection: Connection, wanted: Collection[IndexedKey]
    ) -> Mapping[IndexedKey, int]:
        """Return the identifiers of keys; one that has no value yet may be missing."""
        if not all(key in self._known for key in wanted):
            self._known = {
                IndexedKey(row.creator, row.key, _LEVELS[row.level - 1]): row.id
                for row in connection.execute(select(index_keys))
            }
        return self._known

    def _key_ids(self, connection: Connection, keys: Iterable[IndexedKey]) -> dict[IndexedKey, int]:
        ids = _interned(
            connection,
            index_keys,
            ("creator", "key", "level"),
            {(key.creator, key.key, key.level.depth): {} for key in keys},
        )
        return {key: ids[key.creator, key.key, key.level.depth] for key in keys}


def _values_of(key_id: int, ids: Sequence[int]) -> Select[Any]:
    return select(index_values.c.vr, index_values.c.text, index_values.c.number).where(
        index_values.c.id.in_(ids), index_values.c.key_id == key_id
    )


def _of_one_vr(rows: Iterable[tuple[str, str, float | None]]) -> tuple[str, list[str]]:
    """Return values in ascending order; of several VRs, those of the first."""
    ordered = sorted(rows, key=_order)
    vr = ordered[0][0]
    return vr, [text for its_vr, text, _ in ordered if its_vr == vr]


def _order(row: tuple[str, str, float | None]) -> tuple[str, float, str]:
    """Sort values as numbers where they are numbers, as text otherwise."""
    vr, text, found = row
    return vr, math.inf if found is None else found, text


def _padded(uids: Sequence[str]) -> tuple[str, ...]:
    return (*uids, *[""] * (3 - len(uids)))


def _interned(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    wanted: Mapping[tuple[object, ...], Mapping[str, object]],
) -> dict[tuple[object, ...], int]:
    """Return the identifier of the row of each key, with its other columns where it is new."""
    key_columns = [table.c[name] for name in columns]
    known: dict[tuple[object, ...], int] = {}
    for chunk in _chunks(wanted):
        query = select(table.c.id, *key_columns).where(tuple_(*key_columns).in_(chunk))
        known.update((tuple(key), row_id) for row_id, *key in connection.execute(query))
    missing = [
        dict(zip(columns, key, strict=True)) | dict(rest)
        for key, rest in wanted.items()
        if key not in known
    ]
    for chunk in _chunks(missing):
        statement = insert(table).returning(table.c.id, *key_columns)
        known.update((tuple(key), row_id) for row_id, *key in connection.execute(statement, chunk))
    return known


def _add_missing(connection: Connection, pairs: Collection[tuple[int, int]]) -> None:
    present: set[tuple[int, int]] = set()
    columns = (index_entries.c.value_id, index_entries.c.entity_id)
    for chunk in _chunks(pairs):
        query = select(*columns).where(tuple_(*columns).in_(chunk))
        present.update((value, entity) for value, entity in connection.execute(query))
    rows = [
        {"value_id": value, "entity_id": entity}
        for value, entity in sorted(pairs)
        if (value, entity) not in present
    ]
    if rows:
        connection.execute(insert(index_entries), rows)


def _chunks(things: Iterable[Any]) -> Iterable[list[Any]]:
    everything = list(things)
    return (everything[at : at + _CHUNK] for at in range(0, len(everything), _CHUNK))
