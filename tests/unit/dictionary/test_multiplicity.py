"""The VM of an entry: what a dictionary says and what vendors wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary.multiplicity import either, fits, widen
from atlas_node.annotate.verify import multiplicity

counts = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(sorted)
ranges = counts.map(lambda c: str(c[0]) if c[0] == c[1] else f"{c[0]}-{c[1]}")
vms = st.one_of(st.just(""), ranges, st.sampled_from(["1-n", "2-n", "2-2n", "3-3n", "12-n"]))


@pytest.mark.parametrize(
    ("stated", "seen", "files", "vm"),
    [
        ("1", "1", 200, "1"),  # agreement
        ("1-n", "1", 200, "1-n"),  # a dictionary may know of more than was seen
        ("3-3n", "3-9", 50, "3-3n"),
        ("4", "1", 8, "1-4"),  # the narrowest that allows both
        ("1", "3-35", 70, "1-n"),
        ("2-2n", "1-3", 8, "1-n"),
        ("1", "3", 2, "1-n"),  # too few files to say more
        ("", "3", 8, "3"),
        ("", "3", 1, "1-n"),
        ("3", "", 0, "3"),  # seen without a value only
    ],
)
def test_widening(stated, seen, files, vm):
    assert widen(stated, seen, files) == vm


@given(stated=vms, seen=ranges, files=st.integers(1, 100))
def test_what_was_seen_is_always_allowed(stated, seen, files):
    """By the reader of the annotation engine, which refuses values that contradict a VM."""
    allowed = multiplicity(widen(stated, seen, files))
    assert allowed is not None
    low, _, high = seen.partition("-")
    assert allowed.allows(int(low)) and allowed.allows(int(high or low))


@pytest.mark.parametrize(
    ("one", "other", "vm"),
    [
        ("1", "1", "1"),
        ("1", "2", "1-2"),
        ("6", "1", "1-n"),  # too far apart for a range
        ("3", "3-3n", "3-3n"),
        ("2-2n", "6-6n", "2-2n"),
        ("2-2n", "3", "1-n"),
        ("1-2", "2-2n", "1-n"),
        ("", "4", "4"),
    ],
)
def test_what_two_dictionaries_state(one, other, vm):
    assert either(one, other) == either(other, one) == vm


@given(one=vms, other=vms, count=st.integers(1, 50))
def test_what_one_dictionary_allows_stays_allowed(one, other, count):
    both = either(one, other)
    for stated in filter(None, (one, other)):
        assert fits(both, str(count)) or not fits(stated, str(count))
