"""The index of private attributes: which study, series and instance has which values.

The recorder and `atlas-node index backfill` fill it, the query proxy asks it; `tables` has its
schema. A value that many entities share is stored once; an entity is a study, series or instance,
as the key's level says. The rule: an entity has its values in order and in full, or is marked as
one whose values are not kept; never a part of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    select,
)

from atlas_node.log.database import Database
from atlas_node.query.lists import (
    UID_COLUMNS,
    Lists,
    add_entities,
    around,
    chunks,
    delete_entities,
    kept_list,
    read_lists,
    united,
)
from atlas_node.query.matching import NUMERIC, Condition, Place, Value, Within
from atlas_node.query.tables import (
    index_entities,
    index_entries,
    index_keys,
    index_sweeps,
    index_values,
    prepare,
)

_MOST_ROWS: Final = 100_000
"""Rows of one value that are looked through; a key that many more satisfy selects nothing."""
_LONGEST_LO: Final = 64


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
        In the order of the attribute. No values: there are some, too long to be kept.
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
            ids = self._key_ids(connection, {key for it in latest.values() for key in it.values})
            before, rows = read_lists(connection, around([it.uids for it in latest.values()]))
            found: dict[tuple[str, ...], Lists] = {it.uids: {} for it in latest.values()}
            for it in latest.values():
                for key, (vr, values) in it.values.items():
                    uids = _padded(it.uids[: key.level.depth])
                    lists = found.setdefault(uids, {})
                    kept = kept_list(vr, values)
                    if key.level is not Level.IMAGE:
                        lists |= {k: v for k, v in before.get(uids, {}).items() if k not in lists}
                        kept = united(lists.get(ids[key], []), kept)
                    lists[ids[key]] = kept
            changed = {uids: lists for uids, lists in found.items() if before.get(uids) != lists}
            # An instance that is known under another series has moved.
            gone = [
                row_id
                for uids, row_id in rows.items()
                if uids in changed or (uids[-1] and uids not in found)
            ]
            for chunk in chunks(gone):
                delete_entities(connection, index_entities.c.id.in_(chunk))
            add_entities(connection, {uids: lists for uids, lists in changed.items() if lists})

    def forget(self, instance_uids: Collection[str]) -> None:
        """Remove what is known of instances, at the level of the instance alone."""
        with self._database.writing() as connection:
            where = index_entities.c.instance_uid
            for chunk in chunks(instance_uids):
                delete_entities(connection, where.in_(chunk))

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
        column = UID_COLUMNS[min(level.depth, key.level.depth) - 1]
        found: set[str] = set()
        with self._database.reading() as connection:
            key_id = self._known_keys(connection, [key]).get(key)
            if key_id is None:
                return found
            for where in _satisfying(connection, key_id, condition):
                entries = (
                    select(index_entries.c.entity_id)
                    .join(index_values, index_values.c.id == index_entries.c.value_id)
                    .where(where)
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
            At the key's own level all values in their order; above it each once, in ascending
            order. Without keys that have none, or none that are kept.
        """
        found: dict[IndexedKey, tuple[str, list[str]]] = {}
        with self._database.reading() as connection:
            known = self._known_keys(connection, keys)
            for key in keys:
                depth = min(level.depth, key.level.depth)
                named = [
                    column == uid
                    for column, uid in zip(UID_COLUMNS[:depth], uids, strict=False)
                    if uid
                ]
                if key not in known or not named:
                    continue
                # Only entities of the key's level have values of it.
                named += [column == "" for column in UID_COLUMNS[key.level.depth :]]
                own = depth == key.level.depth
                ids = _value_ids(connection, named, in_order=own)
                its = _values_of(connection, [known[key]], set(ids))
                rows = [its[value_id] for value_id in ids if value_id in its]
                if rows:
                    found[key] = _joined(rows) if own else _each_once(rows)
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
        column = UID_COLUMNS[level.depth - 1]
        entries = (
            select(column, index_entries.c.value_id)
            .join(index_entries, index_entries.c.entity_id == index_entities.c.id)
            .limit(_MOST_ROWS)
        )
        own = entries.where(*(it == "" for it in UID_COLUMNS[level.depth :])).order_by(
            index_entries.c.position
        )
        found: dict[str, dict[IndexedKey, tuple[str, list[str]]]] = {uid: {} for uid in uids}
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
                values = _values_of(connection, wanted, {it for _, it in pairs})
                of_each: dict[tuple[str, int], list[_Row]] = {}
                for uid, value_id in pairs:
                    if (row := values.get(value_id)) is not None:
                        of_each.setdefault((uid, row.key_id), []).append(row)
                for (uid, key_id), rows in of_each.items():
                    told = _joined(rows) if query is own else _each_once(rows)
                    found[uid][wanted[key_id]] = told
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

    def too_long(self, key: IndexedKey) -> int:
        """Return how many entities have values of a key that are too long to be kept."""
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

    def swept(self, source: str, keys: Iterable[IndexedKey]) -> set[str]:
        """Return what backfills have read of a source for these keys."""
        query = select(index_sweeps.c.name).where(
            index_sweeps.c.source == source, index_sweeps.c["keys"] == _digest(keys)
        )
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def sweep(self, source: str, name: str, keys: Iterable[IndexedKey]) -> None:
        """Note that a backfill has read something of a source to its end, for these keys."""
        where = (index_sweeps.c.source == source, index_sweeps.c.name == name)
        row = {"source": source, "name": name, "keys": _digest(keys)}
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

    def _key_ids(
        self, connection: Connection, keys: Collection[IndexedKey]
    ) -> Mapping[IndexedKey, int]:
        """Return the identifiers of keys, which get one where they have none."""
        known = self._known_keys(connection, keys)
        missing = [key for key in keys if key not in known]
        if not missing:
            return known
        rows = [
            {"creator": key.creator, "key": key.key, "level": key.level.depth} for key in missing
        ]
        connection.execute(insert(index_keys), rows)
        # Not remembered: the transaction may still be rolled back.
        return _all_keys(connection)


def _all_keys(connection: Connection) -> dict[IndexedKey, int]:
    return {
        IndexedKey(row.creator, row.key, _LEVELS[row.level - 1]): row.id
        for row in connection.execute(select(index_keys))
    }


class _Row(NamedTuple):
    key_id: int
    vr: str
    text: str
    number: float | None


def _value_ids(
    connection: Connection, named: Sequence[ColumnElement[bool]], *, in_order: bool
) -> list[int]:
    """Return the values that entities have, each once or in the order of the one."""
    entities = select(index_entities.c.id).where(*named).limit(_MOST_ROWS).scalar_subquery()
    query = select(index_entries.c.value_id).where(index_entries.c.entity_id.in_(entities))
    query = query.order_by(index_entries.c.position) if in_order else query.distinct()
    return list(connection.execute(query).scalars())


def _values_of(
    connection: Connection, keys: Collection[int], ids: Collection[int]
) -> dict[int, _Row]:
    """Return those of some values that are of some keys and are kept.

    In a step of its own: joined to their entries, SQLite would begin with all values of the key.
    """
    columns = index_values.c
    query = select(columns.id, columns.key_id, columns.vr, columns.text, columns.number)
    return {
        row_id: _Row(key_id, vr, text, found)
        for chunk in chunks(ids)
        for row_id, key_id, vr, text, found in connection.execute(
            query.where(columns.id.in_(chunk))
        )
        if key_id in keys and vr
    }


def _satisfying(
    connection: Connection, key_id: int, condition: Condition
) -> Iterator[ColumnElement[bool]]:
    """Yield conditions, one of which the values that satisfy a key satisfy."""
    columns = index_values.c
    of_key = and_(columns.key_id == key_id, columns.vr != "")
    test: list[ColumnElement[bool] | None] = [None] if condition.places is None else []
    for place in condition.places or ():
        if isinstance(place, Within) or place.enough:
            yield and_(of_key, _at(place))
        else:
            test.append(_at(place))
    for where in test:
        query = select(columns.id, columns.text).where(of_key)
        rows = connection.execute(query if where is None else query.where(where))
        matching = [row_id for row_id, text in rows if condition.matches([text])]
        for chunk in chunks(matching):
            yield columns.id.in_(chunk)


def _at(place: Place) -> ColumnElement[bool]:
    columns = index_values.c
    if isinstance(place, Within):
        return and_(
            columns.number.is_not(None),
            *([columns.number >= place.low] if place.low > -math.inf else []),
            *([columns.number <= place.high] if place.high < math.inf else []),
        )
    if place.whole:
        return columns.text == place.text
    # The last code point, so the end of all that begins with the text.
    return and_(columns.text >= place.text, columns.text < place.text + "\U0010ffff")


def _each_once(rows: Iterable[_Row]) -> tuple[str, list[str]]:
    """Return values in ascending order, numbers as numbers, without those that are equal."""
    ordered = sorted(rows, key=_order)
    vr = common_vr({row.vr for row in ordered}, (row.text for row in ordered))
    if vr in NUMERIC:
        different = {row.text if row.number is None else row.number: row for row in ordered}
        return vr, [row.text for row in different.values()]
    return vr, list(dict.fromkeys(row.text for row in ordered))


def _joined(rows: Sequence[_Row]) -> tuple[str, list[str]]:
    """Return values as they come, in one VR."""
    return common_vr({row.vr for row in rows}, (row.text for row in rows)), [
        row.text for row in rows
    ]


def common_vr(vrs: Collection[str], texts: Iterable[str]) -> str:
    """Return a VR for values that have several: implementations differ in it.

    Parameters
    ----------
    vrs : collection of str
        At least one.
    texts : iterable of str
        The values.
    """
    if len(vrs) == 1:
        return next(iter(vrs))
    if all(vr in NUMERIC for vr in vrs):
        return next((vr for vr in ("DS", "FD", "FL") if vr in vrs), "IS" if "IS" in vrs else "SV")
    return "LO" if all(len(text) <= _LONGEST_LO for text in texts) else "UC"


def _order(row: _Row) -> tuple[float, str]:
    """Sort values as numbers where they are numbers, as text otherwise."""
    return math.inf if row.number is None else row.number, row.text


def _digest(keys: Iterable[IndexedKey]) -> str:
    """Return what tells one set of keys from another, in whatever order they are."""
    lines = sorted(f"{key.creator}\n{key.key}\n{key.level}" for key in keys)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _padded(uids: Sequence[str]) -> tuple[str, ...]:
    return (*uids, *[""] * (3 - len(uids)))
