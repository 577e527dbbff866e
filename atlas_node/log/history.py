"""The values of one element, over the objects of a series or over time, for the plots of Explore.

Over a series every object is read. Over time it is one object for each run, the one it began with:
what all its objects have in common is at hand without a look at any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from atlas_node.log.coding import value_of
from atlas_node.log.content import Content
from atlas_node.log.database import chunks
from atlas_node.log.schema import (
    definitions,
    findings,
    objects,
    paths,
    runs,
    series,
)
from atlas_node.log.selection import ELEMENT, Selection, layouts_with, of_devices, of_elements

MOST_OBJECTS: Final = 2000
"""Objects of one series that are read, the first ones."""

_MOST_VALUES: Final = 20_000
_PACKED: Final = 150_000  # bytes of runs that are unpacked for one plot over time

Named = tuple[str, str]
"""Private creator and key of an element."""


@dataclass(frozen=True, slots=True)
class LoggedSeries:
    """A series in the log, from whomever its objects came.

    Attributes
    ----------
    uid, study_uid, patient_id, modality, manufacturer, model, software : str
    objects : int
    first_at, last_at : float
        When the first and the last of them was received, seconds since the epoch.
    """

    uid: str
    study_uid: str
    patient_id: str
    modality: str
    manufacturer: str
    model: str
    software: str
    objects: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Point:
    """One value of an element.

    Attributes
    ----------
    number : int
        Which object of its series it is in, from 1 in the order of arrival; over time, which
        series.
    object_id : str
        Empty over time, where the object itself is not looked for.
    series_uid : str
    received_at : float
        When the object came, over time the first of its run.
    path : str
    vr : str
    value : list
        As in `ElementRecord`.
    truncated : bool
    by : int or float or None
        The number of another element in the same frame or object, where one was asked for.
    """

    number: int
    object_id: str
    series_uid: str
    received_at: float
    path: str
    vr: str
    value: list[Any]
    truncated: bool
    by: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The values of one element.

    Attributes
    ----------
    name, vm : str
        As the newest annotation has them.
    points : tuple of Point
        In the order of the objects.
    read, there_are : int
        Objects that were read (runs, over time), and how many there are.
    numeric : tuple
        Elements of the series with one number that is not the same in all objects: creator, key
        and name of those by which one may plot.
    """

    name: str
    vm: str
    points: tuple[Point, ...]
    read: int
    there_are: int
    numeric: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Finding:
    creator: str
    key: str
    name: str
    vr: str
    vm: str
    path: str
    status: int


def list_series(connection: Connection, wanted: Selection, most: int) -> tuple[LoggedSeries, ...]:
    """Return the series that have an element and a device that fit, the newest first.

    Their objects are those with such an element. Objects without a series UID are left out.
    """
    conditions = [*_of_runs(wanted), series.c.series_uid != ""]
    return _summaries(connection, conditions, most)


def find_series(connection: Connection, uid: str) -> LoggedSeries | None:
    """Return a series by its Series Instance UID, or None."""
    return (
        next(iter(_summaries(connection, [series.c.series_uid == uid], 1)), None) if uid else None
    )


def over_series(connection: Connection, uid: str, named: Named, by: Named | None = None) -> History:
    """Return the values of an element over the objects of a series.

    Parameters
    ----------
    uid : str
        Series Instance UID.
    named : tuple of str
        Private creator and key of the element.
    by : tuple of str or None
        Another element, whose number in the same frame or object each point is given.
    """
    reader = Content(connection)
    query = (
        select(runs.c.id, runs.c.layout_id)
        .join(series, series.c.id == runs.c.series_id)
        .where(series.c.series_uid == uid)
    )
    layout_of: dict[int, int] = {row.id: row.layout_id for row in connection.execute(query)}
    of_layout = {it: _known(connection, reader.layout(it)) for it in set(layout_of.values())}
    rows, there_are = _objects(connection, list(layout_of))
    points: list[Point] = []
    seen: dict[Named, set[float]] = {}
    names: dict[Named, str] = {}
    for number, row in enumerate(rows, 1):
        layout = layout_of[row.run_id]
        known, numbers = of_layout[layout], reader.layout(layout)
        values = reader.values(layout, row.run_id, row.differing)
        beside: dict[str, float] = {}
        mine: list[Point] = []
        for finding, item in zip(numbers, values, strict=True):
            it = known[finding]
            value, truncated = value_of(item)
            if value is None:
                continue
            if (single := _number(value)) is not None:
                seen.setdefault((it.creator, it.key), set()).add(single)
                names[it.creator, it.key] = it.name
                if by == (it.creator, it.key):
                    beside.setdefault(_frame(it.path), single)
            if named == (it.creator, it.key) and len(points) + len(mine) < _MOST_VALUES:
                mine.append(
                    Point(number, row.object_id, uid, row.received_at, it.path, it.vr, value,
                          truncated)
                )  # fmt: skip
        points += (replace(it, by=_beside(beside, it.path)) for it in mine) if beside else mine
    varying = [one for one, numbers_of in seen.items() if len(numbers_of) > 1 and one != named]
    return History(
        *_called(connection, named), tuple(points), len(rows), there_are,
        tuple(sorted((*one, names[one]) for one in varying)),
    )  # fmt: skip


def over_time(connection: Connection, wanted: Selection, most: int) -> History:
    """Return the values of an element over time, those that some series begin with.

    Parameters
    ----------
    wanted : Selection
        With creator and element.
    most : int
        How many runs are read at most; where there are more, evenly over those there are.
    """
    named = (wanted.creator or "", wanted.element or "")
    conditions = _of_runs(wanted)
    of_series = runs.join(series, series.c.id == runs.c.series_id)
    counted = select(func.count(), func.sum(func.length(runs.c.common))).select_from(of_series)
    there_are, packed = (
        int(it or 0) for it in connection.execute(counted.where(*conditions)).one()
    )
    # Those of objects with thousands of elements take their time: fewer of them, then.
    most = max(1, min(most, there_are * _PACKED // (packed or 1)))
    step = -(-there_are // most) or 1
    from_newest = func.row_number().over(order_by=(runs.c.first_at.desc(), runs.c.id.desc()))
    all_of_them = (
        select(runs.c.id, runs.c.layout_id, runs.c.first_at, series.c.series_uid,
               from_newest.label("place"))
        .select_from(of_series)
        .where(*conditions)
        .subquery()
    )  # fmt: skip
    some = (
        select(all_of_them, runs.c.common)
        .join(runs, runs.c.id == all_of_them.c.id)
        .where((all_of_them.c.place - 1) % step == 0)
        .order_by(all_of_them.c.first_at, all_of_them.c.id)
    )
    reader = Content(connection)
    fitting = _fitting(connection, wanted)
    places: dict[int, list[tuple[int, _Finding]]] = {}
    points: list[Point] = []
    number = 0
    for number, row in enumerate(connection.execute(some).all(), 1):
        layout = row.layout_id
        values = reader.values(layout, row.id)
        if layout not in places:
            numbered = enumerate(reader.layout(layout))
            places[layout] = [(place, fitting[it]) for place, it in numbered if it in fitting]
        for place, it in places[layout]:
            value, truncated = value_of(values[place])
            if value is not None and len(points) < _MOST_VALUES:
                points.append(
                    Point(number, "", row.series_uid, row.first_at, it.path, it.vr, value,
                          truncated)
                )  # fmt: skip
    return History(*_called(connection, named), tuple(points), number, there_are)


def _of_runs(wanted: Selection) -> list[ColumnElement[bool]]:
    conditions = of_devices(wanted)
    if wanted.chosen(ELEMENT):
        conditions.append(runs.c.layout_id.in_(layouts_with(wanted)))
    if wanted.since is not None:
        conditions.append(runs.c.last_at >= wanted.since)
    return conditions


def _summaries(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], most: int
) -> tuple[LoggedSeries, ...]:
    # A series that came from two senders has two rows: they say the same of it.
    texts = ("study_uid", "patient_id", "modality", "manufacturer", "model", "software_versions")
    query = (
        select(
            series.c.series_uid,
            *(func.max(series.c[name]) for name in texts),
            func.sum(runs.c.objects), func.min(runs.c.first_at), func.max(runs.c.last_at),
        )
        .join(runs, runs.c.series_id == series.c.id)
        .where(*conditions)
        .group_by(series.c.series_uid)
        .order_by(func.max(runs.c.last_seq).desc())
        .limit(most)
    )  # fmt: skip
    return tuple(
        LoggedSeries(*row[:7], int(row[7]), row[8], row[9]) for row in connection.execute(query)
    )


def _objects(connection: Connection, of_runs: Sequence[int]) -> tuple[list[Any], int]:
    """Return the first objects of these runs in their order, and how many there are."""
    found: list[Any] = []
    there_are = 0
    for chunk in chunks(of_runs):
        query = (
            select(objects.c.seq, objects.c.object_id, objects.c.run_id, objects.c.received_at,
                   objects.c.differing)
            .where(objects.c.run_id.in_(chunk))
            .order_by(objects.c.seq)
            .limit(MOST_OBJECTS)
        )  # fmt: skip
        found += connection.execute(query).all()
        counted = select(func.sum(runs.c.objects)).where(runs.c.id.in_(chunk))
        there_are += int(connection.execute(counted).scalar_one() or 0)
    return sorted(found, key=lambda row: row.seq)[:MOST_OBJECTS], there_are


_FINDINGS: Final = select(
    findings.c.id, definitions.c.creator, definitions.c.key, definitions.c.name, definitions.c.vr,
    definitions.c.vm, paths.c.path, findings.c.status,
).select_from(
    findings.join(definitions, definitions.c.id == findings.c.definition_id)
    .join(paths, paths.c.id == findings.c.path_id)
)  # fmt: skip


def _known(connection: Connection, numbers: Sequence[int]) -> dict[int, _Finding]:
    """Return what these findings are."""
    found: dict[int, _Finding] = {}
    for chunk in chunks(set(numbers)):
        for number, *said in connection.execute(_FINDINGS.where(findings.c.id.in_(chunk))):
            found[number] = _Finding(*said)
    return found


def _fitting(connection: Connection, wanted: Selection) -> dict[int, _Finding]:
    query = _FINDINGS.where(*of_elements(wanted))
    return {number: _Finding(*said) for number, *said in connection.execute(query)}


def _called(connection: Connection, named: Named) -> tuple[str, str]:
    """Return name and VM of an element as the newest definition with a name has them."""
    query = (
        select(definitions.c.name, definitions.c.vm)
        .where(definitions.c.creator == named[0], definitions.c.key == named[1])
        .order_by(definitions.c.name == "", definitions.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return ("", "") if row is None else (row.name, row.vm)


def _frame(path: str) -> str:
    """Return the item of the outermost sequence that a path goes through; empty for none."""
    item, dot, _ = path.partition(".")
    return item if dot else ""


def _beside(numbers: Mapping[str, float], path: str) -> float | None:
    """Return the number of the same frame, or of the whole object."""
    return numbers.get(_frame(path), numbers.get(""))


def _number(value: Sequence[Any]) -> float | None:
    """Return the number that is the whole value, None for anything else."""
    if len(value) == 1 and isinstance(value[0], int | float) and not isinstance(value[0], bool):
        return value[0]
    return None
