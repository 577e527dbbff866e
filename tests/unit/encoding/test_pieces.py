"""Short pieces are joined, long ones are passed on as they are."""

from hypothesis import given
from hypothesis import strategies as st

from atlas_node.encoding.pieces import LONG, PiecedStream, Pieces, splice


def test_short_pieces_are_joined_and_long_ones_kept() -> None:
    long = memoryview(bytes(LONG))
    pieces = Pieces()
    for piece in (b"a", memoryview(b"b"), long, b"c", b"d"):
        pieces.add(piece)
    first, second, third = pieces.finish()
    assert (first, third) == (b"ab", b"cd")
    assert second is long
    assert pieces.size == LONG + 4


@given(st.lists(st.integers(0, LONG + 2), max_size=6), st.data())
def test_a_place_can_be_written_again(sizes: list[int], data: st.DataObject) -> None:
    pieces = Pieces()
    where = data.draw(st.integers(0, len(sizes)))
    expected = b""
    for number, size in enumerate([*sizes[:where], -1, *sizes[where:]]):
        if size < 0:
            place = pieces.place()
            pieces.add(b"????")
            expected += b"size"
        else:
            pieces.add(bytes([number]) * size)
            expected += bytes([number]) * size
    if data.draw(st.booleans()):
        pieces.finish()
    pieces.overwrite(place, b"size")
    assert b"".join(pieces.finish()) == expected


@given(st.lists(st.integers(0, LONG + 2), max_size=8), st.integers(0, 8), st.booleans())
def test_what_was_added_can_be_cut_off_again(sizes: list[int], kept: int, directly: bool) -> None:
    pieces = Pieces()
    expected = b""
    place = pieces.place()
    for number, size in enumerate(sizes):
        if number == kept:
            place = pieces.place()
            expected = b"".join(bytes([n]) * sizes[n] for n in range(number))
        piece = bytes([number]) * size
        if directly and size < LONG:
            pieces.joined += piece
        else:
            pieces.add(piece)
    pieces.cut(place)
    assert pieces.size == len(expected)
    pieces.add(b"end")
    assert b"".join(pieces.finish()) == expected + b"end"


@given(st.lists(st.tuples(st.integers(0, LONG), st.integers(0, 9), st.binary(max_size=9))))
def test_splicing_touches_nothing_but_the_edits(steps: list[tuple[int, int, bytes]]) -> None:
    view = memoryview(bytes(range(256)) * (LONG // 16))
    edits, expected, position = [], b"", 0
    for gap, removed, added in steps:
        start = min(position + gap, len(view))
        stop = min(start + removed, len(view))
        edits.append((start, stop, added))
        expected += bytes(view[position:start]) + added
        position = stop
    expected += bytes(view[position:])
    pieces = splice(view, edits, 0, len(view))
    assert b"".join(pieces) == expected
    assert all(pieces)


PIECES = st.lists(st.binary(min_size=1, max_size=9), max_size=6)


@given(pieces=PIECES, reads=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20))))
def test_pieces_are_read_as_one_stream(pieces: list[bytes], reads: list[tuple[int, int]]) -> None:
    whole, stream = b"".join(pieces), PiecedStream(pieces)
    assert stream.size == len(whole)
    for wanted, size in reads:
        start = min(wanted, len(whole))
        stop = min(start + size, len(whole))
        assert b"".join(stream.between(start, stop)) == whole[start:stop]
        buffer, place = stream.at(start, stop - start)
        assert buffer[place : place + stop - start] == whole[start:stop]


@given(pieces=PIECES, data=st.data())
def test_pieces_are_edited_as_one_stream(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    offsets = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    edits = [
        (start, stop, bytes([200 + number]) * number)
        for number, (start, stop) in enumerate(zip(offsets[::2], offsets[1::2], strict=False))
    ]
    expected = b"".join(splice(memoryview(whole), edits, 0, len(whole)))
    assert b"".join(PiecedStream(pieces).edited(edits)) == expected


def test_long_pieces_are_read_in_views() -> None:
    long = bytes(range(256)) * 8
    stream = PiecedStream([b"ab", memoryview(long), b"cd"])
    assert stream.between(4, 1000)[0].obj is long
    first, second, third = stream.edited([(1, 2, b"x")])
    assert (first, third) == (b"ax", b"cd")
    assert isinstance(second, memoryview)
    assert second.obj is long
