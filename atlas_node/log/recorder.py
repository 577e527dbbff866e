"""Writes received objects, their elements and deliveries into the tables of the log.

`LogStore.record` calls it inside a transaction that holds the write lock. It looks up or inserts
what repeats (definitions, paths, reasons, values, facts) and remembers the identifiers, so that
the second object of a series costs one row an element and hardly a query.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, select, tuple_

from atlas_node.log import rows
from atlas_node.log.database import insert_or_update
from atlas_node.log.privacy import Values, kept_value
from atlas_node.log.schema import (
    STATUS_CODES,
    definitions,
    deliveries,
    elements,
    expiries,
    facts,
    objects,
    paths,
    reasons,
    values,
)
from atlas_node.model import AnnotatedObject, DeliveryRecord, ElementRecord

_CHUNK = 500  # rows in one query; SQLite takes 32,766 parameters
_REMEMBERED = 200_000
_LONG_VALUE = 80

_Thing = TypeVar("_Thing", bound=Hashable)
# Identifiers of definition, path and reason, status code, value (its digest when long), truncated.
_Fact = tuple[int, int, int, int, str | bytes, bool]


class Recorder:
    """Writes for one process; not thread-safe by itself.

    Parameters
    ----------
    kept : "full", "masked" or "none"
        What is kept of patients' values.
    """

    def __init__(self, kept: Values) -> None:
        self._kept: Values = kept
        self._expiries = -1
        self._definitions: dict[tuple[object, ...], int] = {}
        self._paths: dict[str, int] = {}
        self._reasons: dict[str, int] = {}
        self._facts: dict[_Fact, int] = {}

    def forget(self) -> None:
        """Forget every identifier: what was written last has been rolled back."""
        self._definitions.clear()
        self._paths.clear()
        self._reasons.clear()
        self._facts.clear()

    def write(
        self,
        connection: Connection,
        received: Sequence[AnnotatedObject],
        delivered: Sequence[tuple[str, DeliveryRecord]],
    ) -> None:
        """Write what is new; an object that the log has already is not written again."""
        self._forget_in_time(connection)
        new = {thing.object_id: thing for thing in received}
        for chunk in _chunks(new):
            query = select(objects.c.object_id).where(objects.c.object_id.in_(chunk))
            for known in connection.execute(query).scalars().all():
                del new[known]
        if new:
            numbers = self._write_objects(connection, new.values())
            self._write_elements(connection, numbers, new.values())
        if delivered:
            # Of two updates of one delivery in one batch the last one counts.
            latest = {(object_id, record.destination): record for object_id, record in delivered}
            connection.execute(
                insert_or_update(connection, deliveries, newer="at"),
                [rows.delivery_row(key[0], record) for key, record in latest.items()],
            )

    def _forget_in_time(self, connection: Connection) -> None:
        """Forget identifiers that another process may have deleted, or that are too many."""
        count = connection.execute(select(expiries.c.count)).scalar_one()
        remembered = len(self._definitions) + len(self._paths) + len(self._reasons)
        if count != self._expiries or remembered + len(self._facts) > _REMEMBERED:
            self.forget()
            self._expiries = count

    def _write_objects(
        self, connection: Connection, new: Iterable[AnnotatedObject]
    ) -> dict[str, int]:
        """Insert the objects and return their numbers."""
        numbers: dict[str, int] = {}
        for chunk in _chunks(new):
            returned = connection.execute(
                insert(objects).returning(objects.c.object_id, objects.c.seq),
                [rows.object_row(thing, self._kept) for thing in chunk],
            )
            numbers.update((object_id, seq) for object_id, seq in returned)
        return numbers

    def _write_elements(
        self, connection: Connection, numbers: Mapping[str, int], new: Iterable[AnnotatedObject]
    ) -> None:
        self._learn_parts(connection, (element for thing in new for element in thing.elements))
        unknown: dict[_Fact, rows.Row] = {}
        found: list[tuple[int, _Fact]] = []
        for thing in new:
            seq = numbers[thing.object_id]
            for element in thing.elements:
                value = rows.value_json(kept_value(element.value, self._kept))
                fact = self._fact(element, value)
                found.append((seq, fact))
                if fact not in self._facts:
                    unknown[fact] = rows.value_row(value, element.truncated)
        self._learn_facts(connection, unknown)
        narrow = {(seq, self._facts[fact]) for seq, fact in found}
        if narrow:
            connection.execute(
                insert(elements),
                [{"object_seq": seq, "fact_id": fact} for seq, fact in sorted(narrow)],
            )

    def _fact(self, element: ElementRecord, value: str) -> _Fact:
        return (
            self._definitions[rows.definition_key(element)],
            self._paths[element.path],
            self._reasons[element.reason],
            STATUS_CODES[element.status],
            value if len(value) < _LONG_VALUE else rows.digest([value]),
            element.truncated,
        )

    def _learn_parts(self, connection: Connection, found: Iterable[ElementRecord]) -> None:
        """Make the identifiers of all definitions, paths and reasons known."""
        new_definitions: dict[tuple[object, ...], rows.Row] = {}
        new_paths: dict[str, rows.Row] = {}
        new_reasons: dict[str, rows.Row] = {}
        for element in found:
            key = rows.definition_key(element)
            if key not in self._definitions:
                new_definitions[key] = rows.definition_row(element)
            if element.path not in self._paths:
                new_paths[element.path] = rows.path_row(element.path)
            if element.reason not in self._reasons:
                new_reasons[element.reason] = rows.reason_row(element.reason)
        self._definitions.update(_interned(connection, definitions, ["digest"], new_definitions))
        self._paths.update(_interned(connection, paths, ["path"], new_paths))
        self._reasons.update(_interned(connection, reasons, ["reason"], new_reasons))

    def _learn_facts(self, connection: Connection, unknown: Mapping[_Fact, rows.Row]) -> None:
        """Make the identifiers of these facts known, whose values are given as rows."""
        value_ids = _interned(connection, values, ["digest"], unknown)
        columns = ["definition_id", "path_id", "reason_id", "status", "value_id"]
        new = {
            fact: dict(zip(columns, (*fact[:4], value_ids[fact]), strict=True)) for fact in unknown
        }
        self._facts.update(_interned(connection, facts, columns, new))


def _interned(
    connection: Connection, table: Table, columns: Sequence[str], wanted: Mapping[_Thing, rows.Row]
) -> dict[_Thing, int]:
    """Return the identifier of each thing's row, inserting the rows that `table` does not have.

    `columns` are those of the table's unique key.
    """
    keys = {thing: tuple(row[name] for name in columns) for thing, row in wanted.items()}
    missing = {keys[thing]: row for thing, row in wanted.items()}
    key_columns = [table.c[name] for name in columns]
    single = len(columns) == 1
    known: dict[tuple[Any, ...], int] = {}
    for chunk in _chunks(missing):
        condition = (
            key_columns[0].in_([key[0] for key in chunk])
            if single
            else tuple_(*key_columns).in_(chunk)
        )
        for number, *key in connection.execute(select(table.c.id, *key_columns).where(condition)):
            known[tuple(key)] = number
    for chunk in _chunks(row for key, row in missing.items() if key not in known):
        statement = insert(table).returning(table.c.id, *key_columns)
        for number, *key in connection.execute(statement, chunk):
            known[tuple(key)] = number
    return {thing: known[key] for thing, key in keys.items()}


def _chunks(things: Iterable[Any]) -> Iterator[list[Any]]:
    everything = list(things)
    for start in range(0, len(everything), _CHUNK):
        yield everything[start : start + _CHUNK]
