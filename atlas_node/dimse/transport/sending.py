"""How a DIMSE message becomes P-DATA-TF PDUs (PS3.8 9.3.5 and annex E), without copying its data.

Whoever sends a message on the data path, or for a query, takes what comes out of here and sends it
with as few system calls as it can. The rule: headers are ours, everything between them is a view
of the pieces that were given, and no PDU is longer than the peer takes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

Buffer = bytes | memoryview

P_DATA_TF: Final = 0x04
COMMAND: Final = 0x01
"""Bit of a message control header: the fragment is of a command set, not of a data set."""
LAST: Final = 0x02
"""Bit of a message control header: no further fragment follows."""

SHORTEST_PDU: Final = 8
"""A limit below this leaves no room for two bytes of a message beside their headers."""

_PDU_AND_PDV: Final = struct.Struct(">BxIIBB")
PDV_OVERHEAD: Final = 6
_UNLIMITED_FRAGMENT: Final = 1 << 17
_BUFFERS: Final = 512
_PIECES: Final = 64
"""More of them in one fragment are joined: a system call takes 1024 buffers at most."""
_BYTES: Final = 1 << 22


def p_data(
    context_id: int, command_set: bytes, pieces: Sequence[Buffer] | None, longest_pdu: int
) -> Iterator[list[Buffer]]:
    """Cut a message into P-DATA-TF PDUs, one presentation data value each.

    Parameters
    ----------
    context_id : int
        Presentation context identifier.
    command_set : bytes
        As encoded.
    pieces : sequence of bytes or memoryview, or None
        The encoded data set; None where the message has none.
    longest_pdu : int
        What the peer takes, from `SHORTEST_PDU`; 0: anything.

    Yields
    ------
    list of bytes or memoryview
        Whole PDUs, to be sent together: not more than a system call takes, and some megabytes.
    """
    room = (longest_pdu - PDV_OVERHEAD) & ~1 if longest_pdu else _UNLIMITED_FRAGMENT
    batch: list[Buffer] = []
    size = 0
    for flags, buffers in (COMMAND, [command_set]), (0, pieces):
        for fragment, count, last in _fragments(buffers, room) if buffers is not None else ():
            if batch and (len(batch) + len(fragment) >= _BUFFERS or size + count > _BYTES):
                yield batch
                batch, size = [], 0
            flag = flags | LAST if last else flags
            batch.append(_PDU_AND_PDV.pack(P_DATA_TF, count + 6, count + 2, context_id, flag))
            batch += fragment
            size += count
    yield batch


def data_set_header(context_id: int, size: int) -> bytes:
    """Return what goes before a data set that has room in one PDU.

    Parameters
    ----------
    context_id : int
    size : int
        Bytes of the data set: at most the longest PDU less `PDV_OVERHEAD`.
    """
    return _PDU_AND_PDV.pack(P_DATA_TF, size + 6, size + 2, context_id, LAST)


def _fragments(pieces: Sequence[Buffer], room: int) -> Iterator[tuple[list[Buffer], int, bool]]:
    """Yield the views of each fragment, how many bytes they are, and whether it is the last."""
    left = sum(map(len, pieces))
    rest = iter(pieces)
    piece = memoryview(b"")
    at = 0
    while True:
        size = min(room, left)
        left -= size
        fragment: list[Buffer] = []
        missing = size
        while missing:
            if at == len(piece):
                piece, at = memoryview(next(rest)), 0
            view = piece[at : at + missing]
            at += len(view)
            missing -= len(view)
            if view:
                fragment.append(view)
        if len(fragment) > _PIECES:
            fragment = [b"".join(fragment)]
        yield fragment, size, not left
        if not left:
            return


def unsent(buffers: list[Buffer], sent: int) -> list[Buffer]:
    """Return what is left of `buffers` when the first `sent` bytes of them have gone out."""
    for number, buffer in enumerate(buffers):
        if sent < len(buffer):
            return [memoryview(buffer)[sent:], *buffers[number + 1 :]]
        sent -= len(buffer)
    return []
