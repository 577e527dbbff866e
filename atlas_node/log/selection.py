"""What is selected of the log by exact facts of device and element, and how many objects have it.

`facets`, `coverage` and `history` begin here. Each condition is one value as the log has it, the
empty one too, for that is what a click on a facet means; `filters` has the conditions that people
type. All that can be selected is the same for every object of a run but for the time, so runs are
counted, and objects only where a time parts a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    func,
    literal,
    select,
    union_all,
)

from atlas_node.log.filters import parse_since, parse_status, parse_tag
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
from atlas_node.model import ElementStatus

DEVICE: Final = ("manufacturer", "model", "software")
ELEMENT: Final = ("creator", "group", "element", "name", "vr", "status")
FACETS: Final = (*DEVICE, *ELEMENT)
"""By what one can select, in the order of the pages."""

_COLUMNS: Final = {
    "manufacturer": series.c.manufacturer,
    "model": series.c.model,
    "software": series.c.software_versions,
    "creator": definitions.c.creator,
    "group": definitions.c.key,
    "element": definitions.c.key,
    "name": definitions.c.name,
    "vr": definitions.c.vr,
}
_GROUP: Final = re.compile(r"\(?([0-9a-f]{4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that all hold for what is selected; None asks nothing, empty text the empty value.

    Attributes
    ----------
    manufacturer, model, software : str or None
        Of the equipment, (0008,0070), (0008,1090) and (0018,1020), as the objects say them.
    creator : str or None
        Private creator.
    group : str or None
        Group in four digits.
    element : str or None
        Key in the dictionary, such as ``(0019,xx0a)``.
    name, vr : str or None
        Of the element after annotation.
    status : ElementStatus or None
    since : float or None
        Objects received at this time or later, seconds since the epoch.
    """

    manufacturer: str | None = None
    model: str | None = None
    software: str | None = None
    creator: str | None = None
    group: str | None = None
    element: str | None = None
    name: str | None = None
    vr: str | None = None
    status: ElementStatus | None = None
    since: float | None = None

    @classmethod
    def from_text(cls, query: Mapping[str, str]) -> Selection:
        """Return the selection of a URL; what has other names is left aside.

        Raises
        ------
        ValueError
            A group, key, status or time cannot be understood; the message names which.
        """
        given: dict[str, Any] = {}
        for field in fields(cls):
            text = query.get(field.name)
            if text is None or (not text and field.name in _READ):
                continue
            try:
                given[field.name] = _READ.get(field.name, str)(text)
            except ValueError as error:
                raise ValueError(f"{field.name}: {error}") from None
        return cls(**given)

    def chosen(self, names: Iterable[str] = FACETS) -> dict[str, str]:
        """Return what is asked of these facets, by their names."""
        asked = {name: getattr(self, name) for name in names}
        return {name: str(value) for name, value in asked.items() if value is not None}


def facets_of(row: Any, status: ElementStatus) -> dict[str, str]:
    """Return what `ELEMENT` facets say of a row of `definitions` with this status."""
    return {
        "creator": row.creator, "group": row.key[1:5], "element": row.key, "name": row.name,
        "vr": row.vr, "status": status.value,
    }  # fmt: skip


def of_devices(wanted: Selection) -> list[ColumnElement[bool]]:
    """Return what a series must fulfil."""
    return [_COLUMNS[name] == value for name, value in wanted.chosen(DEVICE).items()]


def of_elements(wanted: Selection) -> list[ColumnElement[bool]]:
    """Return what a finding, joined with its definition, must fulfil."""
    found: list[ColumnElement[bool]] = []
    for name, value in wanted.chosen(ELEMENT).items():
        if name == "status":
            found.append(findings.c.status == STATUS_CODES[ElementStatus(value)])
        elif name == "group":
            found.append(definitions.c.key.startswith(f"({value},"))
        else:
            found.append(_COLUMNS[name] == value)
    return found


def layouts_with(wanted: Selection) -> Select[Any]:
    """Return the query for the layouts that have an element which fits."""
    return (
        select(layout_findings.c.layout_id)
        .join(findings, findings.c.id == layout_findings.c.finding_id)
        .join(definitions, definitions.c.id == findings.c.definition_id)
        .where(*of_elements(wanted))
        .distinct()
    )


def held(wanted: Selection, *columns: ColumnElement[Any]) -> Subquery:
    """Return how many objects there are by these columns of `series` and `runs`, as ``objects``.

    Conditions on elements are left aside.
    """
    of_runs = runs.join(series, series.c.id == runs.c.series_id)
    fit = and_(*of_devices(wanted), literal(True))
    whole = select(*columns, runs.c.objects.label("objects")).select_from(of_runs).where(fit)
    if wanted.since is None:
        parts = whole.subquery()
    else:
        parted = (
            select(*columns, literal(1).label("objects"))
            .select_from(of_runs.join(objects, objects.c.run_id == runs.c.id))
            .where(
                fit,
                runs.c.first_at < wanted.since,
                runs.c.last_at >= wanted.since,
                objects.c.received_at >= wanted.since,
            )
        )
        parts = union_all(whole.where(runs.c.first_at >= wanted.since), parted).subquery()
    names = [parts.c[column.key] for column in columns if column.key]
    return select(*names, func.sum(parts.c.objects).label("objects")).group_by(*names).subquery()


def elements_by_layout(connection: Connection, wanted: Selection) -> dict[int, int]:
    """Return for each layout how many of its elements fit; layouts without one are left out."""
    asked = wanted.chosen(ELEMENT)
    if not asked.keys() - {"status"}:
        # The layout's own counts answer this without a look at its findings.
        count = layouts.c[asked.get("status", "private")]
        query: Select[Any] = select(layouts.c.id, count).where(count > 0)
    else:
        query = (
            select(layout_findings.c.layout_id, func.count())
            .join(findings, findings.c.id == layout_findings.c.finding_id)
            .join(definitions, definitions.c.id == findings.c.definition_id)
            .where(*of_elements(wanted))
            .group_by(layout_findings.c.layout_id)
        )
    return {layout: int(count) for layout, count in connection.execute(query)}


def _parse_group(text: str) -> str:
    match = _GROUP.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected four hexadecimal digits such as 0019")
    return match[1].lower()


def _parse_key(text: str) -> str:
    """Return a key; of a tag with the number of a block, (0019,100a), that of its element."""
    tag = parse_tag(text)
    return tag if tag[6:8] == "00" else f"{tag[:6]}xx{tag[8:]}"


_READ: Final = {
    "group": _parse_group,
    "element": _parse_key,
    "status": parse_status,
    "since": parse_since,
}
