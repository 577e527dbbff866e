"""An association that we requested for more than one answer to each request: query and retrieve.

Where a C-STORE is one exchange, a query has many responses, and a retrieval lets the peer send
requests of its own in between. Whoever owns the association sends messages and receives them in
the order in which they come. The rule: what is in memory is bounded, whatever the peer sends, by
one read of the socket and by `longest_identifier`; the data sets of C-STORE go to a sink as they
come.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from atlas_node.dimse.transport.command_set import (
    A_DATA_SET,
    C_CANCEL_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    NO_DATA_SET,
    CommandSetError,
    decode_command_set,
    encode_command_set,
    number,
    us,
)
from atlas_node.dimse.transport.established import EstablishedAssociation, Patience
from atlas_node.dimse.transport.fragments import Fragments, ProtocolError
from atlas_node.dimse.transport.incoming import Pdu, PduError
from atlas_node.dimse.transport.sending import Buffer, p_data

_LONGEST_COMMAND_SET: Final = 1 << 16


class Sink(Protocol):
    """Takes a data set as it comes."""

    def take(self, data: memoryview) -> None:
        """Take the next bytes; they are gone when this returns."""

    def abandon(self) -> None:
        """Throw away what was taken: its end does not come."""


class Identifier:
    """A data set that is collected in memory."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.data = bytearray()

    def take(self, data: memoryview) -> None:
        """Append the next bytes.

        Raises
        ------
        PduError
            When it grows longer than is allowed.
        """
        if len(self.data) + len(data) > self._longest:
            raise _too_long(self._longest)
        self.data += data

    def abandon(self) -> None:
        """Do nothing: it goes with the association."""


class Message(NamedTuple):
    """A message that has come.

    Attributes
    ----------
    context_id : int
    command : mapping of int to bytes
    data_set : bytes, Sink or None
        As it came, or the sink that the data set of a C-STORE request went to; None where there
        was no data set.
    """

    # A tuple takes half the time of a dataclass that is frozen, and a query has thousands.
    context_id: int
    command: Mapping[int, bytes]
    data_set: bytes | Sink | None

    @property
    def field(self) -> int:
        """The command field."""
        return number(self.command, COMMAND_FIELD)

    @property
    def identifier(self) -> bytes:
        """The data set where it was collected; else nothing."""
        return self.data_set if isinstance(self.data_set, bytes) else b""


class _Alike(NamedTuple):
    """The command set of a message with a data set, for those that have the same one."""

    pdu: bytes
    context_id: int
    command: Mapping[int, bytes]


BeginStore = Callable[[int, Mapping[int, bytes]], Sink]
"""Given context and command set of a C-STORE request, returns where its data set goes."""


class Conversation(EstablishedAssociation):
    """An established association of ours on which messages go both ways.

    Parameters
    ----------
    sock, peer, longest_sent, longest_received, patience
        As `EstablishedAssociation` takes them; `patience.response` is how long the peer may be
        silent while something is expected of it.
    longest_identifier : int
        Bytes that the data set of a response may have.
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        *,
        longest_sent: int,
        longest_received: int,
        patience: Patience,
        longest_identifier: int,
    ) -> None:
        super().__init__(
            sock,
            peer,
            longest_sent=longest_sent,
            longest_received=longest_received,
            patience=patience,
        )
        self._longest_identifier = longest_identifier
        self._begin_store: BeginStore | None = None
        self._fragments = Fragments()
        self._command_set = bytearray()
        self._last_encoded = bytearray()
        self._last_command: Mapping[int, bytes] = {}
        self._alike: _Alike | None = None
        self._context_id = 0
        self._command: Mapping[int, bytes] | None = None
        self._data_set: Sink | None = None
        self._arrived: deque[Message] = deque()
        self._heard_at = 0.0

    @property
    def has_arrived(self) -> bool:
        """Whether `receive` returns a message without looking for more."""
        return bool(self._arrived)

    def fileno(self) -> int:
        """Return the descriptor that is readable when the peer has said something."""
        return int(self._socket.fileno())

    def request(
        self, context_id: int, command: Mapping[int, bytes], pieces: Sequence[Buffer] | None = None
    ) -> int:
        """Send a request and return its message ID.

        Parameters
        ----------
        context_id : int
        command : mapping of int to bytes
            Without message ID and data set type.
        pieces : sequence of bytes or memoryview, optional
            The encoded data set.

        Raises
        ------
        AssociationLostError
            When the association has ended; it is closed then.
        """
        self._message_id = self._message_id % 0xFFFF + 1
        self._heard_at = time.monotonic()
        self.send(context_id, {**command, MESSAGE_ID: us(self._message_id)}, pieces)
        return self._message_id

    def cancel(self, context_id: int, message_id: int) -> None:
        """Ask that no more responses to a request are sent (C-CANCEL, PS3.7 9.3.2.3).

        Raises
        ------
        AssociationLostError
            When the association has ended; it is closed then.
        """
        command = {COMMAND_FIELD: us(C_CANCEL_RQ), MESSAGE_ID_RESPONDED_TO: us(message_id)}
        self.send(context_id, command)

    def send(
        self, context_id: int, command: Mapping[int, bytes], pieces: Sequence[Buffer] | None = None
    ) -> None:
        """Send a message that is complete but for its data set type.

        Raises
        ------
        AssociationLostError
            When the association has ended; it is closed then.
        """
        if self._closed:
            raise self._lost("the association has ended")
        kind = NO_DATA_SET if pieces is None else A_DATA_SET
        encoded = encode_command_set({**command, DATA_SET_TYPE: us(kind)})
        try:
            for batch in p_data(context_id, encoded, pieces, self._longest_sent):
                self._send(batch)
        except BaseException:
            self._close()
            self._forget()
            raise

    def release(self) -> None:
        """End the association in order; what still comes of messages is passed over."""
        self._alike = None
        super().release()

    def receive(
        self, begin_store: BeginStore | None = None, bell: int = -1, seconds: float | None = None
    ) -> Message | None:
        """Wait for the next message.

        Parameters
        ----------
        begin_store : callable, optional
            Where data sets of C-STORE requests go; None: such a request ends the association.
        bell : int, optional
            A file descriptor; when it becomes readable the wait ends.
        seconds : float, optional
            After which the wait ends.

        Returns
        -------
        Message or None
            None when the bell or the time has ended the wait.

        Raises
        ------
        AssociationLostError
            When the association has ended, or the peer is silent for too long; it is closed then.
        """
        self._begin_store = begin_store
        end = None if seconds is None else time.monotonic() + seconds
        while not self._arrived:
            if self._closed:
                raise self._lost("the association has ended")
            now = time.monotonic()
            give_up = self._heard_at + self._patience.response
            until = give_up if end is None else min(end, give_up)
            # It may have spoken while nobody listened, so it is heard before it is given up.
            if self._wait_for_news(bell, until - now):
                try:
                    self._receive()
                except BaseException:
                    self._forget()
                    raise
                self._heard_at = time.monotonic()
            elif time.monotonic() >= give_up:
                self.abort()
                raise self._lost(f"said nothing for {self._patience.response:g} s")
            elif bell >= 0 or end is not None:
                return None
        message = self._arrived.popleft()
        if not self._arrived:
            # While there was something to take nothing more was expected of it.
            self._heard_at = time.monotonic()
        return message

    def _wait_for_news(self, bell: int, seconds: float) -> bool:
        """Whether the peer has said something; else the bell rang, or the time is over."""
        if bell < 0:
            self._poll.modify(self._socket, select.POLLIN)
            return bool(self._poll.poll(max(0.0, seconds) * 1000))
        news = select.poll()
        news.register(self._socket, select.POLLIN)
        news.register(bell, select.POLLIN)
        return any(found != bell for found, _ in news.poll(max(0.0, seconds) * 1000))

    def _next_pdu(self) -> Pdu | None:
        """Return the next PDU behind whole messages with the command set of one before."""
        alike = self._alike
        if alike is not None and self._command is None and not self._command_set:
            while (data_set := self._incoming.next_alike(alike.pdu)) is not None:
                if len(data_set) > self._longest_identifier:
                    raise self._nonsense(_too_long(self._longest_identifier))
                self._arrived.append(Message(alike.context_id, alike.command, data_set))
        return super()._next_pdu()

    def _take(self, body: bytes) -> None:
        try:
            self._fragments.begin(len(body))
            parts = self._fragments.feed(memoryview(body))
        except ProtocolError as error:
            raise PduError(f"sent {error}") from error
        for context_id, of_command, part, last in parts:
            if of_command:
                self._take_command(context_id, part, last)
            else:
                self._take_data(context_id, part, last)

    def _take_command(self, context_id: int, part: memoryview, last: bool) -> None:
        if self._command is not None:
            raise PduError("sent a command set in the middle of a data set")
        if self._command_set and context_id != self._context_id:
            raise PduError("sent a command set in two presentation contexts")
        if len(self._command_set) + len(part) > _LONGEST_COMMAND_SET:
            raise PduError("sent a command set without an end")
        self._context_id = context_id
        self._command_set += part
        if not last:
            return
        try:
            command = self._decoded()
            field = number(command, COMMAND_FIELD)
            has_data = number(command, DATA_SET_TYPE) != NO_DATA_SET
            if field == C_STORE_RQ:
                number(command, MESSAGE_ID)
        except CommandSetError as error:
            raise PduError(f"sent no message: {error}") from error
        finally:
            self._command_set = bytearray()
        if field == C_STORE_RQ and self._begin_store is None:
            raise PduError("sent an object that was not asked for")
        if field == C_STORE_RQ and self._begin_store is not None:
            self._data_set = self._begin_store(context_id, command)
        elif has_data:
            self._data_set = Identifier(self._longest_identifier)
            if self._alike is None or self._alike.command is not command:
                [whole] = p_data(context_id, bytes(self._last_encoded), None, 0)
                self._alike = _Alike(b"".join(whole), context_id, command)
        self._command = command
        if not has_data:
            self._complete()

    def _decoded(self) -> Mapping[int, bytes]:
        """Return the elements of a command set; of one that comes again, the same object."""
        if self._command_set != self._last_encoded:
            self._last_command = decode_command_set(self._command_set)
            self._last_encoded = self._command_set
        return self._last_command

    def _take_data(self, context_id: int, part: memoryview, last: bool) -> None:
        if self._command is None or self._data_set is None:
            raise PduError("sent a data set without a command set before it")
        if context_id != self._context_id:
            raise PduError("sent a data set in another presentation context than its command set")
        self._data_set.take(part)
        if last:
            self._complete()

    def _complete(self) -> None:
        assert self._command is not None
        sink = self._data_set
        data_set = bytes(sink.data) if isinstance(sink, Identifier) else sink
        self._arrived.append(Message(self._context_id, self._command, data_set))
        self._command = self._data_set = None

    def _forget(self) -> None:
        """Throw away data sets whose messages nobody will take any more."""
        unfinished = [self._data_set, *(message.data_set for message in self._arrived)]
        self._data_set = self._command = None
        self._arrived.clear()
        for sink in unfinished:
            if sink is not None and not isinstance(sink, bytes):
                sink.abandon()


def _too_long(longest: int) -> PduError:
    return PduError(f"sent an identifier of more than {longest} bytes")
