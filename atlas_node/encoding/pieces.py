"""Encoded data being put together: short pieces are joined, long ones stay views of the input.

Re-encoding and annotation collect here what they write. A view costs some two hundred bytes
wherever it points, so that a view for each of many short values would fill memory; a long value,
such as pixel data, is never copied.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

Buffer = bytes | bytearray | memoryview
"""Encoded data to be read."""

Piece = bytes | memoryview
"""Encoded data to be written."""

LONG: Final = 512
"""Bytes from which a piece is kept as it is."""

Place = tuple[int, int]

Edit = tuple[int, int, Piece]
"""Bytes from the first offset to the second give way to the third."""


class Pieces:
    """Pieces of encoded data in their order.

    Attributes
    ----------
    joined : bytearray
        The short pieces since the last long one. What is short may be added to it directly, which
        saves a call; every call of a method may put another in its place.
    """

    __slots__ = ("_before", "_done", "joined")

    def __init__(self) -> None:
        self.joined = bytearray()
        self._done: list[bytearray | Piece] = []
        self._before = 0

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self._before + len(self.joined)

    def add(self, piece: Piece) -> None:
        """Add one piece to the end."""
        if len(piece) < LONG:
            self.joined += piece
        else:
            self._close()
            self._done.append(piece)
            self._before += len(piece)

    def extend(self, pieces: list[Piece]) -> None:
        """Add pieces to the end."""
        for piece in pieces:
            if len(piece) < LONG:
                self.joined += piece
            else:
                self.add(piece)

    def place(self) -> Place:
        """Return the place at the end, for `overwrite` and `cut`."""
        return len(self._done), len(self.joined)

    def overwrite(self, place: Place, piece: bytes) -> None:
        """Put `piece` where a short piece of the same size was added at `place`."""
        index, start = place
        joined = self.joined if index == len(self._done) else self._done[index]
        joined[start : start + len(piece)] = piece  # type: ignore[index]

    def cut(self, place: Place) -> None:
        """Forget what was added since `place`."""
        index, start = place
        if index < len(self._done):
            # What was being joined there stands before the long piece, if it was anything.
            joined = self._done[index]
            self._before -= sum(map(len, self._done[index:]))
            del self._done[index:]
            self.joined = joined if start and isinstance(joined, bytearray) else bytearray()
        del self.joined[start:]

    def finish(self) -> list[Piece]:
        """Return the pieces."""
        self._close()
        return [bytes(piece) if isinstance(piece, bytearray) else piece for piece in self._done]

    def _close(self) -> None:
        if self.joined:
            self._done.append(self.joined)
            self._before += len(self.joined)
            self.joined = bytearray()


class PiecedStream:
    """Pieces read as the one stream that they make up, without being joined.

    Parameters
    ----------
    pieces : sequence of bytes or memoryview
        None of them empty.
    """

    __slots__ = ("_begin", "_end", "_piece", "_pieces", "_starts", "size")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces] or [memoryview(b"")]
        *self._starts, self.size = accumulate(map(len, self._pieces), initial=0)
        self._turn_to(0)

    def at(self, position: int, size: int) -> tuple[memoryview, int]:
        """Return a buffer and where in it the `size` bytes at `position` are.

        They must be within the stream. The buffer is the piece that they stand in, as long as it
        is, but a copy of them alone where they stand in several.
        """
        begin = self._begin
        if begin <= position and position + size <= self._end:
            return self._piece, position - begin
        self._turn_to(position)
        if position + size <= self._end:
            return self._piece, position - self._begin
        return memoryview(b"".join(self.between(position, position + size))), 0

    def between(self, start: int, stop: int) -> list[Piece]:
        """Return the bytes from `start` to `stop`, which are within the stream, in views."""
        begin = self._begin
        if begin <= start and stop <= self._end:
            return [self._piece[start - begin : stop - begin]]
        parts: list[Piece] = []
        while start < stop:
            if not self._begin <= start < self._end:
                self._turn_to(start)
            end = min(stop, self._end)
            parts.append(self._piece[start - self._begin : end - self._begin])
            start = end
        return parts

    def edited(self, edits: list[Edit]) -> list[Piece]:
        """Return the stream with `edits`, which come in order, made."""
        pieces = Pieces()
        position = 0
        for start, stop, replacement in edits:
            pieces.extend(self.between(position, start))
            pieces.add(replacement)
            position = stop
        pieces.extend(self.between(position, self.size))
        return pieces.finish()

    def _turn_to(self, position: int) -> None:
        index = bisect_right(self._starts, position) - 1
        self._piece = self._pieces[index]
        self._begin = self._starts[index]
        self._end = self._begin + len(self._piece)


def splice(view: memoryview, edits: list[Edit], start: int, stop: int) -> list[Piece]:
    """Return the bytes from `start` to `stop` with `edits`, which come in order, made."""
    # `Pieces`, written out: a call for each edit would cost more than the edit.
    pieces: list[Piece] = []
    joined = bytearray()
    position = start
    for begin, end, replacement in [*edits, (stop, stop, b"")]:
        if begin - position < LONG:
            joined += view[position:begin]
        else:
            pieces.append(bytes(joined))
            pieces.append(view[position:begin])
            joined = bytearray()
        if len(replacement) < LONG:
            joined += replacement
        else:
            pieces.append(bytes(joined))
            pieces.append(replacement)
            joined = bytearray()
        position = end
    pieces.append(bytes(joined))
    return [piece for piece in pieces if piece]
