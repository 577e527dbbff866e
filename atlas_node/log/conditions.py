"""What a `LogFilter` asks, as conditions in SQL.

All that can be asked is the same for every object of a run, but for the time of its reception, its
number and its own identifiers: `queries` finds the runs first, of which there are few.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from atlas_node.log.filters import LogFilter
from atlas_node.log.schema import (
    STATUS_CODES,
    definitions,
    findings,
    layout_findings,
    layouts,
    objects,
    paths,
    runs,
    series,
)


def of_runs(wanted: LogFilter, *, elements: bool = True) -> list[ColumnElement[bool]]:
    """Return what a run must fulfil to have an object that fits; `elements`: and one of these."""
    conditions: list[ColumnElement[bool]] = []
    of_series = _of_series(wanted)
    if of_series:
        conditions.append(runs.c.series_id.in_(select(series.c.id).where(*of_series)))
    if elements and wanted.asks_of_elements:
        conditions.append(runs.c.layout_id.in_(_layouts(wanted)))
    if wanted.since is not None:
        conditions.append(runs.c.last_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(runs.c.first_at < wanted.until)
    if named := _named(wanted):
        conditions.append(runs.c.id.in_(select(objects.c.run_id).where(*named)))
    return conditions


def of_objects(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """Return what an object must fulfil beside what `of_runs` asks of its run."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        conditions.append(objects.c.received_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(objects.c.received_at < wanted.until)
    return conditions + _named(wanted)


def partly(wanted: LogFilter) -> ColumnElement[bool]:
    """Return the condition that only some of a run's objects may fulfil `of_objects`."""
    if _named(wanted):
        return runs.c.objects > 0
    parting: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        parting.append(runs.c.first_at < wanted.since)
    if wanted.until is not None:
        parting.append(runs.c.last_at >= wanted.until)
    return or_(*parting) if parting else runs.c.objects < 0


def of_findings(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """Return what the finding of an element must fulfil."""
    of_definition: list[ColumnElement[bool]] = []
    if wanted.creator is not None:
        of_definition.append(_like(definitions.c.creator, wanted.creator))
    if wanted.vr is not None:
        of_definition.append(definitions.c.vr == wanted.vr)
    if wanted.name is not None:
        of_definition.append(definitions.c.name.icontains(wanted.name, autoescape=True))
    if wanted.tag is not None and "xx" in wanted.tag:
        of_definition.append(definitions.c.key == wanted.tag)
    conditions: list[ColumnElement[bool]] = []
    if of_definition:
        fitting = select(definitions.c.id).where(and_(*of_definition))
        conditions.append(findings.c.definition_id.in_(fitting))
    if wanted.tag is not None and "xx" not in wanted.tag:
        fitting = select(paths.c.id).where(paths.c.tag == wanted.tag)
        conditions.append(findings.c.path_id.in_(fitting))
    if wanted.status is not None:
        conditions.append(findings.c.status == STATUS_CODES[wanted.status])
    return conditions


def _named(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """Return what the identifiers of an object itself must be."""
    exactly = {objects.c.object_id: wanted.object_id, objects.c.sop_instance_uid: wanted.sop_uid}
    return [column == text for column, text in exactly.items() if text is not None]


def _of_series(wanted: LogFilter) -> list[ColumnElement[bool]]:
    exactly = {
        series.c.patient_id: wanted.patient_id,
        series.c.study_uid: wanted.study_uid,
        series.c.series_uid: wanted.series_uid,
    }
    conditions = [column == text for column, text in exactly.items() if text is not None]
    if wanted.calling_ae is not None:
        conditions.append(_like(series.c.calling_ae, wanted.calling_ae))
    if wanted.modality is not None:
        conditions.append(_like(series.c.modality, wanted.modality))
    if wanted.manufacturer is not None:
        conditions.append(series.c.manufacturer.icontains(wanted.manufacturer, autoescape=True))
    return conditions


def _layouts(wanted: LogFilter) -> Select[Any]:
    """Return the query for layouts that have an element that fits."""
    if wanted.status and not any((wanted.creator, wanted.tag, wanted.vr, wanted.name)):
        # The layout's own count answers this without a look at its findings.
        return select(layouts.c.id).where(layouts.c[wanted.status.value] > 0)
    fitting = select(findings.c.id).where(*of_findings(wanted))
    return select(layout_findings.c.layout_id).where(layout_findings.c.finding_id.in_(fitting))


def _like(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Compare without regard to case; a star in `text` stands for any characters."""
    escaped = text.replace("/", "//").replace("%", "/%").replace("_", "/_").replace("*", "%")
    return column.ilike(escaped, escape="/")
