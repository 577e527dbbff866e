"""The rows that received objects, their elements and deliveries become in the log.

`recorder` asks for them. Everything that came from the network is made storable here: text is
cut and cleaned, patients' identifiers are masked, values become JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from atlas_node.log.privacy import Values, kept_text
from atlas_node.model import AnnotatedObject, DeliveryRecord, ElementRecord, ElementStatus

Row = dict[str, Any]

# PostgreSQL indexes at most 2,700 bytes of a text, and UTF-8 needs up to 4 for a character.
_TEXT_LIMIT = 600
_PATH_LIMIT = 2000
_STEP_OF_PATH = re.compile(r"\(([0-9a-f]{4}),([0-9a-f]{4})\)(?:\[(\d+)\])?")


_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str)


def value_json(value: list[Any] | None) -> str:
    """Return a value as compact ASCII JSON; NaN and infinities, which JSON lacks, as text."""
    try:
        return _JSON.encode(value)
    except ValueError:
        finite = [
            str(item) if isinstance(item, float) and not math.isfinite(item) else item
            for item in value or ()
        ]
        return _JSON.encode(finite)


def position(path: str) -> str:
    """Return the path in digits of fixed width, which sort as the elements stand in the object."""
    return "".join(
        group + element + (item.zfill(6) if item else "")
        for group, element, item in _STEP_OF_PATH.findall(path)
    )


def object_row(thing: AnnotatedObject, kept: Values) -> Row:
    """Return the row of an object; its number is the database's to give."""
    envelope, identity = thing.envelope, thing.identity
    return {
        "object_id": thing.object_id,
        "received_at": envelope.received_at,
        "calling_ae": _text(envelope.calling_ae),
        "called_ae": _text(envelope.called_ae),
        "peer": _text(envelope.peer),
        "requested_class_uid": _text(envelope.sop_class_uid),
        "requested_instance_uid": _text(envelope.sop_instance_uid),
        "transfer_syntax_uid": _text(envelope.transfer_syntax_uid),
        "sop_class_uid": _text(identity.sop_class_uid),
        "sop_instance_uid": _text(identity.sop_instance_uid),
        "study_uid": _text(identity.study_instance_uid),
        "series_uid": _text(identity.series_instance_uid),
        "patient_id": kept_text(_text(identity.patient_id), kept),
        "modality": _text(identity.modality),
        "manufacturer": _text(identity.manufacturer),
        "model": _text(identity.model),
        "software_versions": _text(identity.software_versions),
        "size": thing.size,
        "changed": thing.changed,
        "error": None if thing.error is None else _text(thing.error),
        "private": thing.counts.get("private", 0),
        **{status.value: thing.counts.get(status, 0) for status in ElementStatus},
    }


def delivery_row(object_id: str, record: DeliveryRecord) -> Row:
    """Return the row of a delivery."""
    return {
        "object_id": object_id,
        "destination": _text(record.destination),
        "status": record.status.value,
        "tries": record.tries,
        "at": record.at,
        "detail": _text(record.detail),
        "next_try_at": record.next_try_at,
    }


def definition_key(element: ElementRecord) -> tuple[object, ...]:
    """Return what makes the definition of an element differ from another's."""
    return (
        element.creator, element.key, element.vr_before, element.vr, element.vm, element.name,
        element.sources, element.confidence,
    )  # fmt: skip


def definition_row(element: ElementRecord) -> Row:
    """Return the row of an element's definition; sources are parted by a space."""
    return {
        "digest": digest(map(repr, definition_key(element))),
        "creator": _text(element.creator),
        "key": _text(element.key),
        "vr_before": _text(element.vr_before),
        "vr": _text(element.vr),
        "vm": _text(element.vm),
        "name": _text(element.name),
        "sources": _text(" ".join(element.sources)),
        "confidence": element.confidence,
    }


def path_row(path: str) -> Row:
    """Return the row of a path, with its last tag and its place in the object."""
    steps = _STEP_OF_PATH.findall(path)
    tag = f"({steps[-1][0]},{steps[-1][1]})" if steps else ""
    return {"path": path[:_PATH_LIMIT], "tag": tag, "position": position(path)}


def reason_row(reason: str) -> Row:
    """Return the row of a reason."""
    return {"reason": _text(reason)}


def value_row(json_text: str, truncated: bool) -> Row:
    """Return the row of a value."""
    return {
        "digest": digest((json_text, str(truncated))),
        "json": json_text,
        "truncated": truncated,
    }


def digest(parts: Iterable[str]) -> bytes:
    """Return 16 bytes that differ for different parts."""
    # Each part is preceded by its length, or ("a", "bc") would be ("ab", "c").
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(text: str) -> str:
    """Return what a database can keep of `text`: no surrogates, no NUL, no endless line."""
    if text.isascii() and len(text) <= _TEXT_LIMIT and "\0" not in text:
        return text
    cleaned = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return cleaned if len(cleaned) <= _TEXT_LIMIT else cleaned[: _TEXT_LIMIT - 1] + "…"
