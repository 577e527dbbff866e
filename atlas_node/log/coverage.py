"""How much of what devices send is decoded, and which elements are not, for the page Coverage.

Counts are sums over layouts. Sample values are taken from what a run's objects have in common, so
that a list of elements costs the reading of some runs and of no object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from atlas_node.log.coding import value_json, value_of
from atlas_node.log.content import Content
from atlas_node.log.database import chunks
from atlas_node.log.schema import (
    STATUS_CODES,
    definitions,
    findings,
    layout_findings,
    layouts,
    objects,
    runs,
    series,
)
from atlas_node.log.selection import Selection, held, of_elements
from atlas_node.model import ElementStatus

_LAYOUTS: Final = 20
_RUNS_OF_LAYOUT: Final = 5
_OBJECTS_OF_RUN: Final = 10
_OBJECTS: Final = 300


@dataclass(frozen=True, slots=True)
class DeviceCoverage:
    """What the objects of one model with one software version have.

    Attributes
    ----------
    manufacturer, model, software : str
        As the objects say them.
    objects : int
    by_status : dict
        Number of private elements of each status.
    """

    manufacturer: str
    model: str
    software: str
    objects: int
    by_status: dict[ElementStatus, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that the log has of an element.

    Attributes
    ----------
    value : list
        As in `ElementRecord`: of a `UN` element its bytes in hexadecimal.
    truncated : bool
        Whether the log has only its begin.
    vr : str
        The VR after annotation, by which it was read.
    """

    value: list[Any]
    truncated: bool
    vr: str


@dataclass(frozen=True, slots=True)
class UndecodedElement:
    """An element that was left as it was.

    Attributes
    ----------
    creator, key : str
    elements, objects : int
        How often it was left, and in how many objects.
    devices : tuple of str
        Manufacturer and model, those with the most elements first.
    samples : tuple of Sample
        Some of its values, where the log keeps them.
    """

    creator: str
    key: str
    elements: int
    objects: int
    devices: tuple[str, ...]
    samples: tuple[Sample, ...]


def devices(connection: Connection, wanted: Selection) -> tuple[DeviceCoverage, ...]:
    """Return what each device has, those with the most elements first.

    Conditions on elements are left aside.
    """
    columns = (series.c.manufacturer, series.c.model, series.c.software_versions)
    here = held(wanted, *columns, runs.c.layout_id)
    names = [here.c[column.name] for column in columns]
    query = (
        select(
            *names,
            func.sum(here.c.objects).label("objects"),
            *(func.sum(here.c.objects * layouts.c[it.value]).label(it.value)
              for it in ElementStatus),
        )
        .join(layouts, layouts.c.id == here.c.layout_id)
        .group_by(*names)
    )  # fmt: skip
    found = [
        DeviceCoverage(
            row.manufacturer, row.model, row.software_versions, int(row.objects),
            {status: int(getattr(row, status.value)) for status in ElementStatus},
        )
        for row in connection.execute(query)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda it: (-sum(it.by_status.values()), it.manufacturer,
                                               it.model, it.software)))  # fmt: skip


def undecoded(
    connection: Connection, wanted: Selection, most: int, samples_each: int
) -> tuple[tuple[UndecodedElement, ...], int]:
    """Return the elements that are in the most objects, and how many elements there are in all.

    Parameters
    ----------
    wanted : Selection
        Its `status` says which.
    most : int
        Elements that are returned.
    samples_each : int
        Values that are returned of each.
    """
    columns = (series.c.manufacturer, series.c.model, runs.c.layout_id)
    senders: dict[int, list[tuple[str, int]]] = {}
    for manufacturer, model, layout, count in connection.execute(select(held(wanted, *columns))):
        named = " ".join(part for part in (manufacturer, model) if part)
        senders.setdefault(layout, []).append((named, int(count)))
    by_key: dict[tuple[str, str], dict[int, int]] = {}
    for creator, key, layout, count in connection.execute(_per_layout(wanted)):
        if layout in senders:
            by_key.setdefault((creator, key), {})[layout] = count
    weights = {
        named: sum(count for layout in of for _, count in senders[layout])
        for named, of in by_key.items()
    }
    first = sorted(by_key, key=lambda named: (-weights[named], named))[:most]
    values = samples(
        connection, {named: tuple(by_key[named]) for named in first}, wanted.status, samples_each
    )
    found = []
    for creator, key in first:
        sent: Counter[str] = Counter()
        for layout, count in by_key[creator, key].items():
            for device, objects_of in senders[layout]:
                sent[device] += objects_of * count
        found.append(
            UndecodedElement(
                creator, key, sum(sent.values()), weights[creator, key],
                tuple(device for device, _ in sent.most_common() if device), values[creator, key],
            )
        )  # fmt: skip
    return tuple(found), len(by_key)


def samples(
    connection: Connection,
    of: dict[tuple[str, str], Sequence[int]],
    status: ElementStatus | None,
    most: int,
) -> dict[tuple[str, str], tuple[Sample, ...]]:
    """Return some different values of each of these elements, by creator and key.

    Parameters
    ----------
    of : dict
        For each element the layouts to look into.
    status : ElementStatus or None
        Of the elements; None: any.
    most : int
        Values that are returned of each element.
    """
    reader = Content(connection)
    ends = _ends(connection, {layout for each in of.values() for layout in each})
    known = _findings(connection, of, status)
    found: dict[tuple[str, str], tuple[Sample, ...]] = {}
    for named, of_layouts in of.items():
        values: dict[str, Sample] = {}
        for layout in of_layouts:
            for run in ends.get(layout, ()):
                if len(values) < most:
                    _collect(reader, layout, run, known[named], values)
        found[named] = tuple(values.values())[:most]
    return found


def samples_of(
    connection: Connection, creator: str, key: str, most: int
) -> tuple[tuple[Sample, ...], int]:
    """Return different values of one element that was not decoded, and how many values were read.

    Some objects of some runs of each layout that has it are read, the newest ones.
    """
    wanted = Selection(creator=creator, element=key)
    left = [STATUS_CODES[it] for it in ElementStatus if it is not ElementStatus.DECODED]
    query = (
        select(layout_findings.c.layout_id, findings.c.id, definitions.c.vr)
        .join(findings, findings.c.id == layout_findings.c.finding_id)
        .join(definitions, definitions.c.id == findings.c.definition_id)
        .where(*of_elements(wanted), findings.c.status.in_(left))
    )
    of_layout: dict[int, dict[int, str]] = {}
    for layout, finding, vr in connection.execute(query):
        of_layout.setdefault(layout, {})[finding] = vr
    reader = Content(connection)
    values: dict[str, Sample] = {}
    read = looked_at = 0
    for layout in sorted(of_layout, reverse=True)[:_LAYOUTS]:
        newest = (
            select(runs.c.id)
            .where(runs.c.layout_id == layout)
            .order_by(runs.c.last_seq.desc())
            .limit(_RUNS_OF_LAYOUT)
        )
        for run in connection.execute(newest).scalars():
            own = (
                select(objects.c.run_id, objects.c.differing)
                .where(objects.c.run_id == run)
                .order_by(objects.c.seq.desc())
                .limit(min(_OBJECTS_OF_RUN, _OBJECTS - looked_at))
            )
            for row in connection.execute(own).all():
                looked_at += 1
                read += _collect(reader, layout, run, of_layout[layout], values, row.differing)
    return tuple(values.values())[:most], read


def _per_layout(wanted: Selection) -> Any:
    """Return the query for how many elements of each key that fit each layout has."""
    return (
        select(
            definitions.c.creator, definitions.c.key, layout_findings.c.layout_id, func.count()
        )
        .select_from(
            findings.join(definitions, definitions.c.id == findings.c.definition_id)
            .join(layout_findings, layout_findings.c.finding_id == findings.c.id)
        )
        .where(*of_elements(wanted))
        .group_by(definitions.c.creator, definitions.c.key, layout_findings.c.layout_id)
    )  # fmt: skip


def _ends(connection: Connection, of_layouts: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return the newest and the oldest run of each layout."""
    found: dict[int, tuple[int, ...]] = {}
    for chunk in chunks(of_layouts):
        query = (
            select(runs.c.layout_id, func.max(runs.c.id), func.min(runs.c.id))
            .where(runs.c.layout_id.in_(chunk))
            .group_by(runs.c.layout_id)
        )
        for layout, *both in connection.execute(query):
            found[layout] = tuple(dict.fromkeys(both))
    return found


def _findings(
    connection: Connection, of: Iterable[tuple[str, str]], status: ElementStatus | None
) -> dict[tuple[str, str], dict[int, str]]:
    """Return the findings of each element of this status, with the VR of each."""
    found: dict[tuple[str, str], dict[int, str]] = {named: {} for named in of}
    for chunk in chunks({key for _, key in found}):
        query = (
            select(findings.c.id, definitions.c.creator, definitions.c.key, definitions.c.vr)
            .join(definitions, definitions.c.id == findings.c.definition_id)
            .where(definitions.c.key.in_(chunk), *of_elements(Selection(status=status)))
        )
        for number, creator, key, vr in connection.execute(query):
            if (creator, key) in found:
                found[creator, key][number] = vr
    return found


def _collect(
    reader: Content,
    layout: int,
    run: int,
    vr_of: dict[int, str],
    values: dict[str, Sample],
    differing: bytes | None = None,
) -> int:
    """Add an object's values to those known by their JSON; return how many it has."""
    found = reader.values(layout, run, differing)
    read = 0
    for place, finding in enumerate(reader.layout(layout)):
        if finding not in vr_of:
            continue
        value, truncated = value_of(found[place])
        if value is not None:
            read += 1
            values.setdefault(
                value_json(value, truncated), Sample(value, truncated, vr_of[finding])
            )
    return read
