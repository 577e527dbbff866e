"""The rows that received objects, their elements and deliveries become in the log.

`recorder` asks for them. Everything that came from the network is made storable here: text is
cut and cleaned, patients' identifiers are masked.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from atlas_node.log.privacy import Values, kept_text
from atlas_node.model import AnnotatedObject, DeliveryRecord, ElementRecord

Row = dict[str, Any]

# PostgreSQL indexes at most 2,700 bytes of a text, and UTF-8 needs up to 4 for a character.
_TEXT_LIMIT = 600
_PATH_LIMIT = 2000
_TAG_LENGTH = len("(0019,100a)")
_SERIES_COLUMNS = (
    "calling_ae", "called_ae", "peer", "requested_class_uid", "transfer_syntax_uid",
    "sop_class_uid", "study_uid", "series_uid", "patient_id", "modality", "manufacturer", "model",
    "software_versions",
)  # fmt: skip


def series_key(thing: AnnotatedObject) -> tuple[str, ...]:
    """Return what the objects of one series from one sender have in common."""
    envelope, identity = thing.envelope, thing.identity
    return (
        envelope.calling_ae, envelope.called_ae, envelope.peer, envelope.sop_class_uid,
        envelope.transfer_syntax_uid, identity.sop_class_uid, identity.study_instance_uid,
        identity.series_instance_uid, identity.patient_id, identity.modality,
        identity.manufacturer, identity.model, identity.software_versions,
    )  # fmt: skip


def series_row(thing: AnnotatedObject, kept: Values) -> Row:
    """Return the row of what an object has in common with its series."""
    texts = dict(zip(_SERIES_COLUMNS, map(_text, series_key(thing)), strict=True))
    texts["patient_id"] = kept_text(texts["patient_id"], kept)
    return {"digest": digest(texts.values()), **texts}


def instance_uid(thing: AnnotatedObject) -> str:
    """Return the SOP Instance UID of an object as the log keeps it."""
    return _text(thing.identity.sop_instance_uid)


def object_row(thing: AnnotatedObject) -> Row:
    """Return the row of an object, but for its number, run and values."""
    asked, found = thing.envelope.sop_instance_uid, thing.identity.sop_instance_uid
    return {
        "object_id": thing.object_id,
        "received_at": thing.envelope.received_at,
        "sop_instance_uid": _text(found),
        "requested_instance_uid": None if asked == found else _text(asked),
        "size": thing.size,
        "fingerprint": thing.fingerprint,
        "changed": thing.changed,
        "error": None if thing.error is None else _text(thing.error),
    }


def delivery_row(seq: int, record: DeliveryRecord) -> Row:
    """Return the row of a delivery of the object with this number."""
    return {
        "object_seq": seq,
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
    """Return the row of a path, with its last tag."""
    return {"path": path[:_PATH_LIMIT], "tag": path[path.rfind(".") + 1 :][:_TAG_LENGTH]}


def reason_row(reason: str) -> Row:
    """Return the row of a reason."""
    return {"reason": _text(reason)}


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
