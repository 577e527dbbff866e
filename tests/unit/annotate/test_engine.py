"""The rules of annotation, one test each: what goes in, what comes out, and what is said of it."""

import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_node.annotate import Annotation, Annotator
from atlas_node.encoding.deflate import inflated
from atlas_node.encoding.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import Policy
from tests.streams import (
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    open_item,
    open_sequence,
    sequence,
)

JPEG = "1.2.840.10008.1.2.4.50"
CREATOR = element(0x00190010, "LO", b"ATLAS TEST")
PIXELS = element(0x7FE00010, "OW", bytes(range(256)))
MODALITY = element(0x00080060, "CS", b"MR")


def un(tag: int, value: bytes) -> bytes:
    return element(tag, "UN", value)


def annotate(
    annotator: Annotator,
    *stream: bytes,
    syntax: str = EXPLICIT_VR_LITTLE_ENDIAN,
    policy: Policy = Policy.DECODE,
) -> tuple[bytes, Annotation]:
    annotation = annotator.annotate(b"".join(stream), syntax, policy)
    return b"".join(annotation.pieces), annotation


def statuses(annotation: Annotation) -> dict[str, str]:
    return {record.path: record.status.value for record in annotation.elements()}


@pytest.mark.parametrize(
    ("offset", "value", "vr"),
    [
        (0x01, b"\x24\0", "US"),
        (0x02, b"1.5\\2 ", "DS"),
        (0x03, b"text", "LO"),
        (0x04, b"\0\1\2\3", "OB"),
        (0x05, b"", "SQ"),
        (0x06, b"\0" * 24, "FD"),
        (0x08, b"a" * 70000, "UT"),
    ],
)
def test_an_unknown_element_gets_its_vr_and_nothing_else_changes(
    annotator: Annotator, offset: int, value: bytes, vr: str
) -> None:
    tag = 0x00191000 + offset
    out, annotation = annotate(annotator, MODALITY, CREATOR, un(tag, value), PIXELS)
    assert out == MODALITY + CREATOR + element(tag, vr, value) + PIXELS
    (record,) = annotation.elements()
    assert (record.vr_before, record.vr, record.status) == ("UN", vr, "decoded")
    assert annotation.counts["decoded"] == annotation.counts["private"] == 1


def test_the_record_says_what_a_reader_wants_to_know(annotator: Annotator) -> None:
    _, annotation = annotate(annotator, CREATOR, un(0x00191001, b"\x24\0"))
    (record,) = annotation.elements()
    assert record.to_json() == {
        "path": "(0019,1001)",
        "creator": "ATLAS TEST",
        "key": "(0019,xx01)",
        "vr_before": "UN",
        "vr": "US",
        "vm": "1",
        "name": "One Number",
        "status": "decoded",
        "reason": "",
        "value": [36],
        "sources": list(record.sources),
        "confidence": record.confidence,
    }
    assert record.sources
    assert 0 < record.confidence <= 1


@pytest.mark.parametrize(
    ("offset", "value", "status", "reason"),
    [
        (0x01, b"\0\0\0\0", "refused", "not US: the value holds 2 values"),
        (0x02, b"abc ", "refused", "not DS: the value is not a decimal number"),
        (0x03, b"\0\1\2\3", "refused", "not LO: the value is not text"),
        (0x05, b"no sequence!", "refused", "not SQ: the value is no sequence"),
        (0x06, b"\0" * 8, "refused", "expects 3"),
        (0x07, b"what", "unknown", "without a VR"),
        (0x99, b"what", "unknown", "no entry"),
    ],
)
def test_in_doubt_it_stays_un_and_says_why(
    annotator: Annotator, offset: int, value: bytes, status: str, reason: str
) -> None:
    stream = CREATOR + un(0x00191000 + offset, value)
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert not annotation.changed
    (record,) = annotation.elements()
    assert record.status == status
    assert reason in record.reason
    assert record.vr == "UN"


def test_an_element_without_a_creator_is_unknown(annotator: Annotator) -> None:
    stream = un(0x00191001, b"\x24\0") + un(0x00210001, b"\x24\0")
    out, annotation = annotate(annotator, stream)
    assert out == stream
    reasons = [record.reason for record in annotation.elements()]
    assert reasons == [
        "no private creator at (0019,0010) reserves it",
        "its number belongs to no private block",
    ]


@pytest.mark.parametrize("block", [0x10, 0x42, 0xFF])
def test_a_creator_may_reserve_any_block(annotator: Annotator, block: int) -> None:
    creator = element(0x00190000 + block, "LO", b"ATLAS TEST")
    _, annotation = annotate(annotator, creator, un(0x00190001 + (block << 8), b"\x24\0"))
    (record,) = annotation.elements()
    assert record.path == f"(0019,{block:02x}01)"
    assert record.status == "decoded"


@pytest.mark.parametrize("written", [b"ATLAS TEST\0\0", b" atlas  test ", b"ATLAS TEST  "])
def test_a_creator_is_compared_without_padding_then_folded(
    annotator: Annotator, written: bytes
) -> None:
    creator = element(0x00190010, "LO", written)
    out, annotation = annotate(annotator, creator, un(0x00191001, b"\x24\0"))
    assert out.startswith(creator)
    assert annotation.counts["decoded"] == 1


def test_a_creator_that_is_un_becomes_lo_and_is_not_counted(annotator: Annotator) -> None:
    out, annotation = annotate(annotator, un(0x00190010, b"ATLAS TEST"), un(0x00191001, b"\x24\0"))
    assert out == CREATOR + element(0x00191001, "US", b"\x24\0")
    assert annotation.counts["private"] == 1


def test_a_creator_with_another_vr_is_used_and_left(annotator: Annotator) -> None:
    creator = element(0x00190010, "SH", b"ATLAS TEST")
    out, annotation = annotate(annotator, creator, un(0x00191001, b"\x24\0"))
    assert out.startswith(creator)
    assert annotation.counts["decoded"] == 1


def test_a_vr_that_is_there_is_never_changed(annotator: Annotator) -> None:
    stream = CREATOR + element(0x00191001, "SS", b"\x24\0")
    out, annotation = annotate(annotator, stream)
    assert out == stream
    (record,) = annotation.elements()
    assert (record.vr, record.status, record.name) == ("SS", "already", "One Number")


def test_long_values_stay_un_where_the_vr_cannot_hold_them(annotator: Annotator) -> None:
    stream = CREATOR + un(0x00191002, b"1\\" * 32768)
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert "65534" in annotation.elements()[0].reason


def test_nested_items_and_the_lengths_around_them(annotator: Annotator) -> None:
    before = sequence(
        0x00081140,
        item(CREATOR, un(0x00191001, b"\x24\0")),
        open_item(CREATOR, un(0x00191003, b"text")),
    )
    after = sequence(
        0x00081140,
        item(CREATOR, element(0x00191001, "US", b"\x24\0")),
        open_item(CREATOR, element(0x00191003, "LO", b"text")),
    )
    out, annotation = annotate(annotator, before, PIXELS)
    assert out == after + PIXELS
    assert statuses(annotation) == {
        "(0008,1140)[0].(0019,1001)": "decoded",
        "(0008,1140)[1].(0019,1003)": "decoded",
    }


def test_nested_sequences_of_undefined_length(annotator: Annotator) -> None:
    def stream(inner: bytes) -> bytes:
        return open_sequence(0x00081140, open_item(open_sequence(0x00081150, open_item(inner))))

    out, _ = annotate(annotator, stream(CREATOR + un(0x00191001, b"\x24\0")))
    assert out == stream(CREATOR + element(0x00191001, "US", b"\x24\0"))


def test_a_creator_of_an_enclosing_data_set_counts_unless_switched_off(
    annotator: Annotator, dictionary: object
) -> None:
    stream = CREATOR + sequence(0x00191005, item(un(0x00191001, b"\x24\0")))
    _, annotation = annotate(annotator, stream)
    assert annotation.elements()[1].status == "decoded"
    assert annotation.elements()[1].reason == "the creator stands in an enclosing data set"
    strict = Annotator(dictionary, inherit_creators=False)  # type: ignore[arg-type]
    out, annotation = annotate(strict, stream)
    assert out == stream
    assert annotation.elements()[1].status == "unknown"


def test_a_creator_in_an_item_does_not_reach_outside(annotator: Annotator) -> None:
    stream = sequence(0x00081140, item(CREATOR)) + un(0x00191001, b"\x24\0")
    _, annotation = annotate(annotator, stream)
    assert annotation.counts["unknown"] == 1


def test_un_that_holds_an_implicit_sequence_becomes_explicit(annotator: Annotator) -> None:
    content = item(
        *[
            b""
            + implicit(0x00080060, b"MR")
            + implicit(0x00190010, b"ATLAS TEST")
            + implicit(0x00191001, b"\x24\0")
            + implicit(0x00191099, b"what")
        ]
    )
    out, annotation = annotate(annotator, CREATOR, un(0x00191005, content))
    inner = MODALITY + CREATOR + element(0x00191001, "US", b"\x24\0") + un(0x00191099, b"what")
    assert out == CREATOR + sequence(0x00191005, item(inner))
    assert statuses(annotation) == {
        "(0019,1005)": "decoded",
        "(0019,1005)[0].(0019,1001)": "decoded",
        "(0019,1005)[0].(0019,1099)": "unknown",
    }


def test_un_that_holds_an_explicit_sequence_becomes_sq(annotator: Annotator) -> None:
    content = item(CREATOR, un(0x00191001, b"\x24\0"), element(0x00191003, "LO", b"text"))
    out, _ = annotate(annotator, CREATOR, un(0x00191005, content), PIXELS)
    inner = CREATOR + element(0x00191001, "US", b"\x24\0") + element(0x00191003, "LO", b"text")
    assert out == CREATOR + sequence(0x00191005, item(inner)) + PIXELS


def test_un_of_undefined_length_is_an_implicit_sequence(annotator: Annotator) -> None:
    content = open_item(implicit(0x00190010, b"ATLAS TEST"), implicit(0x00191001, b"\x24\0"))
    out, _ = annotate(annotator, CREATOR, open_sequence(0x00191005, content, vr="UN"), PIXELS)
    inner = open_item(CREATOR, element(0x00191001, "US", b"\x24\0"))
    assert out == CREATOR + open_sequence(0x00191005, inner) + PIXELS


def test_un_of_undefined_length_that_the_dictionary_denies_stays(annotator: Annotator) -> None:
    content = open_item(implicit(0x00190010, b"ATLAS TEST"), implicit(0x00191001, b"\x24\0"))
    stream = CREATOR + open_sequence(0x00191003, content, vr="UN") + PIXELS
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert statuses(annotation) == {"(0019,1003)": "refused"}


def test_a_standard_un_sequence_is_stepped_over(annotator: Annotator) -> None:
    content = open_item(implicit(0x00080060, b"MR"))
    stream = open_sequence(0x00081140, content, vr="UN") + CREATOR + un(0x00191001, b"\x24\0")
    out, _ = annotate(annotator, stream)
    assert out == stream[: -len(un(0, b"\0\0"))] + element(0x00191001, "US", b"\x24\0")


def test_a_sequence_that_breaks_off_stays_un_and_leaves_no_trace(annotator: Annotator) -> None:
    content = item(implicit(0x00190010, b"ATLAS TEST"), implicit(0x00191001, b"\x24\0")) + b"junk"
    stream = CREATOR + un(0x00191005, content)
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert statuses(annotation) == {"(0019,1005)": "refused"}


def test_a_group_length_that_was_true_stays_true(annotator: Annotator) -> None:
    def stream(length: int, body: bytes) -> bytes:
        return element(0x00190000, "UL", struct.pack("<I", length)) + body + PIXELS

    body = CREATOR + un(0x00191001, b"\x24\0")
    decoded = CREATOR + element(0x00191001, "US", b"\x24\0")
    assert annotate(annotator, stream(len(body), body))[0] == stream(len(decoded), decoded)
    assert annotate(annotator, stream(7, body))[0] == stream(7, decoded)


def test_group_lengths_inside_an_implicit_sequence(annotator: Annotator) -> None:
    body = implicit(0x00190010, b"ATLAS TEST") + implicit(0x00191004, b"\0\1")
    content = item(implicit(0x00190000, struct.pack("<I", len(body))), body)
    out, _ = annotate(annotator, CREATOR, un(0x00191005, content))
    inner = CREATOR + element(0x00191004, "OB", b"\0\1")
    length = element(0x00190000, "UL", struct.pack("<I", len(inner)))
    assert out == CREATOR + sequence(0x00191005, item(length, inner))


def test_encapsulated_pixel_data_passes_untouched(annotator: Annotator) -> None:
    pixels = element(
        0x7FE00010,
        "OB",
        struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 6)
        + b"\xff\xd8abc\0"
        + SEQUENCE_END,
        UNDEFINED,
    )
    after = element(0x7FE10010, "LO", b"ATLAS TEST") + un(0x7FE11001, b"what")
    stream = CREATOR + un(0x00191001, b"\x24\0") + pixels + after
    out, annotation = annotate(annotator, stream, syntax=JPEG)
    assert out == CREATOR + element(0x00191001, "US", b"\x24\0") + pixels + after
    assert annotation.counts == {
        "private": 2, "decoded": 1, "already": 0, "unknown": 1, "refused": 0, "ambiguous": 0,
    }  # fmt: skip


def test_observe_changes_nothing_and_reports_all(annotator: Annotator) -> None:
    stream = CREATOR + un(0x00191001, b"\x24\0")
    out, annotation = annotate(annotator, stream, policy=Policy.OBSERVE)
    assert out == stream
    assert not annotation.changed
    assert annotation.counts["decoded"] == 1


def test_an_object_in_implicit_vr_is_decoded_for_the_log_alone(annotator: Annotator) -> None:
    stream = implicit(0x00080060, b"CT") + implicit(0x00190010, b"ATLAS TEST")
    stream += implicit(0x00191001, b"\x24\0")
    out, annotation = annotate(annotator, stream, syntax=IMPLICIT_VR_LITTLE_ENDIAN)
    assert out == stream
    assert annotation.identity.modality == "CT"
    assert annotation.elements()[0].value == [36]


@pytest.mark.parametrize("signature", [sequence(0xFFFAFFFA, item()), sequence(0x4FFE0001, item())])
def test_a_signed_object_is_passed_on_as_it_is(annotator: Annotator, signature: bytes) -> None:
    stream = CREATOR + un(0x00191001, b"\x24\0") + signature
    out, annotation = annotate(annotator, stream)
    assert out == stream
    (record,) = annotation.elements()
    assert record.status == "refused"
    assert "signature" in record.reason


def big(tag: int, vr: str, value: bytes) -> bytes:
    """One element in explicit VR big endian; the value is written as it is."""
    head = struct.pack(">HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("UN", "SQ", "OB", "OW"):
        return head + struct.pack(">HI", 0, len(value)) + value
    return head + struct.pack(">H", len(value)) + value


def test_in_big_endian_a_un_value_is_little_endian_and_turns(annotator: Annotator) -> None:
    creator = big(0x00190010, "LO", b"ATLAS TEST")
    value = struct.pack("<3d", 1.5, 2.5, 3.5)
    stream = creator + big(0x00191001, "UN", b"\x24\0") + big(0x00191003, "UN", b"text")
    stream += big(0x00191006, "UN", value) + big(0x00191099, "UN", b"\x24\0")
    out, annotation = annotate(annotator, stream, syntax=EXPLICIT_VR_BIG_ENDIAN)
    assert out == (
        creator
        + big(0x00191001, "US", b"\0\x24")
        + big(0x00191003, "LO", b"text")
        + big(0x00191006, "FD", struct.pack(">3d", 1.5, 2.5, 3.5))
        + big(0x00191099, "UN", b"\x24\0")
    )
    assert [e.value for e in annotation.elements()][:3] == [[36], ["text"], [1.5, 2.5, 3.5]]
    again, _ = annotate(annotator, out, syntax=EXPLICIT_VR_BIG_ENDIAN)
    assert again == out


def test_in_big_endian_a_value_that_had_its_vr_is_reported_right(annotator: Annotator) -> None:
    stream = big(0x00190010, "LO", b"ATLAS TEST") + big(0x00191001, "US", b"\0\x24")
    _, annotation = annotate(annotator, stream, syntax=EXPLICIT_VR_BIG_ENDIAN)
    assert annotation.elements()[0].value == [36]


def test_in_big_endian_an_unknown_sequence_is_re_encoded(annotator: Annotator) -> None:
    creator = big(0x00190010, "LO", b"ATLAS TEST")
    content = item(
        implicit(0x00280010, b"\x40\0"),
        implicit(0x00190010, b"ATLAS TEST"),
        implicit(0x00191001, b"\x24\0"),
    )
    out, _ = annotate(annotator, creator, big(0x00191005, "UN", content),
                      syntax=EXPLICIT_VR_BIG_ENDIAN)  # fmt: skip
    inner = big(0x00280010, "US", b"\0\x40")
    # The elements of the item stay in the order in which they came.
    inner += creator + big(0x00191001, "US", b"\0\x24")
    framed = struct.pack(">HHI", 0xFFFE, 0xE000, len(inner)) + inner
    assert out == creator + big(0x00191005, "SQ", framed)


def deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def test_a_deflated_object_is_inflated_annotated_and_deflated(annotator: Annotator) -> None:
    stream = CREATOR + un(0x00191001, b"\x24\0") + PIXELS
    out, annotation = annotate(
        annotator, deflate(stream), syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    )
    assert annotation.changed
    assert len(out) % 2 == 0
    assert zlib.decompressobj(-15).decompress(out) == (
        CREATOR + element(0x00191001, "US", b"\x24\0") + PIXELS
    )


@pytest.mark.parametrize("damage", [slice(None, -4), slice(1, None)])
def test_a_deflated_object_that_cannot_be_inflated_comes_back(
    annotator: Annotator, damage: slice
) -> None:
    data = deflate(CREATOR + un(0x00191001, b"\x24\0") + PIXELS)[damage]
    out, annotation = annotate(annotator, data, syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    assert out == data
    assert annotation.error is not None


def test_a_deflated_object_without_unknown_elements_comes_back_as_it_was(
    annotator: Annotator,
) -> None:
    data = deflate(MODALITY) + b"\0"
    out, annotation = annotate(annotator, data, syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    assert out == data
    assert annotation.identity.modality == "MR"


def test_of_a_deflated_object_is_said_what_is_said_of_the_object(annotator: Annotator) -> None:
    stream = MODALITY + CREATOR + un(0x00191001, b"\x24\0") + un(0x00191099, b"?") + PIXELS
    _, expected = annotate(annotator, stream)
    _, annotation = annotate(annotator, deflate(stream), syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    assert annotation.identity == expected.identity
    assert annotation.counts == expected.counts
    assert annotation.facts() == expected.facts()
    assert annotation.elements() == expected.elements()


def test_inflated_objects_are_in_memory_one_at_a_time(annotator: Annotator) -> None:
    size = 8 << 20
    stream = CREATOR + un(0x00191001, b"\x24\0") + element(0x7FE00010, "OW", bytes(size))
    data = deflate(stream)
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(4) as threads:
            annotations = list(
                threads.map(
                    lambda _: annotate(annotator, data, syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
                    range(8),
                )
            )
            facts = list(threads.map(lambda it: it[1].facts(), annotations))
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(it) for it in facts] == [1] * 8
    assert size < peak < 2 * size
    assert left < size / 4


def test_what_stands_for_too_much_goes_on_as_it_came_and_is_known_all_the_same(
    annotator: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_node.annotate.engine.inflated", partial(inflated, longest=1000))
    data = deflate(MODALITY + CREATOR + un(0x00191001, b"\x24\0") + bytes(2000))
    out, annotation = annotate(annotator, data, syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    assert out == data
    assert "longer than 1000 bytes" in (annotation.error or "")
    assert annotation.identity.modality == "MR"


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"\x08\x00\x60", "3 bytes are no data element at offset 0"),
        (element(0x00080060, "CS", b"MR", 200), r"\(0008,0060\) says 200 bytes, 2 are left"),
        (element(0x00191001, "UN", b"MR", 200), r"\(0019,1001\) says 200 bytes, 2 are left"),
        (implicit(0x00080060, b"MR"), r"\(0008,0060\) has no VR"),
        (b"\x19\x00\x01\x10UN\0\0", "is cut short"),
        (ITEM_END, r"found \(fffe,e00d\)"),
        (element(0x00081140, "SQ", b"\0" * 8), r"expected an item of \(0008,1140\)"),
        (element(0x00081140, "SQ", b"", UNDEFINED), r"\(0008,1140\) has no delimitation"),
        (element(0x7FE00010, "OB", b"", UNDEFINED), r"\(7fe0,0010\) has no delimitation"),
        (element(0x00090010, "UC", b"", UNDEFINED), r"\(0009,0010\) says"),
        (element(0x00080119, "UC", b"", UNDEFINED), "cannot have an undefined length"),
    ],
)
def test_a_lying_or_broken_stream_comes_back_unchanged_with_the_place(
    annotator: Annotator, stream: bytes, error: str
) -> None:
    out, annotation = annotate(annotator, stream)
    assert out == stream
    with pytest.raises(AssertionError, match=error):
        raise AssertionError(annotation.error)


def test_nesting_has_a_limit(annotator: Annotator) -> None:
    stream = MODALITY
    for _ in range(200):
        stream = sequence(0x00081140, item(stream))
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert "nested deeper" in (annotation.error or "")


def test_nested_unknown_sequences_have_a_limit_too(annotator: Annotator) -> None:
    content = b""
    for _ in range(400):
        content = item(implicit(0x00191005, content))
    out, annotation = annotate(annotator, CREATOR + un(0x00191005, content))
    assert annotation.error is None
    assert annotate(annotator, out)[0] == out
    innermost = annotation.elements()[-1]
    assert innermost.status == "refused"
    assert "nested deeper" in innermost.reason


OFFSETS = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 0x99])
VALUES = st.one_of(
    st.binary(max_size=24), st.text("0123456789. \\", max_size=20).map(lambda t: t.encode())
).map(lambda value: value + b" " * (len(value) % 2))


def streams(depth: int) -> st.SearchStrategy[bytes]:
    private = st.builds(lambda o, v: un(0x00191000 + o, v), OFFSETS, VALUES)
    if depth:
        nested = st.builds(
            lambda make, items, it: make(0x00081140, *(it(CREATOR, i) for i in items)),
            st.sampled_from([sequence, open_sequence]),
            st.lists(streams(depth - 1), max_size=2),
            st.sampled_from([item, open_item]),
        )
        private = st.one_of(private, nested)
    return st.lists(private, max_size=4).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(body=streams(2))
def test_annotating_twice_is_annotating_once(annotator: Annotator, body: bytes) -> None:
    stream = CREATOR + body + PIXELS
    once, annotation = annotate(annotator, stream)
    assert annotation.error is None
    twice, again = annotate(annotator, once)
    assert twice == once
    assert again.counts["already"] == annotation.counts["decoded"]


@settings(max_examples=300, deadline=None)
@given(
    junk=st.binary(max_size=300),
    syntax=st.sampled_from([EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, JPEG]),
)
def test_any_bytes_come_back(annotator: Annotator, junk: bytes, syntax: str) -> None:
    out, annotation = annotate(annotator, CREATOR + junk, syntax=syntax)
    annotation.elements()
    assert annotation.changed or out == CREATOR + junk


@settings(max_examples=300, deadline=None)
@given(body=streams(2), cut=st.integers(min_value=0, max_value=400), flip=st.integers(0, 255))
def test_damaged_streams_come_back(annotator: Annotator, body: bytes, cut: int, flip: int) -> None:
    stream = bytearray(CREATOR + body)
    stream[cut % len(stream)] ^= flip
    for data in (bytes(stream), bytes(stream[:cut])):
        out, annotation = annotate(annotator, data)
        annotation.elements()
        if annotation.error:
            assert out == data
