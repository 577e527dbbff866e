"""Two series side by side: which of their private elements are the same, and which are not.

An element is told by its private creator, its key and the keys of the sequences around it, so that
neither the number of a block nor that of an item counts. What is compared is the set of values that
each series has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, select

from atlas_node.log.coding import unpack_json, value_json, value_of
from atlas_node.log.content import Content
from atlas_node.log.database import chunks
from atlas_node.log.history import MOST_OBJECTS
from atlas_node.log.schema import (
    STATUS_OF_CODE,
    definitions,
    findings,
    objects,
    paths,
    runs,
    series,
)
from atlas_node.model import ElementStatus

Outcome = Literal["differs", "varies", "only_a", "only_b", "equal"]
"""How an element stands: other values; other values where it has many in both; in one series
alone; the same."""

_KEPT: Final = 500
_SHOWN: Final = 5
_BLOCK: Final = re.compile(r"\(([0-9a-f]{3}[13579bdf]),[0-9a-f]{2}([0-9a-f]{2})\)")
_ITEM: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Side:
    """An element in one series.

    Attributes
    ----------
    vr : str
        After annotation; several, joined with a slash, where objects differ in it.
    status : tuple of ElementStatus
    objects : int
        In how many objects it is.
    different : int
        How many different values it has, at most 500.
    values : tuple of list
        The first of them.
    least, most : float or None
        Of single numbers.
    """

    vr: str
    status: tuple[ElementStatus, ...]
    objects: int
    different: int
    values: tuple[list[Any], ...]
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class ComparedElement:
    """One element of one series or of both.

    Attributes
    ----------
    creator : str
    path : str
        Its keys from the outermost sequence to itself, such as ``(2005,xx0f).(2005,xx13)``.
    key, name : str
    outcome : str
    a, b : Side or None
    """

    creator: str
    path: str
    key: str
    name: str
    outcome: Outcome
    a: Side | None
    b: Side | None


@dataclass(slots=True)
class _Gathered:
    """What is known of an element while a series is read."""

    name: str = ""
    vrs: set[str] = field(default_factory=set)
    statuses: set[ElementStatus] = field(default_factory=set)
    objects: int = 0
    values: dict[str, list[Any]] = field(default_factory=dict)

    def side(self) -> Side:
        numbers = [
            value[0]
            for value in self.values.values()
            if len(value) == 1 and isinstance(value[0], int | float)
        ]
        whole = len(numbers) == len(self.values) and bool(numbers)
        return Side(
            "/".join(sorted(self.vrs)),
            tuple(status for status in ElementStatus if status in self.statuses),
            self.objects,
            len(self.values),
            tuple(self.values.values())[:_SHOWN],
            min(numbers) if whole else None,
            max(numbers) if whole else None,
        )


_Key = tuple[str, str]


def compare(connection: Connection, a: str, b: str) -> tuple[ComparedElement, ...]:
    """Return the elements of two series, given by their Series Instance UIDs, in their order.

    Of each series at most the first 2,000 objects of a run are read.
    """
    of_a, of_b = _gather(connection, a), _gather(connection, b)
    found = []
    for key in sorted(of_a.keys() | of_b.keys(), key=lambda it: (it[1], it[0])):
        one, other = of_a.get(key), of_b.get(key)
        found.append(
            ComparedElement(
                key[0], key[1], key[1].rpartition(".")[2],
                next((it.name for it in (one, other) if it is not None and it.name), ""),
                _outcome(one, other),
                None if one is None else one.side(), None if other is None else other.side(),
            )
        )  # fmt: skip
    return tuple(found)


def _outcome(one: _Gathered | None, other: _Gathered | None) -> Outcome:
    if one is None:
        return "only_b"
    if other is None:
        return "only_a"
    if one.vrs == other.vrs and one.values.keys() == other.values.keys():
        return "equal" if one.statuses == other.statuses else "differs"
    both_vary = len(one.values) > 1 and len(other.values) > 1
    return "varies" if both_vary and one.vrs == other.vrs else "differs"


def _gather(connection: Connection, uid: str) -> dict[_Key, _Gathered]:
    """Return what the elements of a series are, by creator and path."""
    reader = Content(connection)
    query = (
        select(runs.c.id, runs.c.layout_id, runs.c.objects)
        .join(series, series.c.id == runs.c.series_id)
        .where(series.c.series_uid == uid, series.c.series_uid != "")
        .order_by(runs.c.id)
    )
    found: dict[_Key, _Gathered] = {}
    for run, layout, count in connection.execute(query).all():
        numbers = reader.layout(layout)
        elements = _elements(connection, numbers, found)
        for gathered in {id(it): it for it in elements}.values():
            gathered.objects += count
        for element, item in zip(elements, reader.values(layout, run), strict=True):
            _add(element, item)
        own = (
            select(objects.c.differing)
            .where(objects.c.run_id == run, objects.c.differing.is_not(None))
            .order_by(objects.c.seq)
            .limit(MOST_OBJECTS)
        )
        for packed in connection.execute(own).scalars():
            for place, item in unpack_json(packed).items():
                if int(place) < len(elements):
                    _add(elements[int(place)], item)
    return found


def _elements(
    connection: Connection, numbers: list[int], found: dict[_Key, _Gathered]
) -> list[_Gathered]:
    """Return for each finding of a layout what is gathered of its element."""
    known: dict[int, _Gathered] = {}
    query = (
        select(
            findings.c.id, findings.c.status, paths.c.path, definitions.c.creator,
            definitions.c.name, definitions.c.vr,
        )
        .select_from(
            findings.join(definitions, definitions.c.id == findings.c.definition_id)
            .join(paths, paths.c.id == findings.c.path_id)
        )
    )  # fmt: skip
    for chunk in chunks(set(numbers)):
        for row in connection.execute(query.where(findings.c.id.in_(chunk))):
            gathered = found.setdefault((row.creator, key_path(row.path)), _Gathered())
            gathered.name = gathered.name or row.name
            gathered.vrs.add(row.vr)
            gathered.statuses.add(STATUS_OF_CODE[row.status])
            known[row.id] = gathered
    return [known[number] for number in numbers]


def _add(element: _Gathered, item: Any) -> None:
    value, truncated = value_of(item)
    if value is not None and len(element.values) < _KEPT:
        element.values.setdefault(value_json(value, truncated), value)


def key_path(path: str) -> str:
    """Return a path with the keys of private elements and without the numbers of items.

    Examples
    --------
    >>> key_path("(5200,9230)[3].(2005,140f)[0].(2005,1013)")
    '(5200,9230).(2005,xx0f).(2005,xx13)'
    """
    return _BLOCK.sub(r"(\1,xx\2)", _ITEM.sub("", path))


def counts(elements: Iterable[ComparedElement]) -> dict[Outcome, int]:
    """Return how many elements there are of each outcome."""
    found: dict[Outcome, int] = dict.fromkeys(("differs", "varies", "only_a", "only_b", "equal"), 0)
    for element in elements:
        found[element.outcome] += 1
    return found
