"""Writes received objects, their elements and deliveries into the tables of the log.

`LogStore.record` calls it inside a transaction that holds the write lock. An object becomes one
row: its run says what is in it and which values are usual, the row has those that are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from atlas_node.log import rows
from atlas_node.log.coding import (
    differing_json,
    pack_text,
    split_values,
    values_json,
)
from atlas_node.log.database import chunks, insert_or_update
from atlas_node.log.interning import Interner
from atlas_node.log.privacy import Values
from atlas_node.log.recent import Recent
from atlas_node.log.schema import AGAIN_CODES, Again, counters, deliveries, objects, runs, tries
from atlas_node.model import AnnotatedObject, DeliveryRecord, DeliveryStatus

_RUN_VALUES: Final = 50_000
_RUN_ITSELF: Final = 25
"""What a run weighs without its values, as a number of them: no more than 2,000 are remembered."""

_WORTH_A_RUN: Final = 400
"""Characters of differing values; where they are more, and half of all, a new run begins."""

_UPDATE_RUN: Final = (
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(
        objects=runs.c.objects + bindparam("more"),
        last_seq=bindparam("seq"),
        first_at=case((runs.c.first_at < bindparam("first"), runs.c.first_at),
                      else_=bindparam("first")),
        last_at=case((runs.c.last_at > bindparam("last"), runs.c.last_at),
                     else_=bindparam("last")),
    )
)  # fmt: skip

_earlier: Final = tries.alias()
_REPEATED: Final = delete(tries).where(
    tries.c.object_seq == bindparam("of_object"),
    tries.c.destination == bindparam("of_destination"),
    tries.c.status == DeliveryStatus.FAILED.value,
    tries.c.tries == 0,
    tries.c.detail == bindparam("of_detail"),
    tries.c.at < bindparam("before"),
    tries.c.at
    > select(func.min(_earlier.c.at))
    .where(
        _earlier.c.object_seq == tries.c.object_seq,
        _earlier.c.destination == tries.c.destination,
        _earlier.c.status == tries.c.status,
        _earlier.c.tries == 0,
        _earlier.c.detail == tries.c.detail,
    )
    .scalar_subquery(),
)
"""Of the times that a destination could not be reached, all but the first and the last."""


@dataclass(slots=True)
class _Run:
    """A run, the values common to it, and what this batch adds to it."""

    id: int
    common: tuple[str, ...]
    length: int
    more: int = 0
    seq: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self, seq: int, at: float) -> None:
        self.first = min(self.first, at) if self.more else at
        self.last = max(self.last, at) if self.more else at
        self.more += 1
        self.seq = seq


class Recorder:
    """Writes for one process; not thread-safe by itself.

    Parameters
    ----------
    kept : "full", "masked" or "none"
        What is kept of patients' values.
    """

    def __init__(self, kept: Values) -> None:
        self._interner = Interner(kept)
        self._runs: Recent[tuple[int, int], _Run] = Recent(_RUN_VALUES)
        self._expiries = -1

    def forget(self) -> None:
        """Forget every identifier: what was written last has been rolled back."""
        self._interner.forget()
        self._runs.clear()

    def write(
        self,
        connection: Connection,
        received: Sequence[AnnotatedObject],
        delivered: Sequence[tuple[str, DeliveryRecord]],
    ) -> list[str]:
        """Write what is new; an object that the log has already is not written again.

        Deliveries of an object that the log does not have, or has no more, are left out.

        Returns
        -------
        list of str
            The objects that came under the SOP Instance UID of an earlier one with other bytes.
        """
        newest, expiries = connection.execute(
            select(counters.c.newest_seq, counters.c.expiries)
        ).one()
        if expiries != self._expiries:
            # Another process may have deleted what we remember.
            self.forget()
            self._expiries = expiries
        things = {thing.object_id: thing for thing in received}
        numbers = _numbers(connection, {*things, *(object_id for object_id, _ in delivered)})
        new = dict(enumerate((it for key, it in things.items() if key not in numbers), newest + 1))
        others: list[str] = []
        if new:
            others = self._write_objects(connection, new)
            numbers |= {thing.object_id: seq for seq, thing in new.items()}
        # Of two updates of one delivery in one batch the later one counts.
        latest = {
            (numbers[object_id], record.destination): record
            for object_id, record in delivered
            if object_id in numbers
        }
        if latest:
            connection.execute(
                insert_or_update(connection, deliveries, newer="at"),
                [rows.delivery_row(key[0], record) for key, record in latest.items()],
            )
        past = [
            rows.delivery_row(numbers[object_id], record)
            for object_id, record in delivered
            if object_id in numbers and _of_history(record)
        ]
        if past:
            connection.execute(insert_or_update(connection, tries, newer="at"), past)
            self._leave_out_repeated(connection, past)
        if new or latest:
            grown = {"newest_seq": newest + len(new), "changes": counters.c.changes + 1}
            connection.execute(update(counters).values(grown))
        return others

    def _leave_out_repeated(self, connection: Connection, past: Sequence[rows.Row]) -> None:
        """Keep the tries few while a destination is down for days: it is asked again and again."""
        again = [
            {
                "of_object": row["object_seq"],
                "of_destination": row["destination"],
                "of_detail": row["detail"],
                "before": row["at"],
            }
            for row in past
            if row["status"] == DeliveryStatus.FAILED.value and not row["tries"]
        ]
        if again:
            connection.execute(_REPEATED, again)

    def _write_objects(
        self, connection: Connection, new: Mapping[int, AnnotatedObject]
    ) -> list[str]:
        """Write objects by the numbers that they get; return those that are other versions."""
        before = _Earlier(connection, new.values())
        written: list[rows.Row] = []
        touched: dict[int, _Run] = {}
        for seq, thing in new.items():
            run, differing = self._run(connection, thing, seq)
            run.add(seq, thing.envelope.received_at)
            touched[run.id] = run
            row = rows.object_row(thing)
            row["seq"] = seq
            row["run_id"] = run.id
            row["again"] = AGAIN_CODES[before.again(row)]
            row["differing"] = pack_text(differing) if differing else None
            written.append(row)
        connection.execute(insert(objects), written)
        connection.execute(
            _UPDATE_RUN,
            [
                {"run": it.id, "more": it.more, "seq": it.seq, "first": it.first, "last": it.last}
                for it in touched.values()
            ],
        )
        for run in touched.values():
            run.more = 0
        return [row["object_id"] for row in written if row["again"] == AGAIN_CODES["other"]]

    def _run(self, connection: Connection, thing: AnnotatedObject, seq: int) -> tuple[_Run, str]:
        """Return the run of an object, and the values that are not the run's."""
        ids, values = self._interner.elements(connection, thing.elements)
        layout = self._interner.layout(connection, ids, thing.counts)
        key = self._interner.series(connection, thing), layout
        weight = _RUN_ITSELF + len(values)
        run = self._runs.get(key, weight)
        if run is None and (run := _latest_run(connection, *key)) is not None:
            self._runs.put(key, run, weight)
        if run is not None:
            differing = differing_json(values, run.common)
            if len(differing) < max(_WORTH_A_RUN, run.length // 2):
                return run, differing
        run = _new_run(connection, *key, values, seq, thing.envelope.received_at)
        self._runs.put(key, run, weight)
        return run, ""


class _Earlier:
    """What the log has of the SOP instances that come now."""

    def __init__(self, connection: Connection, new: Iterable[AnnotatedObject]) -> None:
        self._known: dict[str, list[tuple[int, int | None]]] = {}
        uids = {rows.instance_uid(thing) for thing in new} - {""}
        for chunk in chunks(uids):
            query = select(objects.c.sop_instance_uid, objects.c.size, objects.c.fingerprint)
            for uid, *content in connection.execute(
                query.where(objects.c.sop_instance_uid.in_(chunk))
            ):
                self._known.setdefault(uid, []).append(tuple(content))

    def again(self, row: Mapping[str, Any]) -> Again:
        """Say how an object stands to those that came before, and count it among them."""
        if not row["sop_instance_uid"] or row["fingerprint"] is None:
            return ""
        known = self._known.setdefault(row["sop_instance_uid"], [])
        content = row["size"], row["fingerprint"]
        again: Again = "" if not known else "same" if content in known else "other"
        known.append(content)
        return again


def _of_history(record: DeliveryRecord) -> bool:
    """Whether a state says more than that a delivery began or was sent at once."""
    return record.status is not DeliveryStatus.SENT and bool(record.tries or record.detail)


def _numbers(connection: Connection, object_ids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those objects that the log has."""
    numbers: dict[str, int] = {}
    for chunk in chunks(object_ids):
        query = select(objects.c.object_id, objects.c.seq).where(objects.c.object_id.in_(chunk))
        numbers.update((object_id, seq) for object_id, seq in connection.execute(query))
    return numbers


def _latest_run(connection: Connection, series_id: int, layout_id: int) -> _Run | None:
    query = (
        select(runs.c.id, runs.c.common)
        .where(runs.c.series_id == series_id, runs.c.layout_id == layout_id)
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    common = tuple(split_values(row.common))
    return _Run(row.id, common, sum(map(len, common)))


def _new_run(
    connection: Connection,
    series_id: int,
    layout_id: int,
    values: tuple[str, ...],
    seq: int,
    at: float,
) -> _Run:
    row = {
        "series_id": series_id, "layout_id": layout_id, "objects": 0, "first_seq": seq,
        "last_seq": seq, "first_at": at, "last_at": at, "common": pack_text(values_json(values)),
    }  # fmt: skip
    number = connection.execute(insert(runs).returning(runs.c.id), row).scalar_one()
    return _Run(number, values, sum(map(len, values)))
