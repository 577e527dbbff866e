from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary import DictionaryError
from atlas_dictionary.keys import EXACT, PRIVATE, ElementKey, parse_key, private_key

digits = st.text("0123456789abcdefx", min_size=4, max_size=4)


@pytest.mark.parametrize("element", ["xx0a", "100A", "000a", "0a"])
def test_the_block_number_of_a_private_element_does_not_count(element):
    key = parse_key("0019", element, "SIEMENS MR HEADER")
    assert key == private_key("SIEMENS MR HEADER", 0x19, 0x10A)
    assert (key.tag, key.mask, str(key)) == (0x0019000A, PRIVATE, "(0019,xx0a)")


def test_a_private_key_without_offset_names_a_block():
    assert parse_key("0019", "10xx", "GEMS_ACQU_01").names_block
    assert not parse_key("0019", "xx10", "GEMS_ACQU_01").names_block
    assert not parse_key("0020", "31xx", None).names_block


@pytest.mark.parametrize(
    ("group", "element", "text"),
    [
        ("0010", "0010", "(0010,0010)"),
        ("60xx", "3000", "(60xx,3000)"),
        ("1000", "xxx0", "(1000,xxx0)"),
        ("1010", "xxxx", "(1010,xxxx)"),
        ("0028", "04x0", "(0028,04x0)"),
    ],
)
def test_standard_keys_keep_their_open_digits(group, element, text):
    assert str(parse_key(group, element, None)) == text


@pytest.mark.parametrize(
    ("group", "element", "creator", "reason"),
    [
        ("19", "100a", "C", "group '19' is not four"),
        ("0019", "10g0", "C", "element '10g0' is not four"),
        ("0019", "0a", None, "element '0a' is not four"),
        ("0019", "100a", None, "odd group"),
        ("\uff10019", "100a", "C", "is not four"),
    ],
)
def test_refuses_what_is_no_key(group, element, creator, reason):
    with pytest.raises(DictionaryError, match=reason):
        parse_key(group, element, creator)


@given(digits, digits)
def test_text_of_a_key_gives_the_key(group, element):
    key = parse_key(group, element, "ANY")
    assert parse_key(key.group_text, key.element_text, "ANY") == key
    assert key.tag & ~key.mask == 0


def test_exact_keys_print_all_digits():
    assert str(ElementKey(None, 0x7FE00010, EXACT)) == "(7fe0,0010)"
