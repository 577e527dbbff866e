"""What fuzzing and reading with an attacker's eyes found; every one failed before it was mended."""

import logging
import struct

import pytest

from atlas_node.annotate import Annotator, walk
from atlas_node.annotate.charset import decode_text, encodings_of
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import Policy
from tests.fuzz.promises import check
from tests.streams import (
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    open_item,
    sequence,
    text,
)
from tests.unit.annotate.test_engine import CREATOR, annotate, statuses, un
from tests.unit.annotate.test_in_band import definition, definitions

IMPLICIT_CREATOR = implicit(0x00190010, b"ATLAS TEST")


@pytest.mark.parametrize("blanks", [" ", "  ", "       "])
def test_many_blank_numbers_are_not_tried_in_every_way(annotator: Annotator, blanks: str) -> None:
    value = text("\\".join([blanks] * 200) + "\\?")
    _, annotation = annotate(annotator, CREATOR, un(0x00191002, value))
    assert statuses(annotation) == {"(0019,1002)": "refused"}


def test_an_object_that_defines_between_its_blocks_is_read_a_few_times_only(
    annotator: Annotator,
) -> None:
    own = b"".join(definitions(definition(i, "UL")) + CREATOR for i in range(0x80, 0x90))
    used = b"".join(un(0x00191000 + i, bytes(4)) for i in range(0x80, 0x90))
    _, annotation = annotate(annotator, own, used)
    assert annotation.counts["decoded"] == 8


def test_blocks_that_the_object_defines_itself_share_what_it_says(annotator: Annotator) -> None:
    items = [item(CREATOR, un(0x00191080, bytes(4)))] * 3
    own = definitions(definition(0x80, "UL"))
    _, annotation = annotate(annotator, own, sequence(0x00081140, *items))
    blocks = {fact[4] for fact in annotation.facts()}
    assert annotation.counts["decoded"] == 3
    assert len(blocks) == 1


def test_a_creator_that_no_lo_can_hold_is_not_remembered(annotator: Annotator) -> None:
    creator = element(0x00190010, "UN", b"A" * 300)
    out, annotation = annotate(annotator, creator, un(0x00191001, b"\1\0"))
    assert out == creator + un(0x00191001, b"\1\0")
    assert annotation.identity.private_creators == ()


def test_a_character_set_of_thousands_of_terms_is_none(annotator: Annotator) -> None:
    assert encodings_of(b"ISO 2022 IR 6\\ISO 2022 IR 87") == ("ascii", "iso2022_jp")
    assert encodings_of(b"\\".join([b"ISO 2022 IR 87"] * 1000)) == ()


@pytest.mark.parametrize("value", [b"\x1b(Zabc", b"\x1b$B\xff\xff", b"\x1b-Aabc", b"\x1b"])
def test_text_that_cannot_be_decoded_is_not_logged(
    value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert decode_text(value, encodings_of(b"ISO 2022 IR 6\\ISO 2022 IR 87")) is None
    assert not caplog.records


def test_chinese_text_with_its_escape_sequence(annotator: Annotator) -> None:
    encodings = encodings_of(b"\\ISO 2022 IR 58")
    assert decode_text(b"\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab", encodings) == "王^小东"


def test_private_elements_have_a_number_that_is_enough(
    annotator: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MAX_PRIVATE", 10)
    monkeypatch.setattr("atlas_node.annotate.explicit.CHECKED", 100)
    one = un(0x00191001, b"\1\0")
    for stream in (
        CREATOR + one * 100,
        CREATOR + sequence(0x00081140, *[item(one)] * 100),
        CREATOR + un(0x00191003, b"\1\0") * 100,
    ):
        out, annotation = annotate(annotator, stream)
        assert annotation.error is not None
        assert "more than 10 private elements" in annotation.error
        assert out == stream


def test_a_standard_element_in_implicit_vr_that_is_no_sequence_is_passed_over(
    annotator: Annotator,
) -> None:
    stream = implicit(0x00081140, b"no items") + IMPLICIT_CREATOR + implicit(0x00191001, b"\1\0")
    out, annotation = annotate(annotator, stream, syntax=IMPLICIT_VR_LITTLE_ENDIAN)
    assert (out, annotation.error) == (stream, None)
    assert statuses(annotation) == {"(0019,1001)": "decoded"}
    delivered = annotator.annotate(
        stream, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, EXPLICIT_VR_LITTLE_ENDIAN
    )
    assert b"".join(delivered.pieces).startswith(element(0x00081140, "UN", b"no items"))


def test_an_explicit_sequence_in_an_implicit_one_is_decoded_too(annotator: Annotator) -> None:
    inner = implicit(0x00191005, item(CREATOR, un(0x00191001, b"\1\0")))
    stream = CREATOR + un(0x00191005, item(IMPLICIT_CREATOR, inner))
    out, annotation = annotate(annotator, stream)
    decoded = item(CREATOR, element(0x00191001, "US", b"\1\0"))
    assert out == CREATOR + sequence(0x00191005, item(CREATOR, sequence(0x00191005, decoded)))
    assert annotation.counts["decoded"] == 3
    check(annotator, stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, False)


@pytest.mark.parametrize("vr", [b"LO", b"SQ", b"UN"])
@pytest.mark.parametrize("wrap", [item, open_item])
def test_a_length_that_looks_like_a_vr_is_a_length(annotator: Annotator, vr: bytes, wrap) -> None:
    length = struct.unpack("<H", vr)[0]
    first = implicit(0x00080001, bytes(length))
    value = wrap(first, IMPLICIT_CREATOR, implicit(0x00191001, b"\1\0"))
    _, annotation = annotate(annotator, CREATOR, un(0x00191005, value))
    assert annotation.counts["decoded"] == 2
    _, annotation = annotate(
        annotator, CREATOR, element(0x00191005, "UN", wrap(first) + SEQUENCE_END, UNDEFINED)
    )
    assert annotation.error is None
    assert annotation.counts["decoded"] == 1


def test_a_private_group_length_of_another_length_is_no_private_element(
    annotator: Annotator,
) -> None:
    stream = implicit(0x00190000) + IMPLICIT_CREATOR
    _, annotation = annotate(annotator, stream, syntax=IMPLICIT_VR_LITTLE_ENDIAN)
    assert annotation.counts["private"] == 0
