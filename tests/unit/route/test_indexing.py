"""What of an annotated object goes into the index of private attributes."""

from __future__ import annotations

import struct

import pytest

from atlas_node.annotate import Annotator
from atlas_node.config import IndexKey
from atlas_node.model import Identity, Policy
from atlas_node.query import AttributeIndex, IndexedKey, Level, parse_key
from atlas_node.query.telling import Told
from atlas_node.route.indexing import Indexer, indexed_keys
from tests.streams import element, text

MOSAIC = IndexedKey("SIEMENS MR HEADER", "(0019,xx0a)", Level.IMAGE)
UIDS = Identity(study_instance_uid="1.1", series_instance_uid="1.1.1", sop_instance_uid="1.1.1.1")


@pytest.fixture
def indexer(tmp_path):
    opened = Indexer(AttributeIndex(f"sqlite:///{tmp_path / 'log.db'}"), [MOSAIC])
    yield opened
    opened.close()


def facts(annotator: Annotator, data: bytes) -> list:
    return list(annotator.annotate(data, "1.2.840.10008.1.2.1", Policy.OBSERVE).facts())


def private_block(value: bytes, creator: str = "SIEMENS MR HEADER", vr: str = "UN") -> bytes:
    return element(0x00190010, "LO", text(creator)) + element(0x0019100A, vr, value)


def item_of(body: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body


def test_keys_come_from_the_configuration():
    configured = [IndexKey(creator="SIEMENS MR HEADER ", group="0019", element="0A")]
    assert indexed_keys(configured) == [MOSAIC]


def test_the_value_of_an_indexed_element_is_found(indexer, annotator):
    found = indexer.indexed(UIDS, facts(annotator, private_block(b"\x24\x00")))
    assert found.uids == ("1.1", "1.1.1", "1.1.1.1")
    assert found.values == {MOSAIC: ("US", [36])}


def test_an_element_that_had_its_vr_counts_too(indexer, annotator):
    found = indexer.indexed(UIDS, facts(annotator, private_block(b"\x24\x00", vr="US")))
    assert found.values == {MOSAIC: ("US", [36])}


def test_values_in_items_are_collected_each_once(indexer, annotator):
    values = (b"\x24\x00", b"\x25\x00", b"\x24\x00")
    items = b"".join(item_of(private_block(value)) for value in values)
    found = indexer.indexed(UIDS, facts(annotator, element(0x52009230, "SQ", items)))
    assert found.values == {MOSAIC: ("US", [36, 37])}


@pytest.mark.parametrize(
    "data",
    [
        private_block(b"\x24\x00", creator="SOMEBODY ELSE"),
        private_block(b""),
        element(0x00080060, "CS", b"MR"),
    ],
    ids=["another creator", "an empty value", "no private element"],
)
def test_nothing_is_invented(indexer, annotator, data):
    assert indexer.indexed(UIDS, facts(annotator, data)).values == {}


def test_an_object_without_an_identity_cannot_be_found_again(indexer, annotator):
    assert indexer.record([(Identity(), facts(annotator, private_block(b"\x24\x00")))]) == 0
    assert not indexer.index.knows(MOSAIC)


def test_a_multi_valued_attribute_keeps_its_order_and_repeats(indexer, annotator):
    data = element(0x00190010, "LO", text("SIEMENS MR HEADER"))
    data += element(0x0019100A, "IS", b"1000000800\\8\\0\\0 ")
    indexer.record([(UIDS, facts(annotator, data))])
    found = indexer.index.values([MOSAIC], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.1"])
    assert found == {MOSAIC: Told("IS", ["1000000800", "8", "0", "0"])}


@pytest.mark.parametrize(
    ("vr", "encoded", "values"),
    [
        ("FD", struct.pack("<100d", *range(100)), [float(it) for it in range(100)]),
        ("LT", b"x" * 300 + b" needle ", ["x" * 300 + " needle"]),
        ("DS", b"1.50\\1.5 ", ["1.50", "1.5"]),
    ],
)
def test_a_value_is_indexed_whole_and_as_it_is_written(indexer, annotator, vr, encoded, values):
    found = indexer.indexed(UIDS, facts(annotator, private_block(encoded, vr=vr)))
    assert found.values == {MOSAIC: (vr, values)}


def test_of_a_value_too_long_for_the_index_only_that_is_known(indexer, annotator):
    long = private_block(b"x" * 10_000, vr="UT")
    indexer.record([(UIDS, facts(annotator, long))])
    found = indexer.index.values([MOSAIC], Level.STUDY, ["1.1"])
    assert found == {MOSAIC: Told("", [], is_whole=False)}
    assert indexer.index.entities(MOSAIC, parse_key("LO", ["xx*"]), Level.STUDY, 10) == {"1.1"}
    assert indexer.index.not_kept(MOSAIC) == 1


@pytest.mark.parametrize(
    "data",
    [
        private_block(b"\x24\x00\x00\x00"),
        private_block(b"\x24\x00\x00\x00", vr="OB"),
        private_block(b"\x24\x00\x00\x00", vr="AT"),
        private_block(b"\x24\x00") + element(0x00190011, "LO", text("SIEMENS MR HEADER"))
        + element(0x0019110A, "UN", b"7,5 "),
    ],
    ids=["a misfit", "a VR that cannot be searched", "another", "one of two is a misfit"],
)  # fmt: skip
def test_of_a_value_that_cannot_be_read_only_that_is_known(indexer, annotator, data):
    assert indexer.record([(UIDS, facts(annotator, data))]) == 1
    found = indexer.index.values([MOSAIC], Level.STUDY, ["1.1"])
    assert found == {MOSAIC: Told("", [], is_whole=False)}
    assert indexer.index.entities(MOSAIC, parse_key("US", [1]), Level.STUDY, 10) == {"1.1"}


def test_of_an_object_that_could_not_be_annotated_only_that_is_known(indexer):
    indexer.record([(UIDS, None)])
    found = indexer.index.values([MOSAIC], Level.STUDY, ["1.1"])
    assert found == {MOSAIC: Told("", [], is_whole=False)}


def test_an_attribute_in_two_vrs_keeps_both(indexer, annotator):
    reserved = element(0x00190010, "LO", text("SIEMENS MR HEADER"))
    items = b"".join(
        item_of(reserved + element(0x0019100A, vr, value))
        for vr, value in (("US", b"\x24\x00"), ("LT", b"a\\b "), ("US", b"\x25\x00"))
    )
    indexer.record([(UIDS, facts(annotator, element(0x52009230, "SQ", items)))])
    found = indexer.index.values([MOSAIC], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.1"])
    assert found == {MOSAIC: Told("", ["36", "37", "a\\b"], vrs=("US", "US", "LT"))}


def test_an_object_stored_again_without_the_attribute_is_not_found_by_it(indexer, annotator):
    indexer.record([(UIDS, facts(annotator, private_block(b"\x24\x00")))])
    indexer.record([(UIDS, facts(annotator, element(0x00080060, "CS", b"MR")))])
    assert indexer.index.entities(MOSAIC, parse_key("US", [36]), Level.STUDY, 10) == set()


def test_what_is_recorded_can_be_asked_for(indexer, annotator):
    assert indexer.record([(UIDS, facts(annotator, private_block(b"\x24\x00")))]) == 1
    assert indexer.index.entities(MOSAIC, parse_key("US", [36]), Level.STUDY, 10) == {"1.1"}
