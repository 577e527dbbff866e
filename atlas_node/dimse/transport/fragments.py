"""How P-DATA-TF PDUs that a requestor sends fall into message fragments (PS3.8 9.3.5, annex E).

`DataTransfer` feeds it with what the socket gives, in pieces of any length. The rule: a fragment
is handed on as views of what came in, as it comes in; no more is kept than a header cut in two.
"""

from __future__ import annotations

import struct
from typing import Final

from atlas_node.dimse.transport.sending import COMMAND, LAST
from atlas_node.errors import PeerError

SHORTEST_BODY: Final = 6
"""A P-DATA-TF PDU without a byte of a message has the header of one PDV behind its own."""

_HEADER: Final = struct.Struct(">IBB")
_LENGTH_FIELD: Final = 4
_CONTEXT_AND_FLAGS: Final = 2


class ProtocolError(PeerError):
    """A peer sent what cannot be read as messages; the association is aborted."""


Part = tuple[int, int, memoryview, bool]
"""A part of a message: the presentation context, whether it is of the command set (`COMMAND`, else
0), its bytes, perhaps none, and whether the command set or the data set ends with it."""


class Fragments:
    """Walks through the presentation data values of one P-DATA-TF PDU after the other."""

    __slots__ = ("_context_id", "_flags", "_header", "_left_of_pdu", "_left_of_value")

    def __init__(self) -> None:
        self._left_of_pdu = 0
        self._left_of_value = 0
        self._context_id = 0
        self._flags = 0
        self._header = bytearray()

    def begin(self, length: int) -> None:
        """Begin a PDU whose header announces `length` bytes.

        Raises
        ------
        ProtocolError
            When no presentation data value has room in it.
        """
        if length < SHORTEST_BODY:
            raise ProtocolError(f"a P-DATA-TF PDU of {length} bytes, expected {SHORTEST_BODY}")
        self._left_of_pdu = length

    def feed(self, data: memoryview) -> list[Part]:
        """Return the parts of messages in the next bytes of the PDU that was begun.

        Raises
        ------
        ProtocolError
            When the length of a presentation data value is not one that it can have there.
        """
        position, end = 0, len(data)
        if end == self._left_of_pdu >= _HEADER.size and not (self._left_of_value or self._header):
            # Nearly always: a whole PDU with one value in it.
            length, context_id, flags = _HEADER.unpack_from(data)
            if length == end - _LENGTH_FIELD:
                self._left_of_pdu = 0
                return [(context_id, flags & COMMAND, data[_HEADER.size :], flags & LAST != 0)]
        parts: list[Part] = []
        while position < end:
            if not self._left_of_value:
                position = self._read_header(data, position)
                if self._header:
                    break
            part = data[position : position + self._left_of_value]
            count = len(part)
            position += count
            self._left_of_pdu -= count
            self._left_of_value = left = self._left_of_value - count
            flags = self._flags
            parts.append((self._context_id, flags & COMMAND, part, flags & LAST != 0 and not left))
        return parts

    def _read_header(self, data: memoryview, position: int) -> int:
        """Read the header of a value, or keep what is there of it; return where it ends."""
        header = self._header
        if header or len(data) - position < _HEADER.size:
            missing = _HEADER.size - len(header)
            header += data[position : position + missing]
            position = min(position + missing, len(data))
            if len(header) < _HEADER.size:
                return position
            length, self._context_id, self._flags = _HEADER.unpack(header)
            header.clear()
        else:
            length, self._context_id, self._flags = _HEADER.unpack_from(data, position)
            position += _HEADER.size
        room = self._left_of_pdu - _LENGTH_FIELD
        rest = room - length
        if not _CONTEXT_AND_FLAGS <= length <= room or 0 < rest < _HEADER.size:
            raise ProtocolError(
                f"a presentation data value of {length} bytes where a P-DATA-TF PDU has {room} left"
            )
        self._left_of_pdu -= _HEADER.size
        self._left_of_value = length - _CONTEXT_AND_FLAGS
        return position
