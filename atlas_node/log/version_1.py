"""Reads a log of schema version 1, which had a row for each element of each object.

`schema.migrate` puts its tables aside, and the store writes what they hold into the present ones.
These statements name the tables as they were; nothing here changes with the schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, inspect, text

from atlas_node.errors import LogError
from atlas_node.log.coding import DAMAGED
from atlas_node.log.facts import Facts
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    ElementRecord,
    ElementStatus,
    Envelope,
    Identity,
)

_Fact = tuple[int, int, int, int, int]
_TABLES: Final = (
    "objects", "deliveries", "definitions", "paths", "reasons", "element_values", "facts",
    "elements", "expiries",
)  # fmt: skip
_AT_ONCE: Final = 200
_STATUSES: Final = ("decoded", "already", "unknown", "refused", "ambiguous")

_OBJECTS: Final = text("SELECT * FROM v1_objects WHERE seq > :seq ORDER BY seq LIMIT :limit")
_DELIVERIES: Final = text(
    "SELECT * FROM v1_deliveries WHERE object_id IN :ids ORDER BY object_id, destination"
).bindparams(bindparam("ids", expanding=True))
_FACTS: Final = text(
    "SELECT f.path_id, f.definition_id, f.reason_id, f.status, f.value_id"
    " FROM v1_elements e JOIN v1_facts f ON f.id = e.fact_id JOIN v1_paths p ON p.id = f.path_id"
    " WHERE e.object_seq = :seq ORDER BY p.position, f.id"
)
_RECORD: Final = text(
    "SELECT p.path, d.*, r.reason, v.json, v.truncated"
    " FROM v1_paths p, v1_definitions d, v1_reasons r, v1_element_values v"
    " WHERE p.id = :path AND d.id = :definition AND r.id = :reason AND v.id = :value"
)
_VALUE: Final = text("SELECT json, truncated FROM v1_element_values WHERE id = :value")


class Old:
    """The content of a log of version 1, while its tables are put aside."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def batches(
        self,
    ) -> Iterator[tuple[list[AnnotatedObject], list[tuple[str, DeliveryRecord]]]]:
        """Yield objects with their deliveries, in the order in which they entered the log."""
        seq = 0
        while found := self._connection.execute(_OBJECTS, {"seq": seq, "limit": _AT_ONCE}).all():
            seq = found[-1].seq
            delivered = self._connection.execute(
                _DELIVERIES, {"ids": [row.object_id for row in found]}
            )
            yield (
                [self._object(row) for row in found],
                [(row.object_id, _delivery(row)) for row in delivered],
            )

    def _object(self, row: Row[Any]) -> AnnotatedObject:
        found = self._connection.execute(_FACTS, {"seq": row.seq})
        facts = [_fact(each) for each in found]
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
            ),
            size=row.size,
            changed=bool(row.changed),
            error=row.error,
            counts={name: getattr(row, name) for name in ("private", *_STATUSES)},
            elements=Facts(lambda: facts, self._record, self._value),
        )

    def _record(self, fact: _Fact) -> ElementRecord:
        path, definition, reason, status, value = fact
        row = self._connection.execute(
            _RECORD, {"path": path, "definition": definition, "reason": reason, "value": value}
        ).one()
        return ElementRecord(
            path=row.path,
            creator=row.creator,
            key=row.key,
            vr_before=row.vr_before,
            vr=row.vr,
            vm=row.vm,
            name=row.name,
            status=ElementStatus(_STATUSES[status]),
            reason=row.reason,
            value=_value(row.json),
            truncated=bool(row.truncated),
            sources=tuple(row.sources.split()),
            confidence=row.confidence,
        )

    def _value(self, fact: _Fact) -> tuple[list[Any] | None, bool]:
        row = self._connection.execute(_VALUE, {"value": fact[4]}).one()
        return _value(row.json), bool(row.truncated)


def _value(text: str) -> list[Any] | None:
    try:
        value: list[Any] | None = json.loads(text)
    except ValueError:
        raise LogError(DAMAGED) from None
    return value


def _fact(found: Any) -> _Fact:
    path, definition, reason, status, value = found
    return path, definition, reason, status, value


def _delivery(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        row.destination, DeliveryStatus(row.status), row.tries, row.at, row.detail,
        row.next_try_at,
    )  # fmt: skip


@contextmanager
def put_aside(connection: Connection) -> Iterator[Old]:
    """Give the old tables other names, and drop them at the end."""
    for name in _TABLES:
        for index in inspect(connection).get_indexes(name):
            if not index.get("duplicates_constraint"):
                connection.execute(text(f"DROP INDEX {index['name']}"))
        connection.execute(text(f"ALTER TABLE {name} RENAME TO v1_{name}"))
    connection.execute(text("DROP TABLE schema_version"))
    yield Old(connection)
    for name in _TABLES:
        connection.execute(text(f"DROP TABLE v1_{name}"))
