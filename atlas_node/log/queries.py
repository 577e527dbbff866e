"""The questions that the terminal and the viewer ask of the log, as parametrised SQL.

`LogStore` runs these functions on a connection it opens. Pages follow the number of an object
(`LoggedObject.seq`) or the cursor of an element, never an offset, so that what arrives meanwhile
moves nothing. Runs are found first, then their objects, then the elements of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from atlas_node.log import conditions
from atlas_node.log.content import Content
from atlas_node.log.database import chunks
from atlas_node.log.filters import LogFilter
from atlas_node.log.schema import (
    AGAIN_OF_CODE,
    COUNTS,
    Again,
    counters,
    deliveries,
    findings,
    layouts,
    objects,
    runs,
    series,
    tries,
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
_MOST_OBJECTS_AT_ONCE = 500
_MANY_ELEMENTS = 1000
_ALL_COLUMNS = (
    *objects.columns, runs.c.layout_id,
    *(column for column in series.columns if column.name not in ("id", "digest")),
    *(layouts.c[name] for name in COUNTS),
)  # fmt: skip
_ALL_TABLES = (
    objects.join(runs, runs.c.id == objects.c.run_id)
    .join(series, series.c.id == runs.c.series_id)
    .join(layouts, layouts.c.id == runs.c.layout_id)
)


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
    again : "", "same" or "other"
        Whether an earlier object in the log had its SOP Instance UID, with the same bytes or with
        others.
    tries : tuple of DeliveryRecord
        The states that its deliveries were in before, in their order: tries that failed and orders
        of a person. There only where one object was asked for.
    """

    seq: int
    object: AnnotatedObject
    deliveries: tuple[DeliveryRecord, ...]
    again: Again = ""
    tries: tuple[DeliveryRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggedElement:
    """An element in the log, with what one has to know of its object.

    Attributes
    ----------
    cursor : tuple of int
        Its place in a listing, for the next page.
    object_id : str
        The spool's own identifier of its object.
    received_at : float
        When that was received, in seconds since the epoch.
    calling_ae, patient_id, study_uid, sop_instance_uid : str
        Of its object, as far as the log keeps them.
    element : ElementRecord
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


def known(connection: Connection, object_ids: Sequence[str]) -> frozenset[str]:
    """Return those of the objects that the log has."""
    found: set[str] = set()
    for chunk in chunks(object_ids):
        query = select(objects.c.object_id).where(objects.c.object_id.in_(chunk))
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def objects_page(
    connection: Connection, wanted: LogFilter, limit: int, before: int | None
) -> tuple[LoggedObject, ...]:
    """Return the newest objects that fit, newest first; only those with ``seq < before``."""
    rows = _objects(connection, _newest(connection, wanted, limit, before))
    delivered = _deliveries(connection, [row.seq for row in rows])
    return tuple(_logged_object(row, delivered) for row in rows)


def one_object(connection: Connection, object_id: str) -> LoggedObject | None:
    """Return an object with all its elements in their order, or None."""
    query = select(*_ALL_COLUMNS).select_from(_ALL_TABLES)
    row = connection.execute(query.where(objects.c.object_id == object_id)).one_or_none()
    if row is None:
        return None
    content = Content(connection)
    records = content.records(row, content.places(row, None))
    delivered = _deliveries(connection, [row.seq])
    return _logged_object(row, delivered, tuple(records), _tries(connection, row.seq))


def elements_page(
    connection: Connection, wanted: LogFilter, limit: int, before: tuple[int, int] | None
) -> tuple[LoggedElement, ...]:
    """Return elements of the newest objects first, in their order within each object.

    `before` is the cursor of the last element of the page that came before. Objects are looked
    for first, a few at a time, and then their elements.
    """
    found: list[LoggedElement] = []
    fitting = _fitting(connection, wanted)
    content = Content(connection)
    upto = None if before is None else before[0] + 1
    at_once = _OBJECTS_AT_ONCE
    while len(found) < limit:
        rows = _objects(connection, _newest(connection, wanted, at_once, upto))
        for row in rows:
            places = content.places(row, fitting)
            if before is not None and row.seq == before[0]:
                places = [place for place in places if place > before[1]]
            places = places[: limit - len(found)]
            found += _logged_elements(row, places, content.records(row, places))
            if len(found) == limit:
                break
        if len(rows) < at_once:
            break
        upto = rows[-1].seq
        at_once = min(_MOST_OBJECTS_AT_ONCE, at_once * 2)
    return tuple(found)


def elements_after(
    connection: Connection, wanted: LogFilter, after: int, upto: int
) -> tuple[tuple[LoggedElement, ...], int]:
    """Return the elements of the objects with ``after < seq <= upto``, oldest object first.

    Where these are very many it ends with an earlier object; the number of the last one looked at
    is returned with them.
    """
    query = (
        select(objects.c.seq)
        .join(runs, runs.c.id == objects.c.run_id)
        .where(objects.c.seq > after, objects.c.seq <= upto)
        .where(*conditions.of_objects(wanted), *conditions.of_runs(wanted))
    )
    fitting = _fitting(connection, wanted)
    content = Content(connection)
    found: list[LoggedElement] = []
    for row in reversed(_objects(connection, connection.execute(query).scalars().all())):
        places = content.places(row, fitting)
        found += _logged_elements(row, places, content.records(row, places))
        if len(found) >= _MANY_ELEMENTS:
            return tuple(found), row.seq
    return tuple(found), upto


def newest_seq(connection: Connection) -> int:
    """Return the number of the newest object, 0 for an empty log."""
    return connection.execute(select(func.max(objects.c.seq))).scalar_one() or 0


def state(connection: Connection) -> str:
    """Return a text that changes whenever an object or a delivery does."""
    changes, expiries = connection.execute(select(counters.c.changes, counters.c.expiries)).one()
    return f"{changes}-{expiries}"


def totals(connection: Connection, wanted: LogFilter) -> Totals:
    """Count objects and elements; conditions on elements are left aside."""
    # All objects of a run have the same counts: only runs of which not all objects fit need a
    # look at their objects.
    fit = conditions.of_runs(wanted, elements=False)
    partly = conditions.partly(wanted)
    with_layout = runs.join(layouts, layouts.c.id == runs.c.layout_id)
    whole = (
        select(func.sum(runs.c.objects),
               *(func.sum(runs.c.objects * layouts.c[name]) for name in COUNTS))
        .select_from(with_layout)
        .where(*fit, ~partly)
    )  # fmt: skip
    some = (
        select(func.count(), *(func.sum(layouts.c[name]) for name in COUNTS))
        .select_from(with_layout.join(objects, objects.c.run_id == runs.c.id))
        .where(*fit, partly, *conditions.of_objects(wanted))
    )
    rows = [connection.execute(query).one() for query in (whole, some)]
    count, private, *counts = (int(a or 0) + int(b or 0) for a, b in zip(*rows, strict=True))
    return Totals(count, private, dict(zip(ElementStatus, counts, strict=True)))


def _newest(connection: Connection, wanted: LogFilter, limit: int, before: int | None) -> list[int]:
    """Return the numbers of the newest objects that fit, newest first.

    Each run has an object that fits, at its end, so the newest `limit` objects are in the `limit`
    runs that ended last; beside them only those runs need a look that `before` or a time parts.
    """
    if not (fit := conditions.of_runs(wanted)):
        query = select(objects.c.seq).order_by(objects.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(objects.c.seq < before)
        return list(connection.execute(query).scalars())
    parted = conditions.partly(wanted)
    if before is not None:
        fit.append(runs.c.first_seq < before)
        parted = or_(parted, runs.c.last_seq >= before)
    query = select(runs.c.id, runs.c.last_seq).where(*fit).order_by(runs.c.last_seq.desc())
    looked_into = (query.where(parted), query.where(~parted).limit(limit))
    fitting = [run for part in looked_into for run in connection.execute(part)]
    fitting.sort(key=lambda run: -run.last_seq)
    found: list[int] = []
    start, more = 0, 1
    while start < len(fitting):
        if len(found) == limit and found[-1] > fitting[start].last_seq:
            break
        group = [run.id for run in fitting[start : start + more]]
        found += _of_runs(connection, group, wanted, limit, before)
        found = sorted(found, reverse=True)[:limit]
        start, more = start + more, min(2 * more, _MOST_OBJECTS_AT_ONCE)
    return found


def _of_runs(
    connection: Connection, group: Sequence[int], wanted: LogFilter, limit: int, before: int | None
) -> Sequence[int]:
    """Return the numbers of the newest objects of some runs."""
    runs_fit = objects.c.run_id == group[0] if len(group) == 1 else objects.c.run_id.in_(group)
    query = select(objects.c.seq).where(runs_fit, *conditions.of_objects(wanted))
    if before is not None:
        query = query.where(objects.c.seq < before)
    return connection.execute(query.order_by(objects.c.seq.desc()).limit(limit)).scalars().all()


def _objects(connection: Connection, seqs: Sequence[int]) -> list[Row[Any]]:
    """Return the rows of objects with what their runs know of them, newest first."""
    found: list[Row[Any]] = []
    for chunk in chunks(seqs):
        query = select(*_ALL_COLUMNS).select_from(_ALL_TABLES).where(objects.c.seq.in_(chunk))
        found += connection.execute(query)
    return sorted(found, key=lambda row: -row.seq)


def _fitting(connection: Connection, wanted: LogFilter) -> set[int] | None:
    """Return the findings that fit, None for all."""
    fit = conditions.of_findings(wanted)
    return set(connection.execute(select(findings.c.id).where(*fit)).scalars()) if fit else None


def _logged_elements(
    row: Row[Any], places: Sequence[int], records: Sequence[ElementRecord]
) -> list[LoggedElement]:
    # Asked of the row once: thousands of elements may be of one object.
    seq, object_id, received_at, instance = (
        row.seq, row.object_id, row.received_at, row.sop_instance_uid,
    )  # fmt: skip
    calling_ae, patient_id, study_uid = row.calling_ae, row.patient_id, row.study_uid
    return [
        LoggedElement(
            (seq, place), object_id, received_at, calling_ae, patient_id, study_uid, instance,
            record,
        )
        for place, record in zip(places, records, strict=True)
    ]  # fmt: skip


def _deliveries(
    connection: Connection, seqs: Sequence[int]
) -> dict[int, tuple[DeliveryRecord, ...]]:
    query = (
        select(deliveries)
        .where(deliveries.c.object_seq.in_(seqs))
        .order_by(deliveries.c.destination)
    )
    found: dict[int, tuple[DeliveryRecord, ...]] = {}
    for row in connection.execute(query):
        found[row.object_seq] = (*found.get(row.object_seq, ()), _delivery(row))
    return found


def _tries(connection: Connection, seq: int) -> tuple[DeliveryRecord, ...]:
    query = select(tries).where(tries.c.object_seq == seq)
    return tuple(
        map(_delivery, connection.execute(query.order_by(tries.c.destination, tries.c.at)))
    )


def _delivery(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        row.destination, DeliveryStatus(row.status), row.tries, row.at, row.detail,
        row.next_try_at,
    )  # fmt: skip


def _logged_object(
    row: Row[Any],
    delivered: Mapping[int, tuple[DeliveryRecord, ...]],
    records: tuple[ElementRecord, ...] = (),
    tried: tuple[DeliveryRecord, ...] = (),
) -> LoggedObject:
    asked = row.requested_instance_uid
    return LoggedObject(
        row.seq,
        AnnotatedObject(
            object_id=row.object_id,
            envelope=Envelope(
                received_at=row.received_at,
                calling_ae=row.calling_ae,
                called_ae=row.called_ae,
                peer=row.peer,
                sop_class_uid=row.requested_class_uid,
                sop_instance_uid=row.sop_instance_uid if asked is None else asked,
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
            counts={name: getattr(row, name) for name in COUNTS},
            elements=records,
            fingerprint=row.fingerprint,
        ),
        delivered.get(row.seq, ()),
        AGAIN_OF_CODE[row.again],
        tried,
    )
