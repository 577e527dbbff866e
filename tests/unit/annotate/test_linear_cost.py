"""Twice the object, twice the work: counted in calls, which unlike seconds are always the same."""

import struct
import sys
from collections.abc import Callable

import pytest

from atlas_dictionary import Dictionary
from atlas_node.annotate import Annotator
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import Policy
from tests.streams import element, implicit, item, open_item, open_sequence, sequence, text

CREATOR = element(0x00190010, "LO", b"ATLAS TEST")
ONE = element(0x00191001, "UN", b"\1\0")
REFUSED = element(0x00191001, "UN", b"\1\0\0\0")
IMPLICIT_CREATOR = implicit(0x00190010, b"ATLAS TEST")
IMPLICIT_ONE = implicit(0x00191001, b"\1\0")
DEPTH = 30


def many_elements(n: int) -> bytes:
    return CREATOR + (ONE + REFUSED) * n


def many_items(n: int) -> bytes:
    return sequence(0x00081140, *[item(CREATOR, ONE)] * n)


def many_open_sequences(n: int) -> bytes:
    return CREATOR + open_sequence(0x00191005, open_item(ONE)) * n


def many_group_lengths(n: int) -> bytes:
    group = element(0x00190000, "UL", struct.pack("<I", 32)) + CREATOR + ONE
    return (group + element(0x00210000, "UL", bytes(4))) * n


def many_creators(n: int) -> bytes:
    return b"".join(element(0x00190010 + i % 200, "UN", text(f"CREATOR {i}")) for i in range(n))


def one_block_in_many_items(n: int) -> bytes:
    return CREATOR + sequence(0x00081140, *[item(ONE)] * n)


def deep(n: int) -> bytes:
    content = CREATOR + ONE * n
    for _ in range(DEPTH):
        content = sequence(0x00081140, item(content, ONE))
    return content


def deeper(n: int) -> bytes:
    content = CREATOR + ONE * 50
    for _ in range(n // 10):
        content = sequence(0x00081140, item(content))
    return content


def unknown_sequences_in_each_other(n: int) -> bytes:
    content = IMPLICIT_CREATOR + IMPLICIT_ONE * n
    for _ in range(DEPTH):
        content = IMPLICIT_CREATOR + implicit(0x00191005, item(content))
    return CREATOR + element(0x00191005, "UN", item(content))


def broken_unknown_sequences_in_each_other(n: int) -> bytes:
    content = IMPLICIT_CREATOR + IMPLICIT_ONE * n + b"broken"
    for _ in range(DEPTH):
        content = IMPLICIT_CREATOR + implicit(0x00191005, item(content))
    return CREATOR + element(0x00191005, "UN", item(content))


def definitions_between_creators(n: int) -> bytes:
    definition = sequence(
        0x00080310, item(element(0x00080308, "US", b"\1\0"), element(0x0008030A, "CS", b"US"))
    )
    block = element(0x00080301, "US", b"\x19\0") + element(0x00080302, "LO", b"ATLAS TEST")
    return sequence(0x00080300, *[item(block, definition, CREATOR)] * n)


def many_character_sets(n: int) -> bytes:
    terms = text("\\".join(["ISO 2022 IR 87"] * n))
    return element(0x00080005, "CS", terms) + CREATOR + element(0x00191003, "UN", b"\xe4 ") * n


@pytest.fixture
def annotator(dictionary: Dictionary) -> Annotator:
    """One that has met nothing: when it forgets what it has met, the next object costs more."""
    return Annotator(dictionary)


@pytest.mark.parametrize(
    "make",
    [
        many_elements, many_items, many_open_sequences, many_group_lengths, many_creators,
        one_block_in_many_items, deep, deeper, unknown_sequences_in_each_other,
        broken_unknown_sequences_in_each_other, definitions_between_creators, many_character_sets,
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", [Policy.DECODE, Policy.DESCRIBE])
def test_explicit(annotator: Annotator, make: Callable[[int], bytes], policy: Policy) -> None:
    assert_linear(annotator, make, EXPLICIT_VR_LITTLE_ENDIAN, policy)


@pytest.mark.parametrize("deliver_as", [None, EXPLICIT_VR_LITTLE_ENDIAN])
def test_implicit(annotator: Annotator, deliver_as: str | None) -> None:
    def make(n: int) -> bytes:
        content = IMPLICIT_CREATOR + implicit(0x00190000, bytes(4)) + IMPLICIT_ONE * n
        for _ in range(DEPTH):
            content = IMPLICIT_CREATOR + implicit(0x00191005, item(content))
        return content

    assert_linear(annotator, make, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, deliver_as)


def test_explicit_to_implicit(annotator: Annotator) -> None:
    assert_linear(
        annotator, deep, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, IMPLICIT_VR_LITTLE_ENDIAN
    )


def test_big_endian(annotator: Annotator) -> None:
    def make(n: int) -> bytes:
        creator = struct.pack(">HH2sH", 0x0019, 0x0010, b"LO", 10) + b"ATLAS TEST"
        one = struct.pack(">HH2sHI", 0x0019, 0x1001, b"UN", 0, 2) + b"\1\0"
        return creator + one * n

    assert_linear(annotator, make, EXPLICIT_VR_BIG_ENDIAN, Policy.DECODE)


def assert_linear(
    annotator: Annotator,
    make: Callable[[int], bytes],
    syntax: str,
    policy: Policy,
    deliver_as: str | None = None,
) -> None:
    def calls(n: int) -> int:
        data = make(n)
        # What is remembered from object to object is not the object's cost.
        annotator.annotate(data, syntax, policy, deliver_as)
        count = 0

        def note(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            annotation = annotator.annotate(data, syntax, policy, deliver_as)
        finally:
            sys.setprofile(None)
        assert annotation.error is None
        return count

    once, twice = calls(200), calls(400)
    assert once > 200
    assert twice < 2.3 * once
