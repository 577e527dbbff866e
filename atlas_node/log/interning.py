"""Finds the rows of what repeats: findings with their parts, layouts, and series.

`recorder` asks it inside a transaction that holds the write lock. What it has met of late it
remembers, so that the second object of a series is known without a query or a record. A row that
is missing is made.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, insert, select, tuple_

from atlas_node.log import rows
from atlas_node.log.coding import pack_numbers, value_json
from atlas_node.log.database import chunks
from atlas_node.log.facts import Fact, Facts
from atlas_node.log.privacy import Values, kept_value
from atlas_node.log.recent import Recent
from atlas_node.log.schema import (
    COUNTS,
    STATUS_CODES,
    definitions,
    findings,
    layout_findings,
    layouts,
    paths,
    reasons,
    series,
)
from atlas_node.model import AnnotatedObject, ElementRecord

# A fact with its value takes some 600 bytes, a finding 300, a layout 16 for each element.
_FACTS: Final = 8_000
_FINDINGS: Final = 8_000
_LAYOUTS: Final = 100_000
_SERIES: Final = 2_000
_WEIGHED: Final = 512

_Thing = TypeVar("_Thing", bound=Hashable)
Content = tuple[object, ...]
Resolved = tuple[tuple[int, ...], tuple[str, ...]]
"""The findings of an object's elements in their order, and their values as JSON."""


class Interner:
    """Identifiers for one process; not thread-safe by itself.

    Parameters
    ----------
    kept : "full", "masked" or "none"
        What is kept of patients' values.
    """

    def __init__(self, kept: Values) -> None:
        self._kept: Values = kept
        self._pairs: Recent[Fact, tuple[int, str]] = Recent(_FACTS)
        self._findings: Recent[Fact, int] = Recent(_FINDINGS)
        self._contents: Recent[Content, int] = Recent(_FINDINGS)
        self._layouts: Recent[tuple[tuple[int, ...], tuple[int, ...]], int] = Recent(_LAYOUTS)
        self._series: Recent[tuple[str, ...], int] = Recent(_SERIES)

    def forget(self) -> None:
        """Forget every identifier."""
        for known in (self._pairs, self._findings, self._contents, self._layouts, self._series):
            known.clear()

    def elements(self, connection: Connection, elements: Sequence[ElementRecord]) -> Resolved:
        """Return finding and value of each element of an object."""
        if not isinstance(elements, Facts):
            found = self._found(connection, elements)
            return tuple(found), tuple(self._value(it.value, it.truncated) for it in elements)
        facts = elements.facts
        pairs: list[Any] = list(map(self._pairs.young.get, facts))
        if None in pairs:
            self._meet(connection, elements, facts, pairs)
        if not pairs:
            return (), ()
        ids, values = zip(*pairs, strict=True)
        return ids, values

    def layout(
        self, connection: Connection, ids: tuple[int, ...], counts: Mapping[str, int]
    ) -> int:
        """Return the identifier of a layout with these findings and counts."""
        key = ids, tuple(counts.get(name, 0) for name in COUNTS)
        number = self._layouts.get(key, 1 + len(ids))
        if number is None:
            number = _layout(connection, *key)
            self._layouts.put(key, number, 1 + len(ids))
        return number

    def series(self, connection: Connection, thing: AnnotatedObject) -> int:
        """Return the identifier of the series of an object."""
        key = rows.series_key(thing)
        number = self._series.get(key)
        if number is None:
            wanted = {key: rows.series_row(thing, self._kept)}
            number = _interned(connection, series, ["digest"], wanted)[key]
            self._series.put(key, number)
        return number

    def _value(self, value: list[Any] | None, truncated: bool) -> str:
        return value_json(kept_value(value, self._kept), truncated)

    def _meet(
        self, connection: Connection, elements: Facts[Any], facts: Sequence[Fact], pairs: list[Any]
    ) -> None:
        """Fill in the pairs that are missing."""
        new: dict[Fact, ElementRecord] = {}
        missing = [(place, facts[place]) for place, it in enumerate(pairs) if it is None]
        for place, fact in missing:
            pair = self._pairs.get(fact, _weight(fact))
            if pair is None:
                finding = self._findings.get(fact[:-1])
                if finding is None:
                    new.setdefault(fact[:-1], elements.record_of(fact))
                    continue
                pair = finding, self._value(*elements.value_of(fact))
                self._pairs.put(fact, pair, _weight(fact))
            pairs[place] = pair
        if not new:
            return
        found = self._found(connection, list(new.values()))
        findings_of = dict(zip(new, found, strict=True))
        for kind, finding in findings_of.items():
            self._findings.put(kind, finding)
        for place, fact in missing:
            if pairs[place] is None:
                pairs[place] = findings_of[fact[:-1]], self._value(*elements.value_of(fact))
                self._pairs.put(fact, pairs[place], _weight(fact))

    def _found(self, connection: Connection, records: Sequence[ElementRecord]) -> list[int]:
        """Return the finding of each record."""
        contents = [_content(record) for record in records]
        known = {content: self._contents.get(content) for content in contents}
        unknown = {
            content: record
            for content, record in zip(contents, records, strict=True)
            if known[content] is None
        }
        if unknown:
            for content, number in _learned(connection, unknown).items():
                known[content] = number
                self._contents.put(content, number)
        return [known[content] or 0 for content in contents]


def _weight(fact: Fact) -> int:
    return 1 + sys.getsizeof(fact[-1]) // _WEIGHED


def _content(record: ElementRecord) -> Content:
    """Return all of a record but its value."""
    return (record.path, record.reason, record.status, *rows.definition_key(record))


def _learned(
    connection: Connection, unknown: Mapping[Content, ElementRecord]
) -> dict[Content, int]:
    """Return the findings of these records, which nobody remembers."""
    records = unknown.values()
    definition_ids = _interned(
        connection, definitions, ["digest"],
        {rows.definition_key(record): rows.definition_row(record) for record in records},
    )  # fmt: skip
    path_ids = _interned(
        connection, paths, ["path"], {r.path: rows.path_row(r.path) for r in records}
    )
    reason_ids = _interned(
        connection, reasons, ["reason"], {r.reason: rows.reason_row(r.reason) for r in records}
    )
    wanted = {
        content: {
            "path_id": path_ids[record.path],
            "definition_id": definition_ids[rows.definition_key(record)],
            "reason_id": reason_ids[record.reason],
            "status": STATUS_CODES[record.status],
        }
        for content, record in unknown.items()
    }
    columns = ["path_id", "definition_id", "reason_id", "status"]
    return _interned(connection, findings, columns, wanted)


def _layout(connection: Connection, ids: tuple[int, ...], counts: tuple[int, ...]) -> int:
    packed = pack_numbers(ids)
    digest = rows.digest((packed.hex(), repr(counts)))
    query = select(layouts.c.id).where(layouts.c.digest == digest)
    number = connection.execute(query).scalar_one_or_none()
    if number is None:
        row = {"digest": digest, "findings": packed, **dict(zip(COUNTS, counts, strict=True))}
        number = connection.execute(insert(layouts).returning(layouts.c.id), row).scalar_one()
        if ids:
            connection.execute(
                insert(layout_findings),
                [{"finding_id": finding, "layout_id": number} for finding in sorted(set(ids))],
            )
    return int(number)


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
    for chunk in chunks(missing):
        condition = (
            key_columns[0].in_([key[0] for key in chunk])
            if single
            else tuple_(*key_columns).in_(chunk)
        )
        for number, *key in connection.execute(select(table.c.id, *key_columns).where(condition)):
            known[tuple(key)] = number
    for chunk in chunks(row for key, row in missing.items() if key not in known):
        statement = insert(table).returning(table.c.id, *key_columns)
        for number, *key in connection.execute(statement, chunk):
            known[tuple(key)] = number
    return {thing: known[key] for thing, key in keys.items()}
