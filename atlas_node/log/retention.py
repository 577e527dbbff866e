"""Takes objects out of the log again, and all that no other object needs.

`LogStore` calls it for objects that are too old, and for the oldest ones of a log that is too big.
Objects go a few at a time, so that writers wait only a moment.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from atlas_node.log.coding import pack_text, split_values, unpack_json, values_json
from atlas_node.log.database import Database
from atlas_node.log.schema import (
    counters,
    definitions,
    deliveries,
    findings,
    layout_findings,
    layouts,
    objects,
    paths,
    reasons,
    runs,
    series,
    tries,
)

_AT_ONCE = 500
_ROOM_MADE = 0.05  # of what is allowed: more goes than must, so that not each object takes one out


def expire(database: Database, before: float) -> int:
    """Remove the objects received before a time, in seconds since the epoch; return how many."""
    removed = 0
    while batch := _expire_batch(database, before):
        removed += batch
    if removed:
        with database.writing() as connection:
            _tidy(connection, before)
            connection.execute(update(counters).values(expiries=counters.c.expiries + 1))
        database.give_back()
    return removed


def shrink(database: Database, max_bytes: int) -> int:
    """Remove the oldest objects of a log that takes more bytes; return how many."""
    removed = 0
    tables = (objects, deliveries, tries, runs, series, layouts, layout_findings, findings)
    while (used := database.used_bytes(tables)) > max_bytes:
        with database.reading() as connection:
            count = connection.execute(select(func.count()).select_from(objects)).scalar_one()
            excess = 1 - max_bytes * (1 - _ROOM_MADE) / used
            oldest = select(objects.c.received_at).order_by(objects.c.received_at)
            before = connection.execute(
                oldest.offset(int(count * excess) + 1).limit(1)
            ).scalar_one_or_none()
        gone = expire(database, float("inf") if before is None else before)
        if not gone:
            break
        removed += gone
    return removed


def _expire_batch(database: Database, before: float) -> int:
    with database.writing() as connection:
        old = connection.execute(
            select(objects.c.seq, objects.c.run_id)
            .join(runs, runs.c.id == objects.c.run_id)
            .where(runs.c.first_at < before, objects.c.received_at < before)
            .limit(_AT_ONCE)
        ).all()
        seqs = [row.seq for row in old]
        for table in (deliveries, tries):
            connection.execute(delete(table).where(table.c.object_seq.in_(seqs)))
        connection.execute(delete(objects).where(objects.c.seq.in_(seqs)))
        left = select(func.count()).where(objects.c.run_id == runs.c.id).scalar_subquery()
        touched = runs.c.id.in_({row.run_id for row in old})
        connection.execute(update(runs).where(touched).values(objects=left))
        connection.execute(delete(runs).where(touched, runs.c.objects == 0))
    return len(old)


def _tidy(connection: Connection, before: float) -> None:
    """Remove what no object needs any more, and what the rest of a run's objects have not."""
    parted = select(runs.c.id, runs.c.common).where(runs.c.first_at < before)
    for run in connection.execute(parted).all():
        _narrow(connection, run.id, run.common)
    connection.execute(delete(series).where(series.c.id.not_in(select(runs.c.series_id))))
    connection.execute(delete(layouts).where(layouts.c.id.not_in(select(runs.c.layout_id))))
    kept = select(layouts.c.id)
    connection.execute(delete(layout_findings).where(layout_findings.c.layout_id.not_in(kept)))
    kept = select(layout_findings.c.finding_id)
    connection.execute(delete(findings).where(findings.c.id.not_in(kept)))
    for table, column in (
        (definitions, findings.c.definition_id),
        (paths, findings.c.path_id),
        (reasons, findings.c.reason_id),
    ):
        connection.execute(delete(table).where(table.c.id.not_in(select(column))))


def _narrow(connection: Connection, run_id: int, common: bytes) -> None:
    """Take out of a run the values that only objects had which are gone."""
    values = split_values(common)
    nobodys = set(range(len(values)))
    query = select(objects.c.differing).where(objects.c.run_id == run_id)
    for packed in connection.execute(query).scalars():
        own = unpack_json(packed) if packed is not None else {}
        nobodys &= {int(place) for place in own}
    for place in nobodys:
        values[place] = "null"
    ends = [end(objects.c[name]) for name in ("seq", "received_at") for end in (func.min, func.max)]
    row = connection.execute(select(*ends).where(objects.c.run_id == run_id)).one()
    columns = dict(zip(("first_seq", "last_seq", "first_at", "last_at"), row, strict=True))
    columns["common"] = pack_text(values_json(values))
    connection.execute(update(runs).where(runs.c.id == run_id).values(**columns))
