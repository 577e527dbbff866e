"""Attribute matching of PS3.4 C.2.2.2, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.query import QueryKeyError, parse_key


def matches(vr, key, *values):
    return parse_key(vr, [key]).matches(values)


@pytest.mark.parametrize("vr", ["LO", "IS", "US", "DA", "UI", "PN"])
def test_an_empty_key_matches_everything_even_nothing(vr):
    condition = parse_key(vr, [])
    assert condition.universal
    assert condition.matches([])
    assert parse_key(vr, [""]).universal


@pytest.mark.parametrize("vr", ["LO", "SH", "DA", "TM", "DT", "IS", "DS"])
@pytest.mark.parametrize("key", [["*"], ["**"], ["* "], ["1", "*"]])
def test_only_stars_are_universal_matching(vr, key):
    assert parse_key(vr, key).universal
    assert parse_key(vr, key).matches([])


@pytest.mark.parametrize("vr", ["LO", "UI", "DA", "DT", "IS"])
def test_two_quotation_marks_ask_for_what_has_no_value(vr):
    condition = parse_key(vr, ['""'])
    assert condition.matches([])
    assert condition.matches([""])
    assert not condition.matches(["20240101"])


def test_what_has_no_value_may_be_one_of_a_list():
    condition = parse_key("IS", ['""', "5-6"])
    assert condition.matches([])
    assert condition.matches(["5"])
    assert not condition.matches(["7"])


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("LO", "ep_b1000", "ep_b1000", True),
        ("LO", "ep_b1000", "ep_b1000 ", True),
        ("LO", "ep_b1000", "EP_B1000", False),
        ("PN", "Doe^Jane", "DOE^JANE", True),
        ("LO", "ep_b*", "ep_b1000#1", True),
        ("LO", "ep_b????", "ep_b1000", True),
        ("LO", "ep_b????", "ep_b100", False),
        ("LO", "a[b]*", "a[b]c", True),
        ("LO", "a[b]*", "abc", False),
        ("DS", "1*", "1000", None),
        ("IS", "1000", "1000.0", True),
        ("IS", "1000", "+1000", True),
        ("DS", "0.5", ".50", True),
        ("US", 36, "36", True),
        ("US", 36, 37, False),
        ("DS", "500-1500", "1000", True),
        ("DS", "500-1500", "1500", True),
        ("DS", "500-1500", "1500.1", False),
        ("DS", "-5--1", "-3", True),
        ("DS", "500-", "499", False),
        ("DS", "500-", "1e6", True),
        ("IS", "-5", "-5", True),
        ("IS", "-5", "-6", False),
        ("IS", "1000", "not a number", False),
        ("DA", "20240131", "20240131", True),
        ("DA", "20240101-20240131", "20240131", True),
        ("DA", "20240101-20240131", "20240201", False),
        ("DA", "-20240131", "19700101", True),
        ("DA", "20240101-", "20231231", False),
        ("TM", "10-11", "1059", True),
        ("TM", "10-11", "1159", True),
        ("TM", "10-11", "1200", False),
        ("TM", "1030", "103015.5", True),
        ("DT", "2024", "20240506101112", True),
        ("DT", "2024-2025", "2026", False),
        ("DT", "202401011200-0500-202401011300-0500", "202401011230", True),
        ("UI", "1.2.3", "1.2.3\0", True),
    ],
)  # fmt: skip
def test_one_key_one_value(vr, key, value, expected):
    if expected is None:
        with pytest.raises(QueryKeyError):
            parse_key(vr, [key])
    else:
        assert matches(vr, key, value) is expected


def test_of_a_list_one_is_enough():
    condition = parse_key("UI", ["1.2.3", "1.2.4"])
    assert condition.matches(["1.2.4"])
    assert not condition.matches(["1.2.5"])


def test_of_several_values_one_is_enough():
    assert matches("DS", "1000", "0", "1000")


@pytest.mark.parametrize(
    ("vr", "key"), [("DA", "yesterday"), ("DA", "-"), ("TM", "25h"), ("IS", "many"), ("US", "-")]
)
def test_a_key_that_is_no_value_of_its_vr_is_refused(vr, key):
    with pytest.raises(QueryKeyError, match=f"VR {vr}"):
        parse_key(vr, [key])


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_matches_itself_however_it_is_written(found):
    assert matches("DS", repr(found), found)
    assert matches("FD", found, f"{found:.17e}")


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_a_range_of_numbers_holds_what_lies_between(low, high, value):
    assert matches("SL", f"{low} - {high}", value) is (low <= value <= high)


@given(st.text(st.characters(codec="ascii", exclude_characters="*?\\"), min_size=1))
def test_text_without_wildcards_matches_itself(text):
    if text.strip("\0 "):
        assert matches("LO", text, text)
