"""What the pages show and the API returns: one function for both, as plain JSON-ready data.

`app` calls them with the query of the URL and renders the result as HTML or JSON. Text is given
as the log has it; the templates and the JSON encoder escape it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydicom.config import IGNORE
from pydicom.uid import UID

from atlas_node.log import LogFilter, LoggedObject, LogStore
from atlas_node.model import DeliveryRecord

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
_DAY = 86_400.0


def objects_view(store: LogStore, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the newest objects that fit the conditions of a URL.

    Parameters
    ----------
    query : mapping of str to str
        Fields of `LogFilter`; ``before``, the ``seq`` of the last object of the page before; and
        ``limit``.

    Returns
    -------
    dict
        ``objects``; ``next``, what to give as ``before`` for the next page, or None; ``last_day``,
        the totals of the last 24 hours; ``log_empty``; ``state``, which changes with the log.

    Raises
    ------
    ValueError
        A condition cannot be understood.
    """
    wanted = LogFilter.from_text(query)
    limit = _number(query, "limit", PAGE_SIZE, MAX_PAGE_SIZE)
    before = _number(query, "before", 0, 2**62) or None
    state = store.state()
    found = store.objects(wanted, limit + 1, before)
    totals = store.totals(LogFilter(since=time.time() - _DAY))
    return {
        "objects": [object_summary(thing) for thing in found[:limit]],
        "next": found[limit - 1].seq if len(found) > limit else None,
        "last_day": {
            "objects": totals.objects,
            "private": totals.private,
            **{status.value: count for status, count in totals.by_status.items()},
        },
        "log_empty": not found and store.newest() == 0,
        "state": state,
    }


def object_view(store: LogStore, object_id: str) -> dict[str, Any] | None:
    """Return one object with its deliveries and elements, None when the log has it not."""
    found = store.object(object_id)
    if found is None:
        return None
    elements = [element.to_json() for element in found.object.elements]
    return object_summary(found) | {"elements": elements}


def object_summary(found: LoggedObject) -> dict[str, Any]:
    """Return what is known of an object, without its elements."""
    thing = found.object
    envelope, identity = thing.envelope, thing.identity
    sop_class = identity.sop_class_uid or envelope.sop_class_uid
    return {
        "object_id": thing.object_id,
        "seq": found.seq,
        "received_at": _iso(envelope.received_at),
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
        "deliveries": [_delivery(record) for record in found.deliveries],
    }


def _delivery(record: DeliveryRecord) -> dict[str, Any]:
    next_try_at = None if record.next_try_at is None else _iso(record.next_try_at)
    return asdict(record) | {"at": _iso(record.at), "next_try_at": next_try_at}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _uid_name(uid: str) -> str:
    """Return the name of a UID of the standard (PS3.6 annex A), or nothing."""
    name = UID(uid, validation_mode=IGNORE).name
    return "" if name == uid else name


def _number(query: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= largest:
        raise ValueError(f"{name}: expected a whole number from 1 to {largest}")
    return int(text)
