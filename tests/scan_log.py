"""An annotation log of real objects: every scan annotated as the node does, with its deliveries.

For the viewer's browser tests and screenshots, which are to show what scanners really say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator, record_of, value_of
from atlas_node.encoding.part10 import split_file
from atlas_node.errors import MalformedStreamError
from atlas_node.log import Facts, LogStore
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    Envelope,
    Policy,
)
from atlas_node.spool import fingerprint
from tests.peers import scans

EVERY = 97.0
"""Seconds between two objects."""

SCANNERS = {"CT": "CT1", "MR": "MR3T", "PT": "PET", "US": "US2"}


def fill(store: LogStore, until: float | None = None) -> int:
    """Record every scan with private elements and where it went; return how many there are.

    Parameters
    ----------
    store : LogStore
    until : float or None
        When the last of them came, seconds since the epoch; None: just now.
    """
    objects = list(annotated(time.time() if until is None else until))
    store.record(
        objects, [it for number, thing in enumerate(objects) for it in sent(thing, number)]
    )
    return len(objects)


def annotated(until: float) -> Iterator[AnnotatedObject]:
    """Yield every scan with private elements as the log keeps it, the last received at `until`."""
    annotator = Annotator(open_dictionary())
    paths = scans()
    for number, path in enumerate(paths):
        received_at = until - (len(paths) - 1 - number) * EVERY
        thing = annotate(annotator, path, received_at, f"{number:06d}")
        if thing is not None and thing.counts.get("private"):
            yield thing


def annotate(
    annotator: Annotator, path: Path, received_at: float, number: str
) -> AnnotatedObject | None:
    """Return a file as the log would keep it, None when it is no DICOM file."""
    view = memoryview(path.read_bytes())
    try:
        file = split_file(view)
    except MalformedStreamError:
        return None
    data = view[file.offset :]
    annotation = annotator.annotate(data, file.transfer_syntax_uid, Policy.DECODE)
    identity = annotation.identity
    return AnnotatedObject(
        object_id=f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(received_at))}-0-{number}",
        envelope=Envelope(
            received_at, SCANNERS.get(identity.modality, "GATEWAY"), "ATLAS", "192.0.2.10",
            identity.sop_class_uid, identity.sop_instance_uid, file.transfer_syntax_uid,
        ),
        identity=identity,
        size=len(data),
        changed=annotation.changed,
        error=annotation.error,
        counts=annotation.counts,
        elements=Facts(annotation.facts, record_of, value_of),
        fingerprint=fingerprint(data),
    )  # fmt: skip


def sent(thing: AnnotatedObject, number: int) -> Iterator[tuple[str, DeliveryRecord]]:
    """Yield the deliveries of an object: most are sent, some wait, a few are dead."""
    at = thing.envelope.received_at + 0.05
    record = DeliveryRecord("pacs", DeliveryStatus.SENT, 1, at, "0x0000 Success")
    if number % 17 == 5:
        why = "cannot connect to 192.0.2.20:104: refused"
        for tries, after in ((1, 0.0), (2, 5.2)):
            moment = at + after
            record = DeliveryRecord(
                "pacs", DeliveryStatus.FAILED, tries, moment, why, moment + 5 * tries
            )
            yield thing.object_id, record
        at += 16.1
        record = DeliveryRecord("pacs", DeliveryStatus.FAILED, 3, at, why, at + 60)
    elif number % 29 == 7:
        record = DeliveryRecord("pacs", DeliveryStatus.DEAD, 50, at, "0xA700 Out of resources")
    yield thing.object_id, record
    if thing.identity.modality == "MR":
        yield (
            thing.object_id,
            DeliveryRecord("research", DeliveryStatus.SENT, 1, at + 0.01, "0x0000 Success"),
        )
