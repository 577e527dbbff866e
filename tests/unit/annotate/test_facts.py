"""A fact is a key: equal facts have equal records, and no value is decoded to make one."""

import struct
from dataclasses import replace
from random import Random

import pytest

from atlas_dictionary import Dictionary
from atlas_node.annotate import Annotation, Annotator, Fact, record_of, value_of
from atlas_node.annotate.facts import MAX_VALUE
from atlas_node.annotate.value import reported_value
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.encoding.vr import KNOWN
from atlas_node.model import ElementRecord, Policy
from tests.fuzz.built import Builder
from tests.streams import element, item, sequence

CREATOR = element(0x00190010, "LO", b"ATLAS TEST")
ONE = element(0x00191001, "UN", b"\1\0")


def facts(annotator: Annotator, *parts: bytes) -> list[Fact]:
    annotation = annotator.annotate(b"".join(parts), EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    assert annotation.error is None
    return list(annotation.facts())


def test_the_same_element_of_another_object_is_the_same_fact(annotator: Annotator) -> None:
    before = element(0x00080005, "CS", b"ISO_IR 100")
    (one,) = facts(annotator, before, CREATOR, ONE)
    (other,) = facts(annotator, before, element(0x00080060, "CS", b"MR"), CREATOR, ONE)
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    "parts",
    [
        (CREATOR, element(0x00191001, "UN", b"\2\0")),
        (CREATOR, element(0x00191001, "US", b"\1\0")),
        (sequence(0x00081140, item(CREATOR, ONE)),),
        (element(0x00080005, "CS", b"ISO_IR 192"), CREATOR, ONE),
        (CREATOR, element(0x00191001, "UN", b"\1\0\0\0")),
        (element(0x00190010, "LO", b"ANOTHER "), ONE),
        (ONE,),
    ],
)
def test_what_makes_another_fact(annotator: Annotator, parts: tuple[bytes, ...]) -> None:
    (one,) = facts(annotator, CREATOR, ONE)
    (other,) = facts(annotator, *parts)
    assert one != other


@pytest.mark.parametrize("value", [b"1.5\\2 ", b"7 ", b"one ", b""])
def test_what_is_equal_but_for_its_value(annotator: Annotator, value: bytes) -> None:
    one, other = facts(
        annotator,
        *(CREATOR, element(0x00191002, "DS", b"1 "), element(0x00191002, "DS", value)),
    )
    shown, truncated = value_of(other)
    record = replace(record_of(one), value=shown, truncated=truncated)
    assert one[:-1] == other[:-1]
    assert record == record_of(other)


def test_a_fact_keeps_no_object_in_memory(annotator: Annotator) -> None:
    long = element(0x00191008, "UN", b"a" * 100_000)
    (fact,) = facts(annotator, CREATOR, long)
    assert len(fact[-1]) == MAX_VALUE
    assert record_of(fact).truncated


def test_a_sequence_is_the_same_fact_whatever_it_holds(annotator: Annotator) -> None:
    one, *_ = facts(annotator, CREATOR, sequence(0x00191005, item(CREATOR, ONE)))
    other, *_ = facts(annotator, CREATOR, sequence(0x00191005, item()))
    assert one == other
    assert record_of(one).value is None


@pytest.mark.parametrize("vr", sorted(KNOWN - {"SQ"}))
@pytest.mark.parametrize("value", [b"1 ", b"a", b"1\\2 ", b"\0\1"])
@pytest.mark.parametrize("more", [0, 1, 2, 1000])
def test_a_fact_has_as_much_of_a_value_as_a_record_shows(vr: str, value: bytes, more: int) -> None:
    whole = value * (MAX_VALUE // len(value)) + b" " * more
    expected = reported_value(vr, memoryview(whole), ("ascii",))
    assert reported_value(vr, memoryview(whole[:MAX_VALUE]), ("ascii",)) == expected


def test_a_value_in_big_endian_is_turned(annotator: Annotator) -> None:
    stream = struct.pack(">HH2sH10s", 0x0019, 0x0010, b"LO", 10, b"ATLAS TEST")
    stream += struct.pack(">HH2sHH", 0x0019, 0x1001, b"US", 2, 258)
    annotation = annotator.annotate(stream, EXPLICIT_VR_BIG_ENDIAN, Policy.DECODE)
    (fact,) = annotation.facts()
    assert fact[-1] == struct.pack("<H", 258)
    assert record_of(fact).value == [258]


SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)


@pytest.mark.parametrize("inherit_creators", [True, False])
def test_what_an_annotator_has_met_changes_nothing(
    dictionary: Dictionary, inherit_creators: bool
) -> None:
    seasoned = Annotator(dictionary, inherit_creators=inherit_creators)
    random = Random(7)
    for number in range(300):
        syntax, policy = SYNTAXES[number % 3], random.choice(list(Policy))
        order = ">" if syntax == EXPLICIT_VR_BIG_ENDIAN else "<"
        built = Builder(random.randbytes(random.choice((30, 100, 300))))
        data = built.data_set(syntax == IMPLICIT_VR_LITTLE_ENDIAN, order)
        fresh = Annotator(dictionary, inherit_creators=inherit_creators)
        expected = outcome_of(fresh.annotate(data, syntax, policy))
        assert outcome_of(seasoned.annotate(data, syntax, policy)) == expected
        assert outcome_of(seasoned.annotate(data, syntax, policy)) == expected


def outcome_of(
    annotation: Annotation,
) -> tuple[bytes, str | None, dict[str, int], tuple[ElementRecord, ...]]:
    out = b"".join(annotation.pieces)
    return out, annotation.error, annotation.counts, annotation.elements()
