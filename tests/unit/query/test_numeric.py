"""Numbers as they are compared, and where the database has them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlas_node.annotate.value import reported_value
from atlas_node.query import parse_key
from atlas_node.query.numeric import asked_ends, compared, number, place

BIG = 2**53
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


def is_found(vr, key, value):
    """Whether the database finds a value, and whether it is one that matches."""
    within = place(vr, *asked_ends(vr, key))
    column = number(value)
    return column is not None and within.low <= column <= within.high, within.enough


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


@given(SINGLES)
def test_a_single_is_found_by_its_bytes_and_by_its_text(found):
    [[kept], _] = reported_value("FL", memoryview(struct.pack("<f", found)), ())
    for key in (found, str(kept)):
        assert parse_key("FL", [key]).matches([str(kept)])
        assert is_found("FL", key, str(kept)) == (True, True)


@given(SINGLES, SINGLES, DOUBLES)
@example(single(0.1), single(0.2), 0.1)
@example(0.0, 0.0, 1e-46)
@example(1.0, 1.0, 1 + 2**-24)
@example(single(1 + 2**-23), single(1 + 2**-23), 1 + 2**-24)
@example(-struct.unpack("<f", b"\xff\xff\x7f\x7f")[0], 0.0, -3.4028235677973366e38)
def test_what_the_database_finds_of_singles_is_what_matches(one, other, value):
    low, high = sorted((one, other))
    within = place("FL", low, high)
    rounded = compared("FL", value)
    assert within.enough
    assert (within.low <= value <= within.high) is (low <= rounded <= high)


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("FL", single(0.1), "0.1", True),
        ("FL", "0.1-0.15", "0.1", True),
        ("FL", "0.05-0.1", "0.1", True),
        ("FL", single(0.1), "0.1000001", False),
        ("FL", 1e10, "1e39", False),
        ("FL", "1e39", "1e39", True),
        ("FL", "1e38-", "1e39", True),
        ("FD", 0.1, "0.1", True),
        ("FD", 0.1, "0.10000000149011612", False),
        ("UV", BIG, str(BIG), True),
        ("UV", BIG, str(BIG + 1), False),
        ("UV", BIG + 1, str(BIG), False),
        ("UV", str(2**64 - 1), str(2**64 - 2), False),
        ("UV", f"{BIG + 1}-", str(BIG), False),
        ("SV", f"-{2**63 - 1}--5", str(-(2**63)), False),
        ("SV", -(2**63), str(-(2**63)), True),
        ("UV", str(BIG + 1), "9007199254740993.0", False),
        ("DS", "9" * 31, "9" * 31, True),
    ],
)
def test_a_number_matches_what_it_is(vr, key, value, expected):
    assert parse_key(vr, [key]).matches([value]) is expected


@given(st.sampled_from(["SV", "UV", "DS"]), st.integers(-3, 3), st.integers(-3, 3))
def test_the_database_finds_at_least_what_matches(vr, one, other):
    for centre in (0, BIG, -BIG, 2**63):
        key, value = str(centre + one), str(centre + other)
        found, enough = is_found(vr, key, value)
        matches = parse_key(vr, [key]).matches([value])
        assert found or not matches
        assert matches or not (found and enough)


@pytest.mark.parametrize("key", ["", "-", "one", "1-two", "1e999", "٣", "1" * 60_000])
def test_what_is_no_number_has_no_ends(key):
    found = asked_ends("SV", key)
    assert found is None or not any(map(math.isnan, found))
