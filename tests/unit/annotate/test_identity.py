"""What an object says of itself, read from its headers alone, is what annotation reads of it."""

import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate import LAST_GROUP, Annotator, identify, identify_beginning
from atlas_node.encoding.deflate import deflated
from atlas_node.encoding.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
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
    text,
)

MODALITY = element(0x00080060, "CS", b"MR")
PIXELS = element(0x7FE00010, "OW", bytes(256))
SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)


def creator(tag: int, value: str) -> bytes:
    return element(tag, "LO", text(value))


def test_it_says_what_the_object_says_in_its_character_set() -> None:
    stream = b"".join(
        (
            element(0x00080005, "CS", b"ISO_IR 192"),
            element(0x00080060, "CS", b"MR"),
            element(0x00080070, "LO", "Größe GmbH".encode() + b" "),
            creator(0x00090010, "FIRST"),
            element(0x00091001, "UN", b"\1\0"),
            element(0x00100020, "LO", text("ID1")),
            element(0x0020000D, "UI", b"1.2.3\0"),
            PIXELS,
            creator(0x7FE10010, "BEHIND THE PIXELS"),
        )
    )
    identity = identify(stream, EXPLICIT_VR_LITTLE_ENDIAN)
    assert identity.modality == "MR"
    assert identity.manufacturer == "Größe GmbH"
    assert identity.patient_id == "ID1"
    assert identity.study_instance_uid == "1.2.3"
    assert identity.private_creators == ("FIRST", "BEHIND THE PIXELS")


def test_reading_ends_behind_the_last_group_that_is_asked_for() -> None:
    stream = MODALITY + creator(0x00090010, "FIRST") + creator(0x00190010, "SECOND")
    identity = identify(stream, EXPLICIT_VR_LITTLE_ENDIAN, 0x0008)
    assert (identity.modality, identity.private_creators) == ("MR", ())
    assert identify(stream, EXPLICIT_VR_LITTLE_ENDIAN, 0x0009).private_creators == ("FIRST",)


INSIDE = creator(0x00190010, "INSIDE"), element(0x00080060, "CS", b"US")


@pytest.mark.parametrize(
    "nested",
    [
        sequence(0x00081140, item(*INSIDE)),
        open_sequence(0x00081140, item(*INSIDE), open_item(*INSIDE), open_item()),
        open_sequence(0x00081140, open_item(*INSIDE, open_sequence(0x00081155, open_item()))),
        open_sequence(0x00081140, item(implicit(0x00190010, b"INSIDE")), vr="UN"),
        open_sequence(0x00091005, open_item(*INSIDE), vr="UN"),
        open_sequence(0x7FE00010, item(b""), item(bytes(500)), vr="OB"),
    ],
    ids=["defined", "undefined", "in one another", "UN", "UN with VRs inside", "frames"],
)
def test_what_stands_in_sequences_is_stepped_over(nested: bytes) -> None:
    stream = MODALITY + nested + creator(0x7FE10010, "BEHIND")
    identity = identify(stream, EXPLICIT_VR_LITTLE_ENDIAN)
    assert (identity.modality, identity.private_creators) == ("MR", ("BEHIND",))


def test_it_is_what_annotation_reads(annotator: Annotator) -> None:
    random = Random(11)
    compared = 0
    for number in range(600):
        syntax = SYNTAXES[number % 3]
        order = ">" if syntax == EXPLICIT_VR_BIG_ENDIAN else "<"
        built = Builder(random.randbytes(random.choice((30, 100, 300))))
        data = built.data_set(syntax == IMPLICIT_VR_LITTLE_ENDIAN, order)
        annotation = annotator.annotate(data, syntax, Policy.OBSERVE)
        if annotation.error is None:
            compared += 1
            assert identify(data, syntax) == annotation.identity, (number, data.hex())
    assert compared > 300


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_beginning_tells_the_same_or_nothing(syntax: str) -> None:
    random = Random(12)
    order = ">" if syntax == EXPLICIT_VR_BIG_ENDIAN else "<"
    told = 0
    for _ in range(60):
        built = Builder(random.randbytes(random.choice((30, 100, 300))))
        data = built.data_set(syntax == IMPLICIT_VR_LITTLE_ENDIAN, order)
        for last_group in (0x0008, LAST_GROUP):
            whole = identify(data, syntax, last_group)
            for length in range(len(data) + 1):
                beginning = identify_beginning(data[:length], len(data), syntax, last_group)
                assert beginning in (None, whole), (length, data.hex())
                told += beginning is not None and length < len(data)
    assert told > 100


def test_pixel_data_need_not_be_read() -> None:
    stream = MODALITY + creator(0x00090010, "FIRST") + element(0x7FE00010, "OW", bytes(5000))
    headers = len(stream) - 5000
    asked = stream[:headers], len(stream), EXPLICIT_VR_LITTLE_ENDIAN
    assert identify_beginning(*asked) == identify(stream, EXPLICIT_VR_LITTLE_ENDIAN)
    assert identify_beginning(asked[0], len(stream) + 100, EXPLICIT_VR_LITTLE_ENDIAN) is None
    assert identify_beginning(stream[: headers - 1], *asked[1:]) is None


def test_the_beginning_of_a_deflated_object_tells_nothing() -> None:
    data = deflated([MODALITY + PIXELS])
    syntax = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    assert identify_beginning(data[:-1], len(data), syntax) is None
    assert identify_beginning(data, len(data), syntax) == identify(data, syntax)


@given(data=st.binary(max_size=60), tail=st.sampled_from([b"", SEQUENCE_END, PIXELS]))
@pytest.mark.parametrize("syntax", [*SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN])
def test_nothing_makes_it_raise(syntax: str, data: bytes, tail: bytes) -> None:
    identify(data + tail, syntax)
    identify(MODALITY + data + tail, syntax)


@pytest.mark.parametrize("cut", [b"", b"\x10", PIXELS[:11], PIXELS[:50]])
def test_of_a_broken_stream_it_is_what_could_be_read(cut: bytes) -> None:
    assert identify(MODALITY + cut, EXPLICIT_VR_LITTLE_ENDIAN).modality == "MR"


def test_a_value_that_passes_the_end_is_not_read() -> None:
    stream = element(0x00080070, "LO", b"ACME", 400) + bytes(20)
    assert identify(stream, EXPLICIT_VR_LITTLE_ENDIAN).manufacturer == ""
    stream = element(0x00190010, "LO", b"ACME", 40) + bytes(20)
    assert identify(stream, EXPLICIT_VR_LITTLE_ENDIAN).private_creators == ()


def test_a_deflated_object_is_identified_by_its_first_mebibyte() -> None:
    stream = MODALITY + creator(0x00090010, "NEAR") + element(0x00091001, "UN", bytes(1 << 20))
    data = deflated([stream + creator(0x00110010, "FAR")])
    identity = identify(data, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    assert (identity.modality, identity.private_creators) == ("MR", ("NEAR",))


def test_neither_a_bomb_nor_a_long_stream_takes_memory() -> None:
    bomb = deflated([MODALITY, *[bytes(1 << 20)] * 40])
    nested = MODALITY + element(0x00081140, "SQ", b"", UNDEFINED) * 20_000
    data = {
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: bomb,
        EXPLICIT_VR_LITTLE_ENDIAN: nested,
    }
    tracemalloc.start()
    try:
        for syntax, stream in data.items():
            assert identify(stream, syntax).modality == "MR"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_the_number_of_headers_that_are_read_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_node.annotate.identity._MAX_HEADERS", 100)
    few, many = (open_sequence(0x00081140, *[open_item()] * count) for count in (10, 100))
    behind = creator(0x00090010, "BEHIND")
    assert identify(MODALITY + few + behind, EXPLICIT_VR_LITTLE_ENDIAN).private_creators
    identity = identify(MODALITY + many + behind, EXPLICIT_VR_LITTLE_ENDIAN)
    assert (identity.modality, identity.private_creators) == ("MR", ())
