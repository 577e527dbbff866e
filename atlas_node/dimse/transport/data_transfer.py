"""Data transfer of an association that a peer requested: P-DATA-TF PDUs in, responses out.

`Provider` calls it for each P-DATA-TF PDU of an established association, in the place of
pynetdicom's actions and message assembly. Data sets of C-STORE go from the receive buffer to an
`Operation`; other messages than C-STORE and C-ECHO go on to pynetdicom. The rule: memory is
bounded by one buffer and the length of a command set, whatever comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Final

from atlas_node.dimse.status import SUCCESS, Answer
from atlas_node.dimse.transport.accepted_socket import PDU_ALLOWANCE
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    ERROR_COMMENT,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    NO_DATA_SET,
    RESPONSE,
    STATUS,
    CommandSetError,
    decode_command_set,
    encode_command_set,
    number,
    string,
    text,
    us,
)
from atlas_node.dimse.transport.fragments import Fragments, ProtocolError
from atlas_node.dimse.transport.passed_on import PassedOn
from atlas_node.dimse.transport.sending import SHORTEST_PDU, p_data
from atlas_node.dimse.transport.served_request import Collected
from atlas_node.dimse.transport.services import Operation, Services, requestor_of

if TYPE_CHECKING:
    from atlas_node.dimse.transport.acceptor import AcceptedAssociation

_BUFFER: Final = 1 << 17
_LONGEST_COMMAND_SET: Final = 1 << 16
_REQUESTS_OF_QUERIES: Final = (C_FIND_RQ, C_GET_RQ, C_MOVE_RQ)
_OF_QUERIES: Final = (*_REQUESTS_OF_QUERIES, C_CANCEL_RQ, C_STORE_RQ | RESPONSE)
_WITH_MESSAGE_ID: Final = (C_STORE_RQ, C_ECHO_RQ, *_REQUESTS_OF_QUERIES)


class Echo:
    """The operation of a C-ECHO request, which has no data set."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def take(self, data: memoryview) -> None:
        """Pass over the bytes."""

    def finish(self) -> Answer:
        """Return the answer."""
        return self._answer

    def abandon(self) -> None:
        """Do nothing."""


class DataTransfer:
    """Takes the messages of one association; for the thread of its `Provider` alone.

    Parameters
    ----------
    assoc : AcceptedAssociation
        Negotiated when the first message comes.
    services : Services
    read : callable
        Fills a buffer from the connection.
    send : callable
        Sends the PDUs of one message.
    """

    def __init__(
        self,
        assoc: AcceptedAssociation,
        services: Services,
        read: Callable[[memoryview], None],
        send: Callable[[bytes], None],
    ) -> None:
        self._assoc = assoc
        self._services = services
        self._read = read
        self._send = send
        self._buffer = memoryview(b"")
        self._fragments = Fragments()
        self._command_set = bytearray()
        self._command: dict[int, bytes] = {}
        self._context_id = 0
        self._operation: Operation | None = None
        self._in_pdu = False

    @property
    def is_busy(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._in_pdu or self._operation is not None or bool(self._command_set)

    def receive(self, length: int) -> None:
        """Read a P-DATA-TF PDU of which the header has been read.

        Parameters
        ----------
        length : int
            Of what follows the header, in bytes.

        Raises
        ------
        ProtocolError
            When it is none, or no part of a message that can be here.
        EOFError, TimeoutError, OSError
            When the connection fails.
        """
        self._in_pdu = True
        if not self._buffer:
            self._begin()
        if length > self._longest:
            raise ProtocolError(f"a P-DATA-TF PDU of {length} bytes, at most {self._longest}")
        self._assoc.traffic.bytes += length
        self._fragments.begin(length)
        while length:
            data = self._buffer[:length]
            self._read(data)
            length -= len(data)
            for context_id, is_command, part, is_last in self._fragments.feed(data):
                if is_command:
                    self._take_command(context_id, part, is_last)
                else:
                    self._take_data(context_id, part, is_last)
        self._in_pdu = False

    def abandon(self, why: str) -> str:
        """Give up the message that has begun, if one has.

        Returns
        -------
        str
            A sentence for the log; empty when there was nothing to give up.
        """
        if not self.is_busy:
            return ""
        operation, self._operation = self._operation, None
        self._command_set.clear()
        self._in_pdu = False
        if operation is not None:
            operation.abandon()
        return f"ended in the middle of a message, of which nothing is kept: {why}"

    def _begin(self) -> None:
        assoc = self._assoc
        self._buffer = memoryview(bytearray(_BUFFER))
        self._longest = (assoc.acceptor.maximum_length or 0) + PDU_ALLOWANCE
        self._longest_sent = assoc.requestor.maximum_length or 0
        if self._longest_sent:
            self._longest_sent = max(self._longest_sent, SHORTEST_PDU)
        self._contexts = {
            number: str(context.transfer_syntax[0])
            for number, context in assoc._accepted_cx.items()
        }
        self._requestor = requestor_of(assoc)

    def _take_command(self, context_id: int, data: memoryview, is_last: bool) -> None:
        if self._operation is not None:
            raise ProtocolError("a command set in the middle of a data set")
        if self._command_set and context_id != self._context_id:
            raise ProtocolError("a command set in two presentation contexts")
        if len(self._command_set) + len(data) > _LONGEST_COMMAND_SET:
            raise ProtocolError(f"a command set of more than {_LONGEST_COMMAND_SET} bytes")
        self._context_id = context_id
        self._command_set += data
        if is_last:
            self._begin_message()

    def _take_data(self, context_id: int, data: memoryview, is_last: bool) -> None:
        operation = self._operation
        if operation is None:
            raise ProtocolError("a data set without a command set before it")
        if context_id != self._context_id:
            raise ProtocolError("a data set in another presentation context than its command set")
        operation.take(data)
        if is_last:
            self._finish()

    def _begin_message(self) -> None:
        encoded = bytes(self._command_set)
        self._command_set.clear()
        transfer_syntax = self._contexts.get(self._context_id)
        if transfer_syntax is None:
            raise ProtocolError(
                f"a message in presentation context {self._context_id}, which was not accepted"
            )
        try:
            self._command = command = decode_command_set(encoded)
            field = number(command, COMMAND_FIELD)
            has_data = number(command, DATA_SET_TYPE) != NO_DATA_SET
            if field in _WITH_MESSAGE_ID:
                number(command, MESSAGE_ID)
            elif field in _OF_QUERIES:
                number(command, MESSAGE_ID_RESPONDED_TO)
        except CommandSetError as error:
            raise ProtocolError(str(error)) from error
        if field == C_STORE_RQ:
            self._operation = self._services.store(
                self._requestor,
                string(command, AFFECTED_SOP_CLASS_UID),
                string(command, AFFECTED_SOP_INSTANCE_UID),
                transfer_syntax,
            )
        elif field == C_ECHO_RQ:
            self._operation = Echo(self._services.echo(self._requestor))
        elif field in _OF_QUERIES and self._services.longest_identifier:
            self._operation = Collected(
                self._assoc.inbox, self._context_id, command, self._services.longest_identifier
            )
        else:
            self._operation = PassedOn(self._assoc, self._context_id, field, encoded)
        if not has_data:
            self._finish()

    def _finish(self) -> None:
        operation, self._operation = self._operation, None
        assert operation is not None
        answer = operation.finish()
        if answer is None:
            return
        command = self._command
        if answer.status == SUCCESS and number(command, COMMAND_FIELD) == C_STORE_RQ:
            self._assoc.traffic.objects += 1
        response = {
            COMMAND_FIELD: us(number(command, COMMAND_FIELD) | RESPONSE),
            MESSAGE_ID_RESPONDED_TO: command[MESSAGE_ID],
            DATA_SET_TYPE: us(NO_DATA_SET),
            STATUS: us(answer.status),
        }
        for element in AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID:
            if element in command:
                value = command[element]
                response[element] = value + b"\0" * (len(value) & 1)
        if answer.comment:
            response[ERROR_COMMENT] = text(answer.comment)
        pdus = p_data(self._context_id, encode_command_set(response), None, self._longest_sent)
        self._send(b"".join(chain.from_iterable(pdus)))
