"""What annotation promises for whatever bytes it gets.

The fuzzer asks `check` after every input, and so do the regression tests of what it found.
"""

from __future__ import annotations

import json
import time
import zlib
from typing import Final

import pytest

from atlas_node.annotate import Annotation, Annotator
from atlas_node.encoding.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import ElementStatus, Policy

JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
SYNTAXES: Final = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
)
OTHER_FORM: Final = {
    EXPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN: EXPLICIT_VR_LITTLE_ENDIAN,
}

_SECONDS: Final = 0.02
_SECONDS_A_BYTE: Final = 50e-6
_GROWTH: Final = 8
_GROWTH_AT_ALL: Final = 1 << 16
_DEFINITION: Final = 700
"""Bytes at most that the policy describe writes of one element and its block."""


def check(annotator: Annotator, data: bytes, syntax: str, policy: Policy, other: bool) -> None:
    """Annotate `data` and assert every promise; `other`: delivered in the other form of VR."""
    deliver_as = OTHER_FORM.get(syntax, JPEG_BASELINE if other else None) if other else None
    if deliver_as == JPEG_BASELINE and syntax != JPEG_BASELINE:
        with pytest.raises(ValueError, match="cannot be delivered"):
            annotator.annotate(data, syntax, policy, deliver_as)
        deliver_as = None
    annotation = in_time(annotator, data, syntax, policy, deliver_as)
    out = b"".join(annotation.pieces)
    assert annotation.size == len(out)
    if annotation.error is not None:
        assert out == data
        assert annotation.transfer_syntax_uid == syntax
        assert not annotation.changed
    if policy is Policy.OBSERVE and deliver_as is None:
        assert out == data
    assert annotation.changed or out == data
    check_records(annotation)
    check_growth(annotation, len(data), out)
    if annotation.error is None and annotation.changed:
        check_again(annotator, annotation, out, policy)


def check_alone(
    seasoned: Annotator, fresh: Annotator, data: bytes, syntax: str, policy: Policy
) -> None:
    """What an annotator has met before changes nothing."""
    one, other = (each.annotate(data, syntax, policy) for each in (seasoned, fresh))
    assert b"".join(one.pieces) == b"".join(other.pieces)
    assert one.error == other.error
    assert one.elements() == other.elements()


def in_time(
    annotator: Annotator, data: bytes, syntax: str, policy: Policy, deliver_as: str | None
) -> Annotation:
    """Annotate within a time that grows with the bytes alone."""
    size = len(inflated(data)) if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN else len(data)
    limit = _SECONDS + _SECONDS_A_BYTE * size
    taken = []
    # The machine has other things to do as well: three times too slow is too slow.
    for _ in range(3):
        begin = time.process_time()
        annotation = annotator.annotate(data, syntax, policy, deliver_as)
        taken.append(time.process_time() - begin)
        if taken[-1] <= limit:
            return annotation
    raise AssertionError(f"{size} bytes took {min(taken):.3f} s; {limit:.3f} s are allowed")


def check_records(annotation: Annotation) -> None:
    records = annotation.elements()
    assert len(records) == annotation.counts["private"]
    for record in records:
        json.dumps(record.to_json(), allow_nan=False)
        assert (record.reason == "") or "\n" not in record.reason
        if record.status is ElementStatus.DECODED:
            assert record.vr_before == "UN"
            assert record.vr != "UN"
        elif record.status is ElementStatus.ALREADY:
            assert record.vr == record.vr_before


def check_growth(annotation: Annotation, received: int, out: bytes) -> None:
    if annotation.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return
    described = _DEFINITION * annotation.counts["decoded"]
    assert len(out) <= _GROWTH * received + _GROWTH_AT_ALL + described


def check_again(annotator: Annotator, first: Annotation, out: bytes, policy: Policy) -> None:
    """What was written can be read, and leaves nothing to be done."""
    again = annotator.annotate(out, first.transfer_syntax_uid, policy)
    assert again.error is None, again.error
    if first.transfer_syntax_uid != IMPLICIT_VR_LITTLE_ENDIAN:
        assert again.counts["private"] >= first.counts["private"]
    twice = b"".join(again.pieces)
    if first.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        out, twice = inflated(out), inflated(twice)
    assert twice == out


def inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(data, 1 << 24)
    except zlib.error:
        return b""
