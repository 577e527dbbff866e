"""The index of private attributes: which study, series and instance has which values.

The recorder and `atlas-node index backfill` fill it, the query proxy asks it; `tables` has its
schema. A value that many entities share is stored once; an entity is a study, series or instance,
as the key's level says. The rule: an entity has its values in order and in full, or is marked as
one whose values are not kept; never a part of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from atlas_node.log.database import Database, chunks
from atlas_node.query.finding import satisfying
from atlas_node.query.forgetting import forget_entities, forget_some_values
from atlas_node.query.indexed import LEVELS, Indexed, IndexedKey, Level
from atlas_node.query.lists import (
    UID_COLUMNS,
    Lists,
    extend_entities,
    kept_list,
    replace_instances,
    united,
)
from atlas_node.query.matching import Condition
from atlas_node.query.tables import (
    index_entities,
    index_entries,
    index_keys,
    index_sweeps,
    index_values,
    prepare,
)
from atlas_node.query.telling import Row, Told, told

_MOST_ROWS: Final = 100_000
"""Entries that are looked through; a key that many more satisfy selects nothing."""
_MOST_TOLD: Final = 8_000_000
"""Characters of values that are read for one entity; an element in a response has 65,534 bytes."""
_AT_ONCE: Final = 500
"""Entities that are forgotten in one transaction."""


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
            prepare(connection, self._database.place)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def record(self, instances: Iterable[Indexed]) -> None:
        """Set the values of instances; those that an instance had before are removed.

        A study or series has the values of the first of its instances that has any, and after them
        those of the others that are different.
        """
        latest = {it.uids[-1]: it for it in instances}
        if not latest:
            return
        with self._database.writing() as connection:
            ids = _key_ids(connection, {key for it in latest.values() for key in it.values})
            instances_found: dict[tuple[str, ...], Lists] = {it.uids: {} for it in latest.values()}
            others_found: dict[tuple[str, ...], Lists] = {}
            for it in latest.values():
                for key, (vr, values) in it.values.items():
                    kept = kept_list(vr, values)
                    for other in it.others.get(key, ()):
                        kept = united(kept, kept_list(*other))
                    if key.level is Level.IMAGE:
                        instances_found[it.uids][ids[key]] = kept
                    elif it.uids[key.level.depth - 1]:
                        uids = _padded(it.uids[: key.level.depth])
                        lists = others_found.setdefault(uids, {})
                        lists[ids[key]] = united(lists.get(ids[key], []), kept)
            replace_instances(connection, instances_found)
            extend_entities(connection, others_found)

    def forget(self, level: Level, uid: str) -> int:
        """Remove an entity and what is under it; return how many entities that were.

        What a series or study above it has stays: nobody knows which of its images it is from.
        What backfills have noted of the study is removed, so that another reads it again.
        """
        is_meant = UID_COLUMNS[level.depth - 1] == uid
        count = 0
        while True:
            with self._database.writing() as connection:
                query = select(index_entities.c.id).where(is_meant).limit(_AT_ONCE)
                entities = list(connection.execute(query).scalars())
                if not entities:
                    connection.execute(delete(index_sweeps).where(index_sweeps.c.name == uid))
                    return count
                forget_entities(connection, entities)
            count += len(entities)

    def forget_key(self, key: IndexedKey, kept: Iterable[IndexedKey] = ()) -> None:
        """Remove all that is recorded for a key that is indexed no more.

        Parameters
        ----------
        key : IndexedKey
        kept : iterable of IndexedKey
            Those that are indexed. What backfills have read for others is to be read again.
        """
        others = index_sweeps.c["keys"] != _digest(kept)
        with self._database.reading() as connection:
            key_id = _all_keys(connection).get(key)
        while key_id is not None:
            with self._database.writing() as connection:
                if not forget_some_values(connection, key_id):
                    connection.execute(delete(index_keys).where(index_keys.c.id == key_id))
                    connection.execute(delete(index_sweeps).where(others))
                    return

    def under(self, level: Level, uid: str) -> int:
        """Return how many entities `forget` would remove."""
        query = select(func.count()).where(UID_COLUMNS[level.depth - 1] == uid)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def recorded(self) -> list[IndexedKey]:
        """Return the keys that anything was recorded for, in the order of their first values."""
        with self._database.reading() as connection:
            return sorted(found := _all_keys(connection), key=lambda it: found[it])

    def entities(
        self, key: IndexedKey, condition: Condition, level: Level, limit: int
    ) -> set[str] | None:
        """Return the UIDs at a level under which, or over which, a value satisfies a condition.

        With those whose values are not kept, as they may satisfy it.

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
            None: there are more than `limit`, or those without a value satisfy it, too.
        """
        if condition.absent:
            return None
        column = UID_COLUMNS[min(level.depth, key.level.depth) - 1]
        found: set[str] = set()
        with self._database.reading() as connection:
            # Once for a query: another process may have forgotten a key, and recorded it again.
            self._known = _all_keys(connection)
            key_id = self._known.get(key)
            if key_id is None:
                return found
            looked_through = 0
            for where in satisfying(connection, key_id, condition):
                entries = (
                    select(index_entries.c.entity_id)
                    .join(index_values, index_values.c.id == index_entries.c.value_id)
                    .where(where)
                    .limit(_MOST_ROWS - looked_through)
                    .subquery()
                )
                count = select(func.count()).select_from(entries)
                looked_through += connection.execute(count).scalar_one()
                if looked_through >= _MOST_ROWS:
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

    def knows(self, key: IndexedKey) -> bool:
        """Whether anything is recorded for a key: else that nothing matches says nothing."""
        with self._database.reading() as connection:
            key_id = self._known_keys(connection, [key]).get(key)
            query = (
                select(index_entries.c.entity_id)
                .join(index_values, index_values.c.id == index_entries.c.value_id)
                .where(index_values.c.key_id == key_id)
                .limit(1)
            )
            return key_id is not None and connection.execute(query).first() is not None

    def values(
        self, keys: Collection[IndexedKey], level: Level, uids: Sequence[str]
    ) -> dict[IndexedKey, Told]:
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
        dict of IndexedKey to Told
            At the key's own level all values in their order; above it each once, in ascending
            order. Without keys that have none.
        """
        found: dict[IndexedKey, Told] = {}
        with self._database.reading() as connection:
            known = self._known_keys(connection, keys)
            for key in keys:
                depth = min(level.depth, key.level.depth)
                named = {at: uid for at, uid in enumerate(uids[:depth]) if uid}
                if key not in known or not named:
                    continue
                own = depth == key.level.depth
                query = _entries_of(tuple(named), key.level.depth, in_order=own)
                given = {f"uid_{at}": uid for at, uid in named.items()}
                ids = list(connection.execute(query, given).scalars())
                its, are_all = _values_of(connection, [known[key]], set(ids))
                rows = [its[value_id] for value_id in ids if value_id in its]
                if rows:
                    is_whole = are_all and len(ids) < _MOST_ROWS
                    found[key] = told(rows, in_order=own, is_whole=is_whole)
        return found

    def values_under(
        self, keys: Collection[IndexedKey], level: Level, uids: Collection[str]
    ) -> dict[str, dict[IndexedKey, Told]] | None:
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
        column = UID_COLUMNS[level.depth - 1]
        entries = (
            select(column, index_entries.c.value_id)
            .join(index_entries, index_entries.c.entity_id == index_entities.c.id)
            .limit(_MOST_ROWS)
        )
        own = entries.where(*(it == "" for it in UID_COLUMNS[level.depth :])).order_by(
            index_entries.c.position
        )
        found: dict[str, dict[IndexedKey, Told]] = {uid: {} for uid in uids}
        with self._database.reading() as connection:
            known = self._known_keys(connection, keys)
            for query in (own, entries.distinct()):
                wanted = {
                    known[key]: key
                    for key in keys
                    if key in known and (key.level is level) is (query is own)
                }
                pairs: list[tuple[str, int]] = []
                for chunk in chunks(uids if wanted else ()):
                    pairs += (
                        (uid, it)
                        for uid, it in connection.execute(query.where(column.in_(chunk))).all()
                    )
                    if len(pairs) >= _MOST_ROWS:
                        return None
                values, are_all = _values_of(connection, wanted, {it for _, it in pairs})
                if not are_all:
                    return None
                of_each: dict[tuple[str, int], list[Row]] = {}
                for uid, value_id in pairs:
                    if (row := values.get(value_id)) is not None:
                        of_each.setdefault((uid, row.key_id), []).append(row)
                for (uid, key_id), rows in of_each.items():
                    found[uid][wanted[key_id]] = told(rows, in_order=query is own)
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
                query = entries.where(
                    index_values.c.key_id == known.get(key, -1), index_values.c.vr != ""
                )
                values, entities = connection.execute(query).one()
                counted[key] = (values, entities)
        return counted

    def not_kept(self, key: IndexedKey) -> int:
        """Return how many entities have values of a key that are not kept."""
        with self._database.reading() as connection:
            query = (
                select(func.count(index_entries.c.entity_id.distinct()))
                .join(index_values, index_values.c.id == index_entries.c.value_id)
                .where(
                    index_values.c.key_id == self._known_keys(connection, [key]).get(key, -1),
                    index_values.c.vr == "",
                )
            )
            return int(connection.execute(query).scalar_one())

    def swept(self, source: str, keys: Iterable[IndexedKey]) -> dict[str, int | None]:
        """Return what backfills have read of a source for these keys, and how many objects it had.

        The number is the source's own, None where it told none.
        """
        query = select(index_sweeps.c.name, index_sweeps.c.objects).where(
            index_sweeps.c.source == source, index_sweeps.c["keys"] == _digest(keys)
        )
        with self._database.reading() as connection:
            return {row.name: row.objects for row in connection.execute(query)}

    def sweep(
        self, source: str, name: str, keys: Iterable[IndexedKey], objects: int | None = None
    ) -> None:
        """Note that a backfill has read something of a source to its end, for these keys.

        Parameters
        ----------
        source, name : str
        keys : iterable of IndexedKey
        objects : int, optional
            How many it has, as the source tells.
        """
        where = (index_sweeps.c.source == source, index_sweeps.c.name == name)
        row = {"source": source, "name": name, "keys": _digest(keys), "objects": objects}
        with self._database.writing() as connection:
            connection.execute(delete(index_sweeps).where(*where))
            connection.execute(insert(index_sweeps), [row])

    def _known_keys(
        self, connection: Connection, wanted: Collection[IndexedKey]
    ) -> Mapping[IndexedKey, int]:
        """Return the identifiers of keys; one that has no value yet may be missing."""
        if not all(key in self._known for key in wanted):
            self._known = _all_keys(connection)
        return self._known


def _key_ids(connection: Connection, keys: Collection[IndexedKey]) -> Mapping[IndexedKey, int]:
    """Return the identifiers of keys, which get one where they have none.

    They are not remembered: the transaction may be rolled back, another process may forget one.
    """
    known = _all_keys(connection)
    missing = [key for key in keys if key not in known]
    if not missing:
        return known
    rows = [{"creator": key.creator, "key": key.key, "level": key.level.depth} for key in missing]
    connection.execute(insert(index_keys), rows)
    return _all_keys(connection)


def _all_keys(connection: Connection) -> dict[IndexedKey, int]:
    return {
        IndexedKey(row.creator, row.key, LEVELS[row.level - 1]): row.id
        for row in connection.execute(select(index_keys))
    }


@cache
def _entries_of(named: tuple[int, ...], depth: int, *, in_order: bool) -> Select[int]:
    """Return the query for the values that entities have, each once or in the order of the one.

    Made once, for that takes longer than the database does.

    Parameters
    ----------
    named : tuple of int
        Which of `UID_COLUMNS` are given, as ``uid_0`` and so on.
    depth : int
        Of the entities' level; only those of a key's level have values of it.
    in_order : bool
        The values of one entity in their order; else those of all entities, each once.
    """
    entities = select(index_entities.c.id).where(
        *(UID_COLUMNS[at] == bindparam(f"uid_{at}") for at in named),
        *(column == "" for column in UID_COLUMNS[depth:]),
    )
    query = select(index_entries.c.value_id).where(index_entries.c.entity_id.in_(entities))
    query = query.order_by(index_entries.c.position) if in_order else query.distinct()
    return query.limit(_MOST_ROWS)


_ROWS: Final = select(
    index_values.c.id,
    index_values.c.key_id,
    index_values.c.vr,
    index_values.c.text,
    index_values.c.number,
).where(index_values.c.id.in_(bindparam("ids", expanding=True)))


def _values_of(
    connection: Connection, keys: Collection[int], ids: Collection[int]
) -> tuple[dict[int, Row], bool]:
    """Return those of some values that are of some keys, and whether these are all.

    In a step of its own: joined to their entries, SQLite would begin with all values of the key.
    """
    found: dict[int, Row] = {}
    length = 0
    for chunk in chunks(ids):
        if length > _MOST_TOLD:
            return found, False
        for row_id, *its in connection.execute(_ROWS, {"ids": chunk}):
            row = Row(*its)
            if row.key_id in keys:
                found[row_id] = row
                length += len(row.text)
    return found, True


def _digest(keys: Iterable[IndexedKey]) -> str:
    """Return what tells one set of keys from another, in whatever order they are."""
    lines = sorted(f"{key.creator}\n{key.key}\n{key.level}" for key in keys)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _padded(uids: Sequence[str]) -> tuple[str, ...]:
    return (*uids, *[""] * (3 - len(uids)))
