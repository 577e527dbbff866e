"""What the pages say of one object, as plain JSON-ready data: all but its elements.

The live page, the object page and their twins under /api give it. Text is given as the log has
it; the templates and the JSON encoder escape it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from pydicom.config import IGNORE
from pydicom.uid import UID

from atlas_node.log import LoggedObject
from atlas_node.model import DeliveryRecord, DeliveryStatus, ElementStatus
from atlas_node.web.operation import (
    COUNT,
    MOMENT,
    SWITCH,
    TEXT,
    Schema,
    list_of,
    one_of,
    or_none,
    record,
)

DELIVERY: Final = record(
    destination=TEXT,
    status=one_of(*DeliveryStatus),
    tries=COUNT,
    at=MOMENT,
    detail=TEXT,
    next_try_at=or_none(MOMENT),
)
"""What `delivery_view` returns."""

OBJECT: Final[dict[str, Schema]] = {
    "object_id": TEXT,
    "seq": COUNT,
    "received_at": MOMENT,
    "calling_ae": TEXT,
    "called_ae": TEXT,
    "peer": TEXT,
    "sop_class_uid": TEXT,
    "sop_class_name": TEXT,
    "sop_instance_uid": TEXT,
    "study_instance_uid": TEXT,
    "series_instance_uid": TEXT,
    "transfer_syntax_uid": TEXT,
    "transfer_syntax_name": TEXT,
    "patient_id": TEXT,
    "modality": TEXT,
    "manufacturer": TEXT,
    "model": TEXT,
    "software_versions": TEXT,
    "size": COUNT,
    "changed": SWITCH,
    "again": one_of("", "same", "other"),
    "error": or_none(TEXT),
    "counts": record(private=COUNT, **dict.fromkeys(ElementStatus, COUNT)),
    "deliveries": list_of(DELIVERY),
}
"""The fields of what `object_summary` returns."""


def object_summary(found: LoggedObject) -> dict[str, Any]:
    """Return what is known of an object, without its elements."""
    thing = found.object
    envelope, identity = thing.envelope, thing.identity
    sop_class = identity.sop_class_uid or envelope.sop_class_uid
    return {
        "object_id": thing.object_id,
        "seq": found.seq,
        "received_at": iso(envelope.received_at),
        "calling_ae": envelope.calling_ae,
        "called_ae": envelope.called_ae,
        "peer": envelope.peer,
        "sop_class_uid": sop_class,
        "sop_class_name": _uid_name(sop_class),
        "sop_instance_uid": identity.sop_instance_uid or envelope.sop_instance_uid,
        "study_instance_uid": identity.study_instance_uid,
        "series_instance_uid": identity.series_instance_uid,
        "transfer_syntax_uid": envelope.transfer_syntax_uid,
        "transfer_syntax_name": _uid_name(envelope.transfer_syntax_uid),
        "patient_id": identity.patient_id,
        "modality": identity.modality,
        "manufacturer": identity.manufacturer,
        "model": identity.model,
        "software_versions": identity.software_versions,
        "size": thing.size,
        "changed": thing.changed,
        "again": found.again,
        "error": thing.error,
        "counts": dict(thing.counts),
        "deliveries": [delivery_view(record) for record in found.deliveries],
    }


def delivery_view(record: DeliveryRecord) -> dict[str, Any]:
    """Return a delivery with its times as ISO 8601."""
    next_try_at = None if record.next_try_at is None else iso(record.next_try_at)
    return asdict(record) | {"at": iso(record.at), "next_try_at": next_try_at}


def iso(moment: float) -> str:
    """Return a moment, in seconds since 1970, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _uid_name(uid: str) -> str:
    """Return the name of a UID of the standard (PS3.6 annex A), or nothing."""
    name = UID(uid, validation_mode=IGNORE).name
    return "" if name == uid else name
