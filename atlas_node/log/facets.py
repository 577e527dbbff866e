"""How many elements the log has by device and by what they are, for the page Explore.

The counts of a facet are those under all conditions but its own, so that another value of it can
be chosen in its place. They are sums over layouts, of which there are few, never over objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from atlas_node.log.schema import (
    STATUS_OF_CODE,
    definitions,
    findings,
    layout_findings,
    runs,
    series,
)
from atlas_node.log.selection import (
    DEVICE,
    ELEMENT,
    FACETS,
    Selection,
    elements_by_layout,
    facets_of,
    held,
)
from atlas_node.model import ElementStatus


@dataclass(frozen=True, slots=True)
class CountedElement:
    """An element as its objects' annotations name it, and how often it is there.

    Attributes
    ----------
    creator, key, name, vr : str
        As in `ElementRecord`.
    by_status : dict
        Number of elements of each status that there are.
    """

    creator: str
    key: str
    name: str
    vr: str
    by_status: dict[ElementStatus, int]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Facets:
    """What a selection has.

    Attributes
    ----------
    objects : int
        Objects that have an element that fits.
    by_status : dict
        Elements that fit.
    values : dict
        For each of `FACETS` its values, the most frequent first, with their numbers of elements.
    elements : tuple of CountedElement
        The most frequent first.
    """

    objects: int
    by_status: dict[ElementStatus, int]
    values: dict[str, tuple[tuple[str, int], ...]]
    elements: tuple[CountedElement, ...]


def facets(connection: Connection, wanted: Selection) -> Facets:
    """Count what fits, by each facet."""
    values: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    elements = _count_elements(connection, wanted, values)
    objects = _count_devices(connection, wanted, values)
    by_status: Counter[ElementStatus] = Counter()
    for element in elements:
        by_status.update(element.by_status)
    return Facets(
        objects,
        {status: by_status[status] for status in ElementStatus},
        {name: _ordered(counted) for name, counted in values.items()},
        tuple(sorted(elements, key=lambda it: (-it.count, it.creator, it.key, it.name, it.vr))),
    )


def _count_elements(
    connection: Connection, wanted: Selection, values: Mapping[str, Counter[str]]
) -> list[CountedElement]:
    """Count the elements of the devices that fit, and those of each `ELEMENT` facet."""
    here = held(wanted, runs.c.layout_id)
    counted = (
        select(
            findings.c.definition_id, findings.c.status, func.sum(here.c.objects).label("elements")
        )
        .select_from(
            layout_findings.join(findings, findings.c.id == layout_findings.c.finding_id)
            .join(here, here.c.layout_id == layout_findings.c.layout_id)
        )
        .group_by(findings.c.definition_id, findings.c.status)
        .subquery()
    )  # fmt: skip
    query = select(
        definitions.c.creator, definitions.c.key, definitions.c.name, definitions.c.vr,
        counted.c.status, counted.c.elements,
    ).join(counted, counted.c.definition_id == definitions.c.id)  # fmt: skip
    asked = wanted.chosen(ELEMENT)
    found: dict[tuple[str, str, str, str], Counter[ElementStatus]] = {}
    for row in connection.execute(query).all():
        status, count = STATUS_OF_CODE[row.status], int(row.elements)
        said = facets_of(row, status)
        if _count(values, said, asked, count):
            key = (row.creator, row.key, row.name, row.vr)
            found.setdefault(key, Counter())[status] += count
    return [CountedElement(*key, dict(statuses)) for key, statuses in found.items()]


def _count_devices(
    connection: Connection, wanted: Selection, values: Mapping[str, Counter[str]]
) -> int:
    """Count the elements of each `DEVICE` facet; return how many objects have one that fits."""
    of_layout = elements_by_layout(connection, wanted)
    everywhere = Selection(since=wanted.since)
    columns = (series.c.manufacturer, series.c.model, series.c.software_versions, runs.c.layout_id)
    asked = wanted.chosen(DEVICE)
    objects = 0
    for *device, layout, count in connection.execute(select(held(everywhere, *columns))).all():
        elements = of_layout.get(layout, 0) * int(count)
        said = dict(zip(DEVICE, device, strict=True))
        if elements and _count(values, said, asked, elements):
            objects += int(count)
    return objects


def _count(
    values: Mapping[str, Counter[str]],
    said: Mapping[str, str],
    asked: Mapping[str, str],
    count: int,
) -> bool:
    """Add what fits all conditions to each facet, and what fails one to that facet alone."""
    failed = [name for name, value in asked.items() if said[name] != value]
    if not failed:
        for name, value in said.items():
            values[name][value] += count
    elif len(failed) == 1:
        values[failed[0]][said[failed[0]]] += count
    return not failed


def _ordered(counted: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counted.items(), key=lambda it: (-it[1], it[0])))
