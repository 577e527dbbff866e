"""What a peer sends on an association that we requested: bytes in, PDUs and responses out, no I/O.

`EstablishedAssociation` feeds it with what the socket gives. The rule: whatever the bytes are,
the outcome is a PDU, a wish for more bytes, or `PduError`; memory is bounded by the lengths that
we announced.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from atlas_node.dimse.transport.command_set import (
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID_RESPONDED_TO,
    NO_DATA_SET,
    STATUS,
    CommandSetError,
    decode_command_set,
    number,
)
from atlas_node.dimse.transport.fragments import Fragments, ProtocolError
from atlas_node.dimse.transport.sending import LAST, P_DATA_TF
from atlas_node.errors import PeerError

A_RELEASE_RQ: Final = 0x05
A_RELEASE_RP: Final = 0x06
A_ABORT: Final = 0x07
UNRECOGNIZED_PDU: Final = 1
UNEXPECTED_PDU: Final = 2
INVALID_PARAMETER: Final = 6

_HEADER: Final = struct.Struct(">BxI")
_HEADERS: Final = struct.Struct(">BxIIBB")
"""Of a P-DATA-TF PDU and of the first presentation data value in it."""
_LENGTH_FIELD: Final = 4
_SHORTEST_VALUE: Final = 2
_CONTEXT_ID: Final = 10
"""Where it stands in a P-DATA-TF PDU."""
_CONTROL_PDU: Final = 4
_LONGEST_COMMAND_SET: Final = 1 << 16
_KNOWN: Final = range(0x01, 0x08)


class PduError(PeerError):
    """A peer sent what no PDU or no response can be.

    Attributes
    ----------
    reason : int
        Reason/Diag. of the A-ABORT that says so (PS3.8 9.3.8).
    """

    def __init__(self, message: str, reason: int = INVALID_PARAMETER) -> None:
        super().__init__(message)
        self.reason = reason


def out_of_turn(kind: int) -> PduError:
    """Return the error of a PDU that cannot come now."""
    return PduError(f"sent a PDU of type 0x{kind:02X} out of turn", UNEXPECTED_PDU)


class Pdu(NamedTuple):
    """A protocol data unit: its type and what follows its header."""

    type: int
    body: bytes


class Incoming:
    """Cuts a stream of bytes into PDUs.

    Parameters
    ----------
    longest_pdu : int
        What we announced that we take in a P-DATA-TF PDU.
    """

    def __init__(self, longest_pdu: int) -> None:
        self._longest = longest_pdu
        self._received = bytearray()

    def __bool__(self) -> bool:
        """Whether bytes are left that no PDU has been made of."""
        return bool(self._received)

    def feed(self, data: bytes | memoryview) -> None:
        """Take what the socket gave."""
        self._received += data

    def next_pdu(self) -> Pdu | None:
        """Return the next PDU; None while it is not complete.

        Raises
        ------
        PduError
            When its type is none, or its length not one that it can have.
        """
        received = self._received
        if len(received) < _HEADER.size:
            return None
        kind, length = _HEADER.unpack_from(received)
        if kind not in _KNOWN:
            raise PduError(f"sent a PDU of type 0x{kind:02X}", UNRECOGNIZED_PDU)
        if kind < P_DATA_TF:
            raise out_of_turn(kind)
        most = self._longest if kind == P_DATA_TF else _CONTROL_PDU
        if length > most:
            raise PduError(f"announced a PDU of {length} bytes, at most {most} were agreed")
        end = _HEADER.size + length
        if len(received) < end:
            return None
        body = bytes(received[_HEADER.size : end])
        del received[:end]
        return Pdu(kind, body)

    def next_alike(self, command_pdu: bytes) -> bytes | None:
        """Return the data set of the next message where that is like one before; else None.

        It is where its command set comes in a PDU that is given, and its data set whole in the
        PDU behind that: so do nearly all responses of a query. Anything else stays for
        `next_pdu`.

        Parameters
        ----------
        command_pdu : bytes
            A whole P-DATA-TF PDU with a whole command set in one presentation data value, which
            says that a data set follows.
        """
        received, begin = self._received, len(command_pdu)
        if not received.startswith(command_pdu) or len(received) < begin + _HEADERS.size:
            return None
        kind, length, of_value, context_id, flags = _HEADERS.unpack_from(received, begin)
        end = begin + _HEADER.size + length
        if (
            not _SHORTEST_VALUE <= of_value == length - _LENGTH_FIELD
            or length > self._longest
            or end > len(received)
            or kind != P_DATA_TF
            or flags != LAST
            or context_id != command_pdu[_CONTEXT_ID]
        ):
            return None
        data_set = bytes(received[begin + _HEADERS.size : end])
        del received[:end]
        return data_set


class ResponseParts:
    """Puts the command set of one response together from presentation data values.

    Parameters
    ----------
    context_id : int
        Presentation context of the request.
    command_field : int
        That the response must have.
    message_id : int
        Of the request.
    """

    def __init__(self, context_id: int, command_field: int, message_id: int) -> None:
        self._context_id = context_id
        self._command_field = command_field
        self._message_id = message_id
        self._command_set = bytearray()
        self._fragments = Fragments()

    def add(self, body: bytes) -> dict[int, bytes] | None:
        """Take the body of a P-DATA-TF PDU; return the command set when it is complete.

        Raises
        ------
        PduError
            When it is no part of a response to the request, or more than that.
        """
        try:
            self._fragments.begin(len(body))
            parts = self._fragments.feed(memoryview(body))
        except ProtocolError as error:
            raise PduError(f"sent {error}") from error
        complete = False
        for context_id, of_command, part, last in parts:
            if context_id != self._context_id:
                raise PduError(
                    f"answered in presentation context {context_id}, asked in {self._context_id}"
                )
            if complete or not of_command:
                raise PduError("answered twice, or with a data set", UNEXPECTED_PDU)
            self._command_set += part
            if len(self._command_set) > _LONGEST_COMMAND_SET:
                raise PduError("answered with a command set without an end")
            complete = last
        return self._checked() if complete else None

    def _checked(self) -> dict[int, bytes]:
        try:
            elements = decode_command_set(self._command_set)
            field = number(elements, COMMAND_FIELD)
            responded_to = number(elements, MESSAGE_ID_RESPONDED_TO)
            has_data = number(elements, DATA_SET_TYPE) != NO_DATA_SET
            number(elements, STATUS)
        except CommandSetError as error:
            raise PduError(f"answered with another message: {error}") from error
        if field != self._command_field or responded_to != self._message_id:
            raise PduError(
                f"answered with another message: 0x{field:04X} to message {responded_to}, "
                f"expected 0x{self._command_field:04X} to message {self._message_id}"
            )
        if has_data:
            raise PduError("answered twice, or with a data set", UNEXPECTED_PDU)
        return elements
