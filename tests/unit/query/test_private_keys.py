"""Private keys of a request: what the caller wrote, and what the upstream is asked."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from atlas_dictionary import open_layers
from atlas_node.dimse.relay.identifier import decode_identifier, encode_identifier
from atlas_node.encoding.vr import LONG_FORM
from atlas_node.query import (
    IndexedKey,
    Level,
    PrivateAttributes,
    encode_values,
    parse_key,
    resolve,
)
from atlas_node.query.character_sets import encodings_of
from atlas_node.query.matching import SEARCHABLE
from atlas_node.query.private_keys import is_searchable
from tests.scanner import EXPLICIT

MR_HEADER = "SIEMENS MR HEADER"
EOS = "Biospace Med : EOS Tag"
"""The only creator of an element xx10 in group 0863."""


@pytest.fixture(scope="module")
def attributes():
    return PrivateAttributes(open_layers((), {}))


def on_the_wire(ds, implicit=False):
    """Return `ds` as an SCP gets it: encoded and read back."""
    from pydicom.filebase import DicomBytesIO

    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, ds)
    return read_dataset(BytesIO(buffer.getvalue()), implicit, True)


def request(element, vr, value, creator=MR_HEADER, group=0x0019):
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    if creator:
        ds.add_new((group, 0x0010), "LO", creator)
    ds.add_new((group, 0x1000 | element), vr, value)
    return ds


def test_a_key_gets_the_vr_of_the_dictionary(attributes):
    ds = on_the_wire(request(0x0C, "UN", b"1000"))
    completed, (key,) = resolve(ds, attributes)
    assert (key.creator, key.key, key.vr, key.values) == (MR_HEADER, "(0019,xx0c)", "IS", ("1000",))
    assert completed[0x0019, 0x100C].VR == "IS"
    assert completed[0x0019, 0x100C].value == 1000


def test_a_key_in_implicit_vr_gets_it_too(attributes):
    ds = on_the_wire(request(0x0C, "UN", b"1000"), implicit=True)
    _, (key,) = resolve(ds, attributes)
    assert (key.vr, key.values) == ("IS", ("1000",))


def test_a_missing_creator_is_added_where_only_one_can_be_meant(attributes):
    ds = on_the_wire(request(0x10, "UN", b"", creator="", group=0x0863))
    completed, (key,) = resolve(ds, attributes)
    assert key.creator == EOS
    assert completed[0x0863, 0x0010].value == EOS
    assert completed[0x0863, 0x1010].VR == key.vr == "SL"


def test_a_missing_creator_that_may_be_several_stays_missing(attributes):
    assert attributes.only_creator(0x0019, 0x0C) == ""
    ds = on_the_wire(request(0x0C, "UN", b"1000", creator=""))
    completed, (key,) = resolve(ds, attributes)
    assert (key.creator, key.vr, key.values) == ("", "UN", ())
    assert (0x0019, 0x0010) not in completed
    assert completed[0x0019, 0x100C].value == b"1000"


def test_a_key_in_an_item_is_completed_too(attributes):
    ds = Dataset()
    ds.ScheduledProcedureStepSequence = [request(0x10, "UN", b"", creator="", group=0x0863)]
    completed, (key,) = resolve(ds, attributes)
    [item] = completed.ScheduledProcedureStepSequence
    assert (key.creator, key.vr, key.in_item) == (EOS, "SL", True)
    assert item[0x0863, 0x0010].value == EOS
    assert item[0x0863, 0x1010].VR == "SL"
    [before] = ds.ScheduledProcedureStepSequence
    assert (0x0863, 0x0010) not in before, "the request is not changed"


def test_an_unknown_creator_leaves_the_key_as_it_came(attributes):
    ds = on_the_wire(request(0x0C, "UN", b"1000", creator="NOBODY KNOWS"))
    completed, (key,) = resolve(ds, attributes)
    assert key.vr == "UN"
    assert completed[0x0019, 0x100C].value == b"1000"


def test_the_vr_that_the_caller_states_is_kept(attributes):
    ds = on_the_wire(request(0x0C, "DS", "1000"))
    completed, (key,) = resolve(ds, attributes)
    assert key.vr == "DS"
    assert completed[0x0019, 0x100C].VR == "DS"


@pytest.mark.parametrize(
    ("value", "values", "sent"),
    [
        (struct.pack("<H", 36), (36,), 36),
        # Either may be meant: the upstream is asked for neither.
        (b"36", ("36", 13875), None),
        (b"4 ", ("4", 0x2034), None),
        (b"7-", ("7-", 0x2D37), None),
        # Only one of them can be.
        (b"--", (0x2D2D,), 0x2D2D),
        (b"AB", (0x4241,), 0x4241),
        (b"360 ", ("360",), 360),
        (b"30-40 ", ("30-40",), None),
        (b"", (), None),
        (b"many", (), None),
    ],
)
def test_a_binary_key_may_be_written_as_text(attributes, value, values, sent):
    ds = on_the_wire(request(0x0A, "UN", value))
    completed, (key,) = resolve(ds, attributes)
    assert (key.vr, key.values) == ("US", values)
    assert key.encodable is (sent is not None or not value)
    assert key.understood is (value != b"many")
    assert completed[0x0019, 0x100A].value == sent


def test_public_keys_stay_as_they_are(attributes):
    ds = request(0x0C, "UN", b"")
    ds.PatientName = "Doe*"
    ds.StudyDate = "20240101-"
    completed, _ = resolve(on_the_wire(ds), attributes)
    assert completed.PatientName == "Doe*"
    assert completed.StudyDate == "20240101-"


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=5))
def test_numbers_come_back_from_their_encoding(numbers):
    encoded = encode_values("US", numbers)
    assert encoded is not None
    assert list(struct.unpack(f"<{len(numbers)}H", encoded)) == numbers
    assert encode_values("US", [str(it) for it in numbers]) == encoded


@pytest.mark.parametrize("value", ["30-40", "x", "70000", ""])
def test_what_is_no_number_of_the_vr_is_not_encoded(value):
    assert encode_values("US", [value]) is None


def test_a_key_of_the_index_has_its_vr_whatever_the_caller_states(attributes):
    indexed = [IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)]
    _, (key,) = resolve(on_the_wire(request(0x0C, "LO", "900-1100")), attributes, indexed)
    assert (key.vr, key.values) == ("IS", ("900-1100",))
    completed, (key,) = resolve(on_the_wire(request(0x0C, "US", 1000)), attributes, indexed)
    assert (key.vr, key.values) == ("IS", (1000,))
    assert completed[0x0019, 0x100C].VR == "IS"


def test_a_missing_creator_comes_from_the_index_where_one_key_is_at_its_place(attributes):
    indexed = [IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)]
    ds = on_the_wire(request(0x0C, "UN", b"1000", creator=""))
    completed, (key,) = resolve(ds, attributes, indexed)
    assert (key.creator, key.vr, key.values) == (MR_HEADER, "IS", ("1000",))
    assert completed[0x0019, 0x0010].value == MR_HEADER
    two = [*indexed, IndexedKey("GEMS_ACQU_01", "(0019,xx0c)", Level.IMAGE)]
    _, (key,) = resolve(ds, attributes, two)
    assert key.creator == ""


def test_keys_of_two_missing_creators_get_a_block_each(attributes):
    indexed = [
        IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE),
        IndexedKey("GEMS_ACQU_01", "(0019,xx9c)", Level.IMAGE),
    ]
    ds = on_the_wire(request(0x0C, "UN", b"1000", creator=""))
    ds.add_new(0x0019109C, "UN", b"efgre3d ")
    completed, keys = resolve(ds, attributes, indexed)
    for key in keys:
        creator_tag = key.tag & 0xFFFF0000 | key.tag >> 8 & 0xFF
        assert completed[creator_tag].value == key.creator
        assert key.tag in completed
    assert {key.creator for key in keys} == {MR_HEADER, "GEMS_ACQU_01"}
    assert len(completed) == len(ds) + 2


def test_a_key_without_any_creator_does_not_come_under_that_of_another(attributes):
    indexed = [IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)]
    ds = on_the_wire(request(0x0C, "UN", b"1000", creator=""))
    ds.add_new(0x001910F7, "UN", b"what")
    completed, keys = resolve(ds, attributes, indexed)
    unknown = next(key for key in keys if not key.creator)
    assert unknown.tag == 0x001910F7
    assert (0x0019, 0x0010) not in completed
    assert completed[0x0019, 0x0011].value == MR_HEADER
    assert completed[0x0019, 0x110C].value == 1000


LISTS = {
    "AE": ("PACS1", "PACS2"), "AS": ("012Y", "013M"), "CS": ("A", "B_1"),
    "DA": ("20200101", "20200102-20200105"), "DS": ("1.50", "2e3", "5-6"),
    "DT": ("2020", "20200101-20200301"), "FD": (0.1, -2.0), "FL": (0.5, -2.0),
    "IS": ("01", "2-3"), "LO": ("alpha", "be*"), "PN": ("Doe^J*", "Roe^K"),
    "SH": ("a", "K\u00f6ln"), "SL": (-1, 2**31 - 1), "SS": (-1, 2), "SV": (-(2**63), 2**53 + 1),
    "TM": ("10", "1030-11"), "UC": ("a", "b c"), "UI": ("1.2.3", "1.2.4"), "UL": (1, 2**32 - 1),
    "US": (36, 13875), "UV": (2**64 - 1, 2**53 + 1),
    "LT": ("a\\b",), "ST": ("a\\b",), "UR": ("urn:x",), "UT": ("a\\b",),
}  # fmt: skip


@pytest.mark.parametrize("vr", sorted(SEARCHABLE))
def test_a_list_of_a_caller_that_states_its_vr_stays_one(attributes, vr):
    asked = LISTS[vr]
    value = encode_values(vr, asked, ["latin-1"])
    length = (
        struct.pack("<HI", 0, len(value))
        if vr.encode() in LONG_FORM
        else struct.pack("<H", len(value))
    )
    charset = b"\x08\0\x05\0CS\x0a\0ISO_IR 100"
    creator = b"\x19\0\x10\0LO\x0c\0NOBODY KNOWS"
    element = b"\x19\0\x0c\x10" + vr.encode() + length + value
    ds = decode_identifier(charset + creator + element, EXPLICIT)
    completed, (key,) = resolve(ds, attributes)
    assert (key.vr, key.values) == (vr, asked)
    assert parse_key(vr, key.values).matches([asked[0]])
    # What goes to an upstream is what came.
    assert encode_identifier(completed, EXPLICIT).endswith(element)


@pytest.mark.parametrize(
    ("text", "character_set", "encoded"),
    [
        ("Köln", "ISO_IR 100", b"K\xf6ln"),
        ("Köln", "ISO_IR 192", b"K\xc3\xb6ln "),
        ("Köln", None, None),
        ("Köln", "ISO_IR 6", None),
        ("Köln", "ISO_IR 144", None),
        ("Köln", ["", "ISO 2022 IR 100"], b"\x1b-AK\xf6ln "),
        ("山田", ["", "ISO 2022 IR 87"], b"\x1b$B;3ED\x1b(B"),
        ("MR 山田 1", ["", "ISO 2022 IR 87"], b"MR \x1b$B;3ED\x1b(B 1 "),
        ("山田", ["ISO 2022 IR 13", "ISO 2022 IR 87"], b"\x1b$B;3ED\x1b(B"),
        # Its codec has kanji, the set has none.
        ("山田", "ISO_IR 13", None),
        ("ﾔﾏ", "ISO_IR 13", b"\xd4\xcf"),
        ("王 A", ["", "ISO 2022 IR 58"], b"\x1b$)A\xcd\xf5 A"),
        ("김^희", ["", "ISO 2022 IR 149"], b"\x1b$)C\xb1\xe8^\x1b$)C\xc8\xf1 "),
        ("Koeln", "no such set", b"Koeln "),
    ],
)
def test_text_is_encoded_in_the_character_set_or_not_at_all(text, character_set, encoded):
    assert encode_values("LO", [text], encodings_of(character_set)) == encoded


@pytest.mark.parametrize(
    ("character_set", "text"),
    [
        ("\\ISO 2022 IR 58", "王 A"),
        ("\\ISO 2022 IR 87", "MR 山田"),
        ("\\ISO 2022 IR 149", "김^희"),
        ("GB18030", "王"),
    ],
)
def test_a_key_is_read_in_the_character_set_of_the_request(attributes, character_set, text):
    ds = Dataset()
    ds.SpecificCharacterSet = character_set.split("\\")
    ds.add_new(0x00190010, "LO", "NOBODY KNOWS")
    encodings = encodings_of(character_set.split("\\"))
    ds.add_new(0x0019100C, "LO", encode_values("LO", [text], encodings))
    _, (key,) = resolve(on_the_wire(ds), attributes)
    assert key.values == (text,)


@pytest.mark.parametrize("vr", ["AT", "OB", "OW", "SQ", "UN"])
def test_what_is_neither_text_nor_a_number_is_not_encoded(vr):
    assert encode_values(vr, ["(0010,0010)"]) is None
    assert not is_searchable(vr)
