"""In which VR and order values of the index are told: never a wrong value, never a wrong VR."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.query.numeric import NUMERIC
from atlas_node.query.private_keys import encode_values
from atlas_node.query.telling import Row, Told, exact_number, in_one_element, told

FORMAT = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}


def rows(*values: tuple[str, str]) -> list[Row]:
    def number(vr: str, text: str) -> float | None:
        found = exact_number(vr, text) if vr in NUMERIC else None
        return None if found is None else float(found)

    return [Row(1, vr, text, number(vr, text)) for vr, text in values]


def answered(*values: tuple[str, str], asked: str = "") -> tuple[str, list[str], bool]:
    its = told(rows(*values), in_order=False)
    vr, texts, is_whole, _ = in_one_element(its, lambda value: value == asked)
    return vr, texts, is_whole


@pytest.mark.parametrize(
    ("values", "vr", "texts"),
    [
        ([("IS", "1000"), ("DS", "500")], "DS", ["500", "1000"]),
        ([("DS", "0.5"), ("FD", "0.25")], "DS", ["0.25", "0.5"]),
        ([("FL", "1.5"), ("UL", "16777217")], "FD", ["1.5", "16777217.0"]),
        ([("FL", "0.1"), ("FD", "0.5")], "FD", ["0.10000000149011612", "0.5"]),
        ([("IS", "5"), ("UL", "4294967295")], "UL", ["5", "4294967295"]),
        ([("IS", "-5"), ("UL", "4294967295")], "FD", ["-5.0", "4294967295.0"]),
        ([("US", "65535"), ("SS", "-1")], "FD", ["-1.0", "65535.0"]),
        ([("SV", "1"), ("UV", "18446744073709551615")], "UV", ["1", "18446744073709551615"]),
        ([("FL", "1.5"), ("DS", "1.50")], "DS", ["1.5"]),
        ([("FD", "nan"), ("US", "1")], "FD", ["1.0", "nan"]),
        ([("CS", "A"), ("SH", "b"), ("SH", "A")], "LO", ["A", "b"]),
        ([("SH", "a"), ("UC", "b" * 65)], "UC", ["a", "b" * 65]),
        ([("IS", "7"), ("LO", "seven")], "LO", ["7", "seven"]),
    ],
)
def test_values_of_several_vrs_are_told_in_one_that_has_all_exactly(values, vr, texts):
    assert answered(*values) == (vr, texts, True)


@pytest.mark.parametrize(
    ("values", "asked", "vr", "texts"),
    [
        ([("DS", "0.1"), ("FD", "0.3"), ("FD", "0.2")], "", "FD", ["0.2", "0.3"]),
        ([("DS", "0.1"), ("FD", "0.3"), ("FD", "0.2")], "0.1", "DS", ["0.1"]),
        ([("FL", "1.5"), ("SV", "9007199254740993")], "1.5", "FL", ["1.5"]),
        ([("FD", "0.5"), ("LO", "half")], "half", "LO", ["half"]),
        ([("LT", "line\\two\r\nx"), ("LO", "a"), ("LO", "b")], "", "LO", ["a", "b"]),
        ([("LT", "line\\two\r\nx"), ("LO", "a")], "line\\two\r\nx", "LT", ["line\\two\r\nx"]),
        ([("LT", "one"), ("LT", "two")], "two", "LT", ["two"]),
        ([("UR", "urn:a"), ("UR", "urn:b")], "", "UR", ["urn:a"]),
        ([("ST", "b"), ("UT", "a"), ("ST", "c")], "", "ST", ["b"]),
    ],
)
def test_where_no_vr_has_all_of_them_some_are_told_and_that_is_said(values, asked, vr, texts):
    assert answered(*values, asked=asked) == (vr, texts, False)


@pytest.mark.parametrize(
    ("vr", "values"),
    [
        ("UV", ["18446744073709551614", "18446744073709551615"]),
        ("SV", ["-9007199254740993", "-9007199254740992"]),
        ("DS", ["9007199254740992", "9007199254740993"]),
    ],
)
def test_integers_that_are_one_double_stay_apart_and_in_order(vr, values):
    assert answered(*((vr, it) for it in reversed(values))) == (vr, values, True)


def test_a_number_written_in_two_ways_is_told_once():
    assert answered(("DS", "1.50"), ("DS", "1.5"), ("DS", "x")) == ("DS", ["1.5", "x"], True)


def test_values_in_order_keep_their_repeats_but_not_those_of_another_vr():
    its = told(rows(("IS", "8"), ("IS", "0"), ("IS", "0"), ("US", "8")), in_order=True)
    assert in_one_element(its, bool) == Told("IS", ["8", "0", "0"])


def test_no_values_are_told_of_what_is_not_kept():
    its = told(rows(("", ""), ("IS", "1")), in_order=True)
    assert in_one_element(its, bool) == Told("IS", ["1"], is_whole=False)
    assert in_one_element(told([], in_order=True), bool) == Told("", [])


@pytest.mark.parametrize("text", ["1e99999999", "1e-99999999999999999999", "", "x", "NaN"])
def test_no_text_of_a_peer_is_too_large_a_number(text):
    number = exact_number("DS", text)
    assert number is None or number.is_finite()
    assert answered(("DS", text), ("US", "1"), asked=text)[1]


def of_range(vr: str, low: int, high: int) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(vr), st.integers(low, high).map(str))


NUMBERS = st.one_of(
    of_range("IS", -(2**31), 2**31 - 1),
    of_range("US", 0, 2**16 - 1),
    of_range("SL", -(2**31), 2**31 - 1),
    of_range("UV", 0, 2**64 - 1),
    of_range("SV", -(2**63), 2**63 - 1),
    st.tuples(st.just("FD"), st.floats(allow_nan=False, allow_infinity=False).map(str)),
    st.tuples(st.just("FL"), st.floats(-8, 8, width=32).map(str)),
    st.tuples(st.just("DS"), st.decimals(-99, 99, places=3).map(str)),
    st.tuples(st.sampled_from(["DS", "IS", "FD", "FL", "UV"]), st.sampled_from(["0", "1", "2"])),
)


@given(st.lists(NUMBERS, min_size=1, max_size=6), st.booleans())
def test_every_number_that_is_told_is_one_that_an_object_has(values, in_order):
    its = told(rows(*values), in_order=in_order)
    vr, texts, is_whole, _ = in_one_element(its, lambda value: False)
    encoded = encode_values(vr, texts)
    assert encoded is not None
    if vr in FORMAT:
        unit = struct.calcsize(FORMAT[vr])
        read = [Decimal(it) for (it,) in struct.iter_unpack(f"<{FORMAT[vr]}", encoded)]
        assert len(encoded) == unit * len(texts)
    else:
        read = [Decimal(it) for it in encoded.decode().split("\\")]
        assert all(len(it) <= (16 if vr == "DS" else 12) for it in texts)
    there = {exact_number(*value) for value in values}
    assert there.issuperset(read)
    if is_whole:
        assert there == set(read)
