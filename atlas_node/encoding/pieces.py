"""Encoded data being put together: short pieces are joined, long ones stay views of the input.

Re-encoding and annotation collect here what they write. A view costs some two hundred bytes
wherever it points, so that a view for each of many short values would fill memory; a long value,
such as pixel data, is never copied.
"""

from __future__ import annotations

from typing import Final

Piece = bytes | memoryview

LONG: Final = 4096
"""Bytes from which a piece is kept as it is."""

Place = tuple[int, int]

Edit = tuple[int, int, bytes]
"""Bytes from the first offset to the second give way to the third."""


class Pieces:
    """Pieces of encoded data in their order.

    Attributes
    ----------
    size : int
        Bytes of all pieces.
    """

    __slots__ = ("_done", "_joined", "size")

    def __init__(self) -> None:
        self.size = 0
        self._done: list[Piece] = []
        self._joined = bytearray()

    def add(self, piece: Piece) -> None:
        """Add one piece to the end."""
        self.size += len(piece)
        if len(piece) < LONG:
            self._joined += piece
        else:
            self._close()
            self._done.append(piece)

    def extend(self, pieces: list[Piece]) -> None:
        """Add pieces to the end."""
        for piece in pieces:
            self.add(piece)

    def place(self) -> Place:
        """Return the place at the end, for `overwrite`."""
        return len(self._done), len(self._joined)

    def overwrite(self, place: Place, piece: bytes) -> None:
        """Put `piece` where a short piece of the same size was added at `place`."""
        index, start = place
        if index == len(self._done):
            self._joined[start : start + len(piece)] = piece
        else:
            joined = self._done[index]
            self._done[index] = b"".join((joined[:start], piece, joined[start + len(piece) :]))

    def finish(self) -> list[Piece]:
        """Return the pieces."""
        self._close()
        return self._done

    def _close(self) -> None:
        if self._joined:
            self._done.append(bytes(self._joined))
            self._joined = bytearray()


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
        joined += replacement
        position = end
    pieces.append(bytes(joined))
    return [piece for piece in pieces if piece]
