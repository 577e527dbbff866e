"""Deflated data sets (PS3.5 A.5): a whole data set in explicit VR little endian, compressed.

Annotation inflates one before it reads it and deflates what it changed; routes look at the
beginning of one. What is inflated has a limit, because a few bytes from the network can stand for
gigabytes, and so has what is kept beside it: the stream is read in short steps.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import Final

from atlas_node.errors import MalformedStreamError

MAX_INFLATED: Final = 1 << 28
"""Longest data set that is inflated, in bytes."""

_RAW: Final = -zlib.MAX_WBITS
_STEP: Final = 1 << 16
_ROOM: Final = 1 << 20


def inflated(data: memoryview, longest: int = MAX_INFLATED) -> bytearray:
    """Return the data set in `data`.

    Raises
    ------
    MalformedStreamError
        When `data` is no deflated stream, is cut short, or stands for more than `longest` bytes.
    """
    data_set = bytearray()
    try:
        whole = _inflate(data, data_set, longest + 1)
    except zlib.error as error:
        raise MalformedStreamError("the deflated data set is damaged", 0) from error
    if len(data_set) > longest:
        raise MalformedStreamError(f"the data set is longer than {longest} bytes when inflated", 0)
    if not whole:
        raise MalformedStreamError("the deflated data set is cut short", len(data))
    return data_set


def beginning_inflated(data: memoryview, most: int) -> bytearray:
    """Return the first `most` bytes of the data set in `data`, or as many as can be read."""
    data_set = bytearray()
    with contextlib.suppress(zlib.error):
        _inflate(data, data_set, most)
    return data_set


def _inflate(data: memoryview, data_set: bytearray, most: int) -> bool:
    """Add at most `most` bytes to `data_set`; return whether the stream ends there."""
    stream = zlib.decompressobj(_RAW)
    # In steps: zlib copies what it has not read, and what stands behind the end of the stream.
    for start in range(0, len(data), _STEP):
        unread: bytes | memoryview = data[start : start + _STEP]
        waiting = True
        while waiting:
            room = min(_ROOM, most - len(data_set))
            if room <= 0:
                return False
            more = stream.decompress(unread, room)
            data_set += more
            if stream.eof:
                return True
            unread = stream.unconsumed_tail
            # What filled its room may have left some behind, even where all is read.
            waiting = bool(unread) or len(more) == room
    return False


def deflated(pieces: list[bytes | memoryview]) -> bytes:
    """Return the data set that `pieces` make up, deflated and padded to even length."""
    stream = zlib.compressobj(wbits=_RAW)
    parts = [stream.compress(piece) for piece in pieces]
    data = b"".join((*parts, stream.flush()))
    return data + b"\0" * (len(data) % 2)
