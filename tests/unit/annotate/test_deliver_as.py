"""Objects for destinations that read another VR encoding than the sender's."""

import struct
import tracemalloc
from random import Random

import pytest

from atlas_node.annotate import Annotator
from atlas_node.encoding.implicit import without_vrs
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.errors import MalformedStreamError
from atlas_node.model import Policy
from tests.fuzz.built import Builder
from tests.streams import (
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    open_item,
    open_sequence,
    sequence,
)

IMPLICIT = (
    implicit(0x00080060, b"MR")
    + implicit(0x00190010, b"ATLAS TEST")
    + implicit(0x00191001, b"\x24\0")
    + implicit(0x00191005, item(implicit(0x00191003, b"text")))
    + implicit(0x00191099, b"what")
)
EXPLICIT = (
    element(0x00080060, "CS", b"MR")
    + element(0x00190010, "LO", b"ATLAS TEST")
    + element(0x00191001, "US", b"\x24\0")
    + sequence(0x00191005, item(element(0x00191003, "LO", b"text")))
    + element(0x00191099, "UN", b"what")
)


def test_implicit_becomes_explicit_with_verified_vrs_and_un_for_the_rest(
    annotator: Annotator,
) -> None:
    annotation = annotator.annotate(
        IMPLICIT, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, EXPLICIT_VR_LITTLE_ENDIAN
    )
    assert b"".join(annotation.pieces) == EXPLICIT
    assert annotation.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN


def test_described_too(annotator: Annotator) -> None:
    annotation = annotator.annotate(
        IMPLICIT, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DESCRIBE, EXPLICIT_VR_LITTLE_ENDIAN
    )
    out = b"".join(annotation.pieces)
    assert b"\x08\x00\x00\x03SQ" in out
    assert b"\x18\x00\x01\xa0SQ" in out
    assert out.endswith(EXPLICIT[EXPLICIT.index(b"\x19\x00\x10\x00") :])


@pytest.mark.parametrize(
    "stream",
    [IMPLICIT + sequence(0xFFFAFFFA, item()).replace(b"SQ\0\0", b""), IMPLICIT + b"\x20\x00"],
)
def test_a_signed_or_broken_object_stays_implicit(annotator: Annotator, stream: bytes) -> None:
    annotation = annotator.annotate(
        stream, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, EXPLICIT_VR_LITTLE_ENDIAN
    )
    assert b"".join(annotation.pieces) == stream
    assert annotation.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN


@pytest.mark.parametrize(("signed", "vr"), [(b"\0\0", "US"), (b"\1\0", "SS"), (None, "UN")])
def test_us_or_ss_follows_the_pixel_representation(
    annotator: Annotator, signed: bytes | None, vr: str
) -> None:
    said = b"" if signed is None else implicit(0x00280103, signed)
    annotation = annotator.annotate(
        said + implicit(0x00280120, b"\x18\xfc"),
        IMPLICIT_VR_LITTLE_ENDIAN,
        Policy.DECODE,
        EXPLICIT_VR_LITTLE_ENDIAN,
    )
    assert b"".join(annotation.pieces).endswith(element(0x00280120, vr, b"\x18\xfc"))


def test_what_may_be_ow_is_ow_in_implicit_vr(annotator: Annotator) -> None:
    annotation = annotator.annotate(
        implicit(0x7FE00010, b"\0\1"),
        IMPLICIT_VR_LITTLE_ENDIAN,
        Policy.DECODE,
        EXPLICIT_VR_LITTLE_ENDIAN,
    )
    assert b"".join(annotation.pieces) == element(0x7FE00010, "OW", b"\0\1")


def test_explicit_becomes_implicit_and_loses_group_lengths(annotator: Annotator) -> None:
    stream = element(0x00080000, "UL", struct.pack("<I", 10)) + EXPLICIT
    annotation = annotator.annotate(
        stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, IMPLICIT_VR_LITTLE_ENDIAN
    )
    assert b"".join(annotation.pieces) == IMPLICIT
    assert annotation.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN


def test_undefined_lengths_stay_undefined(annotator: Annotator) -> None:
    stream = open_sequence(0x00081140, open_item(element(0x00080060, "CS", b"MR")), item())
    annotation = annotator.annotate(
        stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, IMPLICIT_VR_LITTLE_ENDIAN
    )
    inner = stream[12:].replace(b"CS\2\0", b"\2\0\0\0")
    assert b"".join(annotation.pieces) == implicit(0x00081140, inner, 0xFFFFFFFF)


INSIDE = (
    implicit(0x00191003, b"text")
    + implicit(0x00191005, open_item(implicit(0x00191001, b"\1\0")) + SEQUENCE_END, UNDEFINED)
    + implicit(0x00191006)
)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item(INSIDE), open_item(INSIDE), item()], None),
        ([], None),
        (
            [item(element(0x00190010, "LO", b"ATLAS TEST"), element(0x00191003, "LO", b"text"))],
            [item(implicit(0x00190010, b"ATLAS TEST"), implicit(0x00191003, b"text"))],
        ),
    ],
)
def test_an_unknown_sequence_is_passed_on_in_implicit_vr(
    annotator: Annotator, items: list[bytes], expected: list[bytes] | None
) -> None:
    stream = open_sequence(0x00291010, *items, vr="UN") + element(0x00300010, "CS", b"A ")
    annotation = annotator.annotate(
        stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.OBSERVE, IMPLICIT_VR_LITTLE_ENDIAN
    )
    content = b"".join(items if expected is None else expected) + SEQUENCE_END
    assert b"".join(annotation.pieces) == (
        implicit(0x00291010, content, UNDEFINED) + implicit(0x00300010, b"A ")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        implicit(0x00191003, b"text"),
        open_item(item()),
        open_item(implicit(0x00191003, b"text"))[:-8],
        item(INSIDE)[:-4],
    ],
)
def test_an_unknown_sequence_that_is_none_is_not_passed_on(content: bytes) -> None:
    stream = element(0x00291010, "UN", content, UNDEFINED)
    with pytest.raises(MalformedStreamError):
        without_vrs([stream])


def test_encapsulated_pixel_data_has_no_implicit_form(annotator: Annotator) -> None:
    stream = open_sequence(0x7FE00010, item(), vr="OB")
    annotation = annotator.annotate(
        stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, IMPLICIT_VR_LITTLE_ENDIAN
    )
    assert "cannot be written in implicit VR" in (annotation.error or "")
    assert annotation.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN


def test_no_other_conversion_is_offered(annotator: Annotator) -> None:
    with pytest.raises(ValueError, match="cannot be delivered as"):
        annotator.annotate(b"", EXPLICIT_VR_BIG_ENDIAN, Policy.DECODE, EXPLICIT_VR_LITTLE_ENDIAN)


def test_what_was_decoded_is_written_in_implicit_vr_as_if_it_were_one_piece(
    annotator: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_node.encoding.pieces.LONG", 16)
    random = Random(3)
    compared = 0
    for number in range(400):
        data = Builder(random.randbytes(random.choice((30, 100, 300)))).data_set(False, "<")
        policy = (Policy.DECODE, Policy.DESCRIBE)[number % 2]
        explicit = annotator.annotate(data, EXPLICIT_VR_LITTLE_ENDIAN, policy)
        annotation = annotator.annotate(
            data, EXPLICIT_VR_LITTLE_ENDIAN, policy, IMPLICIT_VR_LITTLE_ENDIAN
        )
        if annotation.error is None and len(explicit.pieces) > 1:
            compared += 1
            whole = b"".join(explicit.pieces)
            assert b"".join(annotation.pieces) == b"".join(without_vrs([whole])), number
    assert compared > 80


LARGE = 16 << 20
LARGE_ITEMS = item(implicit(0x00191004, bytes(LARGE)))
LONG_VALUES = (
    element(0x00190010, "LO", b"ATLAS TEST"),
    element(0x00191001, "UN", b"\x24\0"),
    element(0x00191004, "UN", bytes(LARGE)),
    element(0x00191005, "UN", LARGE_ITEMS),
    element(0x7FE00010, "OW", bytes(LARGE)),
)
LONG_VALUES_WITHOUT_VR = (
    implicit(0x00190010, b"ATLAS TEST"),
    implicit(0x00191001, b"\x24\0"),
    implicit(0x00191004, bytes(LARGE)),
    implicit(0x00191005, LARGE_ITEMS),
    implicit(0x7FE00010, bytes(LARGE)),
)


@pytest.mark.parametrize("policy", [Policy.DECODE, Policy.DESCRIBE])
@pytest.mark.parametrize(
    ("stream", "received", "delivered"),
    [
        (LONG_VALUES, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN),
        (LONG_VALUES_WITHOUT_VR, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
        (LONG_VALUES, EXPLICIT_VR_LITTLE_ENDIAN, None),
    ],
    ids=["implicit", "explicit", "as it came"],
)
def test_long_values_are_never_copied(
    annotator: Annotator, stream, received: str, delivered: str | None, policy: Policy
) -> None:
    data = b"".join(stream)
    tracemalloc.start()
    try:
        annotation = annotator.annotate(data, received, policy, delivered)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (annotation.error, annotation.counts["decoded"]) == (None, 4)
    assert annotation.changed
    assert peak < 1 << 20
