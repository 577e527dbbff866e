"""Values of one byte order in the other."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.vr import KNOWN


@pytest.mark.parametrize(
    ("vr", "form"), [("US", "H"), ("SS", "h"), ("UL", "I"), ("SL", "i"), ("FL", "f"), ("FD", "d")]
)
def test_numbers_turn(vr: str, form: str) -> None:
    little, big = struct.pack(f"<2{form}", 1, 2), struct.pack(f">2{form}", 1, 2)
    assert swapped(vr, little) == big


def test_a_tag_turns_in_halves() -> None:
    assert swapped("AT", b"\x19\x00\x0a\x10") == b"\x00\x19\x10\x0a"


def test_text_and_bytes_stay() -> None:
    assert swapped("LO", b"ab") == b"ab"
    assert swapped("OB", b"\0\1") == b"\0\1"


@given(vr=st.sampled_from(sorted(KNOWN)), value=st.binary(max_size=64))
def test_turning_twice_gives_the_value_back(vr: str, value: bytes) -> None:
    assert bytes(swapped(vr, swapped(vr, value))) == value
