import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.errors import LogError
from atlas_node.log import coding

ITEMS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
VALUES = st.one_of(st.none(), st.lists(ITEMS, max_size=5))


@given(st.lists(st.integers(-(2**40), 2**63)))
def test_numbers_come_back(numbers):
    assert coding.unpack_numbers(coding.pack_numbers(numbers)) == numbers


def test_numbers_that_follow_each_other_take_a_byte():
    assert len(coding.pack_numbers(range(1_000_000, 1_000_200))) == 200 + 2


@given(VALUES, st.booleans())
def test_a_value_comes_back(value, truncated):
    text = coding.value_json(value, truncated)

    assert text.isascii()
    assert coding.value_of(json.loads(text)) == (value, truncated)


def test_numbers_that_json_lacks_are_text():
    assert coding.value_json([math.nan, math.inf, -math.inf]) == '["nan","inf","-inf"]'


@given(st.lists(st.tuples(VALUES, VALUES, st.booleans())))
def test_the_values_of_an_object_come_back_from_common_and_differing_ones(places):
    common = [coding.value_json(usual) for usual, _, _ in places]
    own = [coding.value_json(other, cut) for _, other, cut in places]
    packed = coding.pack_text(coding.values_json(common))

    assert coding.split_values(packed) == common
    text = coding.differing_json(own, common)
    differing = coding.unpack_json(coding.pack_text(text)) if text else {}
    found = coding.joined_values(coding.unpack_json(packed), differing)
    assert [coding.value_of(item) for item in found] == [(other, cut) for _, other, cut in places]


def test_what_does_not_differ_takes_nothing():
    assert coding.differing_json(["[1]", '["A"]'], ["[1]", '["A"]']) == ""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=2000))
def test_long_text_is_deflated_where_that_is_shorter(text):
    packed = coding.pack_text(json.dumps([text]))

    assert coding.unpack_json(packed) == [text]
    assert len(packed) <= len(json.dumps([text]))


@given(st.binary(max_size=200))
def test_damaged_bytes_are_a_log_error_and_nothing_else(packed):
    try:
        coding.unpack_json(packed)
    except LogError as error:
        assert "damaged" in str(error)


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_cut_value_is_a_log_error(cut):
    packed = coding.pack_text(json.dumps(["x" * 1000]))

    with pytest.raises(LogError, match="damaged"):
        coding.unpack_json(packed[:cut])
