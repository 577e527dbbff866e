"""Deflated data sets: there and back, with a limit."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.encoding.deflate import beginning_inflated, deflated, inflated
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


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (3 << 20) + 1, (4 << 20) - 258])
def test_what_fills_every_step_is_inflated_to_its_end(size: int) -> None:
    data = deflated([bytes(size)])
    for behind in b"", bytes(100_000):
        assert len(inflated(memoryview(data + behind), longest=size)) == size


@given(data=st.binary(max_size=400), most=st.integers(0, 500))
def test_the_beginning_is_inflated_as_far_as_it_is_asked_for(data: bytes, most: int) -> None:
    assert beginning_inflated(memoryview(deflated([data])), most) == data[:most]


def test_of_a_damaged_stream_the_beginning_is_what_can_be_read() -> None:
    assert beginning_inflated(memoryview(b"\xff" * 20), 100) == b""
    cut = deflated([bytes(1000)])[:-4]
    assert beginning_inflated(memoryview(cut), 100) == bytes(100)


def test_what_is_cut_short_or_damaged_is_refused() -> None:
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(bytes(range(256)) * 10) + stream.flush()
    with pytest.raises(MalformedStreamError, match="cut short"):
        inflated(memoryview(data[:-3]))
    with pytest.raises(MalformedStreamError, match="damaged"):
        inflated(memoryview(b"\xff" * 20))
