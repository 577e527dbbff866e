"""What is known of one private element as a key: hashable, cheap, and enough to make its record.

`Annotation.facts` yields one `Fact` for each private element without decoding a value. Two equal
facts have equal records, so whoever keeps records of many objects, as the log does, makes only
those that it has not met. `record_of` is a pure function of the fact.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from atlas_node.annotate.charset import Encodings
from atlas_node.annotate.definition import Definition
from atlas_node.annotate.value import reported_value
from atlas_node.encoding.header import tag_text
from atlas_node.model import ElementRecord, ElementStatus

Fact = tuple[str, int, int, str, Definition | None, bytes, str, str, str, Encodings, bytes]
"""Path of the data set that the element stands in; group, element, private creator, definition, VR
on the wire, VR after annotation, status and reason, as in `known.Outcome`; the character sets in
force; and the value, little endian, with its padding, cut to `MAX_VALUE` bytes, of a sequence none.
A definition is equal to itself alone."""

MAX_VALUE: Final = 4225
"""Bytes of a value in a fact: one more than a record shows of any, so that it tells a cut."""

_STATUS: Final = {status.value: status for status in ElementStatus}


def record_of(fact: Fact) -> ElementRecord:
    """Return the record of the private element that `fact` is of."""
    (
        scope_path, group, element, creator, definition, vr_before, vr, status, reason, encodings,
        value,
    ) = fact  # fmt: skip
    tag, key = _texts(group, element)
    shown, truncated = reported_value(vr, memoryview(value), encodings)
    return ElementRecord(
        path=scope_path + tag,
        creator=creator,
        key=key,
        vr_before=vr_before.decode(),
        vr=vr,
        vm=definition.entry.vm if definition is not None else "",
        name=definition.entry.name if definition is not None else "",
        status=_STATUS[status],
        reason=reason,
        value=shown,
        truncated=truncated,
        sources=definition.sources if definition is not None else (),
        confidence=definition.entry.confidence if definition is not None else 0.0,
    )


def value_of(fact: Fact) -> tuple[list[Any] | None, bool]:
    """Return the value of the record of `fact`, and whether it is truncated; without the record.

    Facts that are equal but for their last item have records that are equal but for these two.
    """
    return reported_value(fact[6], memoryview(fact[-1]), fact[-2])


@lru_cache(maxsize=4096)
def _texts(group: int, element: int) -> tuple[str, str]:
    """Return the tag of a private element, and its key in the dictionary."""
    return tag_text(group, element), f"({group:04x},xx{element & 0xFF:02x})"
