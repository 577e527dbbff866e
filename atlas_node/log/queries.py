"""The questions that the terminal and the viewer ask of the log, as parametrised SQL.

`LogStore` runs these functions on a connection it opens. Pages follow the number of an object
(`LoggedObject.seq`) or the cursor of an element, never an offset, so that what arrives meanwhile
moves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    tuple_,
)

from atlas_node.log.filters import LogFilter
from atlas_node.log.schema import (
    STATUS_CODES,
    STATUS_OF_CODE,
    definitions,
    deliveries,
    elements,
    facts,
    objects,
    paths,
    reasons,
    values,
)
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    ElementRecord,
    ElementStatus,
    Envelope,
    Identity,
)

_OBJECTS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class LoggedObject:
    """An object in the log.

    Attributes
    ----------
    seq : int
        Its place in the order in which objects entered the log.
    object : AnnotatedObject
        Its elements, and the private creators of its identity, are there only where one object
        was asked for.
    deliveries : tuple of DeliveryRecord
        By destination.
    """

    seq: int
    object: AnnotatedObject
    deliveries: tuple[DeliveryRecord, ...]


@dataclass(frozen=True, slots=True)
class LoggedElement:
    """An element in the log, with what one has to know of its object.

    Attributes
    ----------
    cursor : tuple of int
        Its place in a listing, for the next page.
    """

    cursor: tuple[int, int]
    object_id: str
    received_at: float
    calling_ae: str
    patient_id: str
    study_uid: str
    sop_instance_uid: str
    element: ElementRecord


@dataclass(frozen=True, slots=True)
class Totals:
    """How many objects, and how many private elements of each status, the log has."""

    objects: int
    private: int
    by_status: dict[ElementStatus, int]


def objects_page(
    connection: Connection, wanted: LogFilter, limit: int, before: int | None
) -> tuple[LoggedObject, ...]:
    """Return the newest objects that fit, newest first; only those with ``seq < before``."""
    query = select(objects).where(*_object_conditions(wanted), *_of_elements(wanted))
    if before is not None:
        query = query.where(objects.c.seq < before)
    rows = connection.execute(query.order_by(objects.c.seq.desc()).limit(limit)).all()
    delivered = _deliveries(connection, [row.object_id for row in rows])
    return tuple(
        LoggedObject(row.seq, _object(row), delivered.get(row.object_id, ())) for row in rows
    )


def one_object(connection: Connection, object_id: str) -> LoggedObject | None:
    """Return an object with all its elements in their order, or None."""
    row = connection.execute(select(objects).where(objects.c.object_id == object_id)).one_or_none()
    if row is None:
        return None
    query = _element_columns().where(elements.c.object_seq == row.seq)
    found = connection.execute(query.order_by(paths.c.position, facts.c.id)).all()
    records = tuple(_element(element) for element in found)
    delivered = _deliveries(connection, [object_id])
    return LoggedObject(row.seq, _object(row, records), delivered.get(object_id, ()))


def elements_page(
    connection: Connection, wanted: LogFilter, limit: int, before: tuple[int, int] | None
) -> tuple[LoggedElement, ...]:
    """Return elements of the newest objects first, in their order within each object.

    `before` is the cursor of the last element of the page that came before. Objects are looked
    for first, a few at a time, and then their elements: one query over all would read and sort
    every element that fits, however few are wanted.
    """
    found: list[LoggedElement] = []
    seqs = select(objects.c.seq).where(*_object_conditions(wanted), *_of_elements(wanted))
    seqs = seqs.order_by(objects.c.seq.desc()).limit(_OBJECTS_AT_ONCE)
    upto = None if before is None else before[0]
    while len(found) < limit:
        query = seqs if upto is None else seqs.where(objects.c.seq <= upto)
        numbers = connection.execute(query).scalars().all()
        if not numbers:
            break
        page = _logged_elements(wanted).where(elements.c.object_seq.in_(numbers))
        if before is not None and before[0] in numbers:
            page = page.where(_later_in_listing(*before))
        page = page.order_by(elements.c.object_seq.desc(), paths.c.position, facts.c.id)
        found += _logged(connection, page.limit(limit - len(found)))
        upto = numbers[-1] - 1
    return tuple(found)


def _later_in_listing(seq: int, fact: int) -> ColumnElement[bool]:
    """Return the condition that an element comes after another one in the same listing."""
    place = (
        select(paths.c.position)
        .join(facts, facts.c.path_id == paths.c.id)
        .where(facts.c.id == fact)
        .scalar_subquery()
    )
    return or_(
        elements.c.object_seq < seq,
        tuple_(paths.c.position, facts.c.id) > tuple_(place, fact),
    )


def elements_after(
    connection: Connection, wanted: LogFilter, after: int, upto: int
) -> tuple[LoggedElement, ...]:
    """Return the elements of the objects with ``after < seq <= upto``, oldest object first."""
    query = _logged_elements(wanted).where(
        elements.c.object_seq > after, elements.c.object_seq <= upto
    )
    query = query.order_by(elements.c.object_seq, paths.c.position, facts.c.id)
    return _logged(connection, query)


def newest_seq(connection: Connection) -> int:
    """Return the number of the newest object, 0 for an empty log."""
    return connection.execute(select(func.max(objects.c.seq))).scalar_one() or 0


def state(connection: Connection) -> str:
    """Return a text that changes whenever an object or a delivery does."""
    # Each by itself: SQLite answers a lone min or max from the index, two at once by a full scan.
    ends = (func.min(objects.c.seq), func.max(objects.c.seq), func.max(deliveries.c.at))
    subqueries = [select(end).scalar_subquery() for end in ends]
    oldest, newest, changed = connection.execute(select(*subqueries)).one()
    return f"{oldest or 0}-{newest or 0}-{changed or 0:.6f}"


def totals(connection: Connection, wanted: LogFilter) -> Totals:
    """Count objects and elements; conditions on elements are left aside."""
    sums = [func.sum(objects.c[status.value]) for status in ElementStatus]
    row = connection.execute(
        select(func.count(), func.sum(objects.c.private), *sums)
        .select_from(objects)
        .where(*_object_conditions(wanted))
    ).one()
    counts = {status: int(row[2 + place] or 0) for place, status in enumerate(ElementStatus)}
    return Totals(row[0], int(row[1] or 0), counts)


def _object_conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    exactly = {
        objects.c.object_id: wanted.object_id,
        objects.c.patient_id: wanted.patient_id,
        objects.c.study_uid: wanted.study_uid,
    }
    conditions = [column == text for column, text in exactly.items() if text is not None]
    if wanted.since is not None:
        conditions.append(objects.c.received_at >= wanted.since)
    if wanted.calling_ae is not None:
        conditions.append(_like(objects.c.calling_ae, wanted.calling_ae))
    if wanted.modality is not None:
        conditions.append(_like(objects.c.modality, wanted.modality))
    if wanted.manufacturer is not None:
        conditions.append(objects.c.manufacturer.icontains(wanted.manufacturer, autoescape=True))
    return conditions


def _fact_conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    of_definition: list[ColumnElement[bool]] = []
    if wanted.creator is not None:
        of_definition.append(_like(definitions.c.creator, wanted.creator))
    if wanted.vr is not None:
        of_definition.append(definitions.c.vr == wanted.vr)
    if wanted.name is not None:
        of_definition.append(definitions.c.name.icontains(wanted.name, autoescape=True))
    if wanted.tag is not None and "xx" in wanted.tag:
        of_definition.append(definitions.c.key == wanted.tag)
    if of_definition:
        conditions.append(
            facts.c.definition_id.in_(select(definitions.c.id).where(and_(*of_definition)))
        )
    if wanted.tag is not None and "xx" not in wanted.tag:
        conditions.append(facts.c.path_id.in_(select(paths.c.id).where(paths.c.tag == wanted.tag)))
    if wanted.status is not None:
        conditions.append(facts.c.status == STATUS_CODES[wanted.status])
    return conditions


def _of_elements(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """Return the condition that an object has an element that fits."""
    if not wanted.asks_of_elements:
        return []
    if wanted.status and not any((wanted.creator, wanted.tag, wanted.vr, wanted.name)):
        # The object's own count answers this without a look at its elements.
        return [objects.c[wanted.status.value] > 0]
    conditions = _fact_conditions(wanted)
    of_object = (
        select(1)
        .select_from(elements.join(facts, facts.c.id == elements.c.fact_id))
        .where(elements.c.object_seq == objects.c.seq, *conditions)
    )
    # The first is asked once: where no fact fits at all, no object has to be looked into.
    return [select(1).select_from(facts).where(*conditions).exists(), of_object.exists()]


def _element_columns(*more: ColumnElement[Any]) -> Select[Any]:
    joined = (
        elements.join(facts, facts.c.id == elements.c.fact_id)
        .join(definitions, definitions.c.id == facts.c.definition_id)
        .join(paths, paths.c.id == facts.c.path_id)
        .join(values, values.c.id == facts.c.value_id)
        .join(reasons, reasons.c.id == facts.c.reason_id)
    )
    return select(
        elements.c.object_seq, elements.c.fact_id, paths.c.path, definitions.c.creator,
        definitions.c.key, definitions.c.vr_before, definitions.c.vr, definitions.c.vm,
        definitions.c.name, definitions.c.sources, definitions.c.confidence, facts.c.status,
        reasons.c.reason, values.c.json, values.c.truncated, *more,
    ).select_from(joined)  # fmt: skip


def _logged_elements(wanted: LogFilter) -> Select[Any]:
    query = _element_columns(
        objects.c.object_id, objects.c.received_at, objects.c.calling_ae, objects.c.patient_id,
        objects.c.study_uid, objects.c.sop_instance_uid,
    )  # fmt: skip
    return query.join(objects, objects.c.seq == elements.c.object_seq).where(
        *_object_conditions(wanted), *_fact_conditions(wanted)
    )


def _logged(connection: Connection, query: Select[Any]) -> tuple[LoggedElement, ...]:
    return tuple(
        LoggedElement(
            cursor=(row.object_seq, row.fact_id),
            object_id=row.object_id,
            received_at=row.received_at,
            calling_ae=row.calling_ae,
            patient_id=row.patient_id,
            study_uid=row.study_uid,
            sop_instance_uid=row.sop_instance_uid,
            element=_element(row),
        )
        for row in connection.execute(query)
    )


def _like(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Compare without regard to case; a star in `text` stands for any characters."""
    escaped = text.replace("/", "//").replace("%", "/%").replace("_", "/_").replace("*", "%")
    return column.ilike(escaped, escape="/")


def _deliveries(
    connection: Connection, object_ids: Sequence[str]
) -> dict[str, tuple[DeliveryRecord, ...]]:
    query = (
        select(deliveries)
        .where(deliveries.c.object_id.in_(object_ids))
        .order_by(deliveries.c.destination)
    )
    found: dict[str, tuple[DeliveryRecord, ...]] = {}
    for row in connection.execute(query):
        record = DeliveryRecord(
            row.destination, DeliveryStatus(row.status), row.tries, row.at, row.detail,
            row.next_try_at,
        )  # fmt: skip
        found[row.object_id] = (*found.get(row.object_id, ()), record)
    return found


def _object(row: Row[Any], records: tuple[ElementRecord, ...] = ()) -> AnnotatedObject:
    return AnnotatedObject(
        object_id=row.object_id,
        envelope=Envelope(
            received_at=row.received_at,
            calling_ae=row.calling_ae,
            called_ae=row.called_ae,
            peer=row.peer,
            sop_class_uid=row.requested_class_uid,
            sop_instance_uid=row.requested_instance_uid,
            transfer_syntax_uid=row.transfer_syntax_uid,
        ),
        identity=Identity(
            sop_class_uid=row.sop_class_uid,
            sop_instance_uid=row.sop_instance_uid,
            study_instance_uid=row.study_uid,
            series_instance_uid=row.series_uid,
            patient_id=row.patient_id,
            modality=row.modality,
            manufacturer=row.manufacturer,
            model=row.model,
            software_versions=row.software_versions,
            private_creators=tuple(dict.fromkeys(e.creator for e in records if e.creator)),
        ),
        size=row.size,
        changed=row.changed,
        error=row.error,
        counts={
            "private": row.private,
            **{status.value: getattr(row, status.value) for status in ElementStatus},
        },
        elements=records,
    )


def _element(row: Row[Any]) -> ElementRecord:
    return ElementRecord(
        path=row.path,
        creator=row.creator,
        key=row.key,
        vr_before=row.vr_before,
        vr=row.vr,
        vm=row.vm,
        name=row.name,
        status=STATUS_OF_CODE[row.status],
        reason=row.reason,
        value=json.loads(row.json),
        truncated=row.truncated,
        sources=tuple(row.sources.split()),
        confidence=row.confidence,
    )
