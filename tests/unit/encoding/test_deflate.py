"""Deflated data sets: there and back, with a limit."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.encoding.deflate import deflated, inflated
from atlas_node.errors import MalformedStreamError


@given(pieces=st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_deflated_is_inflated(pieces: list[bytes]) -> None:
    data = deflated([memoryview(piece) for piece in pieces])
    assert len(data) % 2 == 0
    assert inflated(memoryview(data)) == b"".join(pieces)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = deflated([bytes(10_000_000)])
    assert len(bomb) < 20_000
    with pytest.raises(MalformedStreamError, match="longer than 1000 bytes"):
        inflated(memoryview(bomb), longest=1000)


def test_what_is_cut_short_or_damaged_is_refused() -> None:
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(bytes(range(256)) * 10) + stream.flush()
    with pytest.raises(MalformedStreamError, match="cut short"):
        inflated(memoryview(data[:-3]))
    with pytest.raises(MalformedStreamError, match="damaged"):
        inflated(memoryview(b"\xff" * 20))
