"""The command set of a DIMSE message: its elements as bytes by element number, and back.

Both ends of the data path use it for the messages that they exchange by the thousand (C-STORE,
C-ECHO); all others are pynetdicom's. A command set is implicit VR little endian, all of it in group
0000, in ascending order behind its group length (PS3.7 6.3.1).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from atlas_node.encoding.pieces import Buffer
from atlas_node.errors import PeerError

AFFECTED_SOP_CLASS_UID: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_RESPONDED_TO: Final = 0x0120
MOVE_DESTINATION: Final = 0x0600
PRIORITY: Final = 0x0700
DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000
NUMBER_OF_REMAINING: Final = 0x1020
NUMBER_OF_COMPLETED: Final = 0x1021
NUMBER_OF_FAILED: Final = 0x1022
NUMBER_OF_WARNING: Final = 0x1023
MOVE_ORIGINATOR_AE: Final = 0x1030
MOVE_ORIGINATOR_MESSAGE_ID: Final = 0x1031

C_STORE_RQ: Final = 0x0001
C_GET_RQ: Final = 0x0010
C_FIND_RQ: Final = 0x0020
C_MOVE_RQ: Final = 0x0021
C_ECHO_RQ: Final = 0x0030
C_CANCEL_RQ: Final = 0x0FFF
N_EVENT_REPORT_RQ: Final = 0x0100
RESPONSE: Final = 0x8000
"""Added to the command field of a request it gives that of the response."""

NO_DATA_SET: Final = 0x0101
A_DATA_SET: Final = 0x0000

_HEADER: Final = struct.Struct("<HHI")
_GROUP_LENGTH: Final = struct.Struct("<HHII")
_US: Final = struct.Struct("<H")


class CommandSetError(PeerError):
    """A peer sent a command set that cannot be read."""


def decode_command_set(encoded: Buffer) -> dict[int, bytes]:
    """Return the elements of a command set.

    Parameters
    ----------
    encoded : bytes, bytearray or memoryview
        All fragments of it, put together.

    Returns
    -------
    dict of int to bytes
        Values as encoded, by element number, without the group length.

    Raises
    ------
    CommandSetError
        When an element is not of group 0000, out of order, or longer than what is there.
    """
    elements: dict[int, bytes] = {}
    encoded = bytes(encoded)
    position, end, last = 0, len(encoded), -1
    while position < end:
        begin = position + _HEADER.size
        if begin > end:
            raise CommandSetError(f"the command set ends within a header at offset {position}")
        group, element, length = _HEADER.unpack_from(encoded, position)
        if group or element <= last:
            raise CommandSetError(
                f"the command set has ({group:04X},{element:04X}) at offset {position}, expected "
                "an element of group 0000 in ascending order"
            )
        position = begin + length
        if position > end:
            raise CommandSetError(
                f"(0000,{element:04X}) has {length} bytes, but {end - begin} are left"
            )
        elements[element] = encoded[begin:position]
        last = element
    elements.pop(0, None)
    return elements


def encode_command_set(elements: Mapping[int, bytes]) -> bytes:
    """Return a command set with its group length; values must be of even length."""
    pack = _HEADER.pack
    encoded = b"".join(
        [pack(0, element, len(value)) + value for element, value in sorted(elements.items())]
    )
    return _GROUP_LENGTH.pack(0, 0, 4, len(encoded)) + encoded


def us(value: int) -> bytes:
    """Return an unsigned 16-bit value as encoded."""
    return _US.pack(value)


def number(elements: Mapping[int, bytes], element: int) -> int:
    """Return the value of a US element.

    Raises
    ------
    CommandSetError
        When it is missing or has not two bytes.
    """
    value = elements.get(element, b"")
    if len(value) != _US.size:
        raise CommandSetError(f"(0000,{element:04X}) has {len(value)} bytes, expected 2")
    return int(_US.unpack(value)[0])


def uid(value: str) -> bytes:
    """Return a UID as encoded, padded to even length with NUL (PS3.5 6.2)."""
    encoded = value.encode("ascii", "replace")
    return encoded + b"\0" * (len(encoded) & 1)


def text(value: str) -> bytes:
    """Return a text as encoded, padded to even length with a space."""
    encoded = value.encode("ascii", "replace")
    return encoded + b" " * (len(encoded) & 1)


def string(elements: Mapping[int, bytes], element: int) -> str:
    """Return the value of a UI, AE or LO element without its padding; empty when it is missing."""
    return elements.get(element, b"").decode("ascii", "replace").strip("\0 ")
