"""Deflated data sets (PS3.5 A.5): a whole data set in explicit VR little endian, compressed.

Annotation inflates one before it reads it and deflates what it changed. An inflated data set has
a limit, because a few bytes from the network can stand for gigabytes.
"""

from __future__ import annotations

import zlib
from typing import Final

from atlas_node.errors import MalformedStreamError

MAX_INFLATED: Final = 1 << 30
"""Longest data set that is inflated, in bytes."""

_RAW: Final = -zlib.MAX_WBITS


def inflated(data: memoryview, longest: int = MAX_INFLATED) -> bytes:
    """Return the data set in `data`.

    Raises
    ------
    MalformedStreamError
        When `data` is no deflated stream, is cut short, or stands for more than `longest` bytes.
    """
    stream = zlib.decompressobj(_RAW)
    try:
        data_set = stream.decompress(data, longest + 1)
    except zlib.error as error:
        raise MalformedStreamError("the deflated data set is damaged", 0) from error
    if len(data_set) > longest:
        raise MalformedStreamError(f"the data set is longer than {longest} bytes when inflated", 0)
    if not stream.eof:
        raise MalformedStreamError("the deflated data set is cut short", len(data))
    return data_set


def deflated(pieces: list[bytes | memoryview]) -> bytes:
    """Return the data set that `pieces` make up, deflated and padded to even length."""
    stream = zlib.compressobj(wbits=_RAW)
    parts = [stream.compress(piece) for piece in pieces]
    data = b"".join((*parts, stream.flush()))
    return data + b"\0" * (len(data) % 2)
