"""A request that is answered at length: C-FIND, C-GET or C-MOVE of a peer that called us.

`DataTransfer` puts what such a peer sends into the `Inbox` of its association, and the
association's own thread serves one request after the other, each as a `ServedRequest`. The rule:
what waits is bounded in number and length, and PDUs of two messages are never mixed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom.uid import UID

from atlas_node.dimse.status import Answer
from atlas_node.dimse.transport.command_set import (
    A_DATA_SET,
    AFFECTED_SOP_CLASS_UID,
    C_CANCEL_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    ERROR_COMMENT,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    NO_DATA_SET,
    PRIORITY,
    RESPONSE,
    STATUS,
    CommandSetError,
    encode_command_set,
    number,
    text,
    us,
)
from atlas_node.dimse.transport.fragments import ProtocolError
from atlas_node.dimse.transport.sending import Buffer, p_data
from atlas_node.dimse.transport.services import Requestor, Session, requestor_of
from atlas_node.errors import PeerError

if TYPE_CHECKING:
    from atlas_node.dimse.transport.acceptor import AcceptedAssociation

_MOST_WAITING: Final = 32
_MEDIUM: Final = us(0)
_C_STORE_RSP: Final = C_STORE_RQ | RESPONSE

_logger = logging.getLogger(__name__)


class CallerGoneError(PeerError):
    """The association on which a request came has ended; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that a peer sent: context, command set, and data set or nothing."""

    context_id: int
    command: Mapping[int, bytes]
    data: bytes

    @property
    def field(self) -> int:
        """The command field."""
        return number(self.command, COMMAND_FIELD)


class Inbox:
    """Messages of one peer that wait for the association's own thread.

    Parameters
    ----------
    ring : callable
        Tells the thread that there is one.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._requests: deque[Received] = deque()
        self._responses: deque[Received] = deque()
        self._cancelled: deque[int] = deque(maxlen=_MOST_WAITING)

    def put(self, message: Received) -> None:
        """Take a message.

        Raises
        ------
        ProtocolError
            When too many wait.
        """
        field = message.field
        with self._lock:
            if field == C_CANCEL_RQ:
                self._cancelled.append(number(message.command, MESSAGE_ID_RESPONDED_TO))
            else:
                queue = self._responses if field & RESPONSE else self._requests
                if len(queue) >= _MOST_WAITING:
                    raise ProtocolError(f"{_MOST_WAITING} messages wait to be looked at")
                queue.append(message)
                if queue is self._requests:
                    self._forget(number(message.command, MESSAGE_ID))
        self._ring()

    def has_request(self) -> bool:
        """Whether a request waits."""
        return bool(self._requests)

    def next_request(self) -> Received | None:
        """Return the next request; what was said of an earlier one is forgotten."""
        with self._lock:
            if not self._requests:
                return None
            request = self._requests.popleft()
            self._responses.clear()
            return request

    def next_response(self) -> Received | None:
        """Return the next response to a sub-operation."""
        with self._lock:
            return self._responses.popleft() if self._responses else None

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer has cancelled a request."""
        return message_id in self._cancelled

    def _forget(self, message_id: int) -> None:
        """Forget a cancel that came too late for an earlier request of the same number."""
        while message_id in self._cancelled:
            self._cancelled.remove(message_id)


class Collected:
    """The operation of a message that goes into an inbox when it is complete."""

    def __init__(
        self, inbox: Inbox, context_id: int, command: Mapping[int, bytes], longest: int
    ) -> None:
        self._inbox = inbox
        self._context_id = context_id
        self._command = command
        self._longest = longest
        self._data = bytearray()

    def take(self, data: memoryview) -> None:
        """Append the next bytes.

        Raises
        ------
        ProtocolError
            When there are more than an identifier may have.
        """
        if len(self._data) + len(data) > self._longest:
            raise ProtocolError(f"an identifier of more than {self._longest} bytes")
        self._data += data

    def finish(self) -> Answer | None:
        """Put the message into the inbox; it is answered from there."""
        self._inbox.put(Received(self._context_id, self._command, bytes(self._data)))
        return None

    def abandon(self) -> None:
        """Do nothing: what was collected goes with this."""


class ServedRequest:
    """One request of a peer while it is served, by the association's own thread.

    Parameters
    ----------
    assoc : AcceptedAssociation
    message : Received

    Attributes
    ----------
    requestor : Requestor
    context_id : int
    command : mapping of int to bytes
    message_id : int
    identifier : bytes
        As encoded.
    bell : int
        A descriptor that becomes readable when the peer has said something; see `listen`.
    """

    def __init__(self, assoc: AcceptedAssociation, message: Received) -> None:
        self._assoc = assoc
        self._inbox = assoc.inbox
        self.requestor: Requestor = requestor_of(assoc)
        self.context_id = message.context_id
        self.command = message.command
        self.message_id = number(message.command, MESSAGE_ID)
        self.identifier = message.data
        self.bell = assoc.bell.open()
        self._sub_operation = 0
        self._give_up = 0.0

    @property
    def field(self) -> int:
        """The command field."""
        return number(self.command, COMMAND_FIELD)

    @property
    def priority(self) -> bytes:
        """The priority as encoded; medium where there is none that can be read."""
        value = self.command.get(PRIORITY, b"")
        return value if len(value) == len(_MEDIUM) else _MEDIUM

    @property
    def contexts(self) -> dict[int, tuple[str, str]]:
        """Abstract and transfer syntax of each presentation context that was accepted."""
        return {
            context_id: (str(it.abstract_syntax), str(it.transfer_syntax[0]))
            for context_id, it in self._assoc._accepted_cx.items()
        }

    @property
    def receives(self) -> list[tuple[int, str, str]]:
        """Contexts in which the peer takes objects in the role of SCP, with both syntaxes."""
        roles = self._assoc.requestor.role_selection
        return [
            (context_id, abstract, transfer)
            for context_id, (abstract, transfer) in self.contexts.items()
            if (role := roles.get(UID(abstract))) is not None and role.scp_role
        ]

    @property
    def longest_sent(self) -> int:
        """Longest P-DATA-TF PDU that the peer takes; 0: any."""
        return self._assoc.longest_sent

    @property
    def session(self) -> Session | None:
        """What belongs to the association."""
        return self._assoc.session

    @property
    def is_cancelled(self) -> bool:
        """Whether the peer has sent a C-CANCEL for it."""
        return self._inbox.is_cancelled(self.message_id)

    @property
    def is_gone(self) -> bool:
        """Whether the association has ended, or is about to."""
        assoc = self._assoc
        return assoc._kill or assoc.dul.has_ended or not assoc.dul.to_user_queue.empty()

    def listen(self) -> None:
        """Hear the bell again: what has rung it is looked at after this."""
        self._assoc.bell.hush()

    def ring(self) -> None:
        """Ring the bell, for something that happened elsewhere; any thread may call this."""
        self._assoc.bell.set()

    def respond(
        self,
        status: int,
        elements: Mapping[int, bytes] | None = None,
        identifier: Sequence[Buffer] | None = None,
        comment: str = "",
    ) -> None:
        """Send a response.

        Parameters
        ----------
        status : int
        elements : mapping of int to bytes, optional
            More of the command set.
        identifier : sequence of bytes or memoryview, optional
            As encoded in the transfer syntax of the context.
        comment : str, optional
            Error comment.

        Raises
        ------
        CallerGoneError
            When the association has ended.
        """
        has_data = identifier is not None
        encoded = self.response(status, elements, comment, has_identifier=has_data)
        self.send(p_data(self.context_id, encoded, identifier, self.longest_sent))

    def response(
        self,
        status: int,
        elements: Mapping[int, bytes] | None,
        comment: str = "",
        *,
        has_identifier: bool,
    ) -> bytes:
        """Return the command set of a response as encoded."""
        command = {
            **(elements or {}),
            COMMAND_FIELD: us(self.field | RESPONSE),
            MESSAGE_ID_RESPONDED_TO: us(self.message_id),
            STATUS: us(status),
        }
        if AFFECTED_SOP_CLASS_UID in self.command:
            value = self.command[AFFECTED_SOP_CLASS_UID]
            command[AFFECTED_SOP_CLASS_UID] = value + b"\0" * (len(value) & 1)
        if comment:
            command[ERROR_COMMENT] = text(Answer(status, comment).comment)
        return _encoded(command, has_data=has_identifier)

    def begin_exchange(
        self, context_id: int, command: Mapping[int, bytes], pieces: Sequence[Buffer]
    ) -> None:
        """Send a request of ours, a sub-operation; the next only after its `answer`.

        Parameters
        ----------
        context_id : int
        command : mapping of int to bytes
            Without message ID and data set type.
        pieces : sequence of bytes or memoryview
            The encoded data set.

        Raises
        ------
        CallerGoneError
            When the association has ended.
        """
        self._sub_operation = message_id = self._sub_operation % 0xFFFF + 1
        encoded = _encoded({**command, MESSAGE_ID: us(message_id)}, has_data=True)
        self.send(p_data(context_id, encoded, pieces, self.longest_sent))
        self._give_up = time.monotonic() + (self._assoc.dimse_timeout or float("inf"))

    def answer(self) -> Mapping[int, bytes] | None:
        """Return the command set of the response to what was sent last; None while there is none.

        The bell rings when it comes.

        Raises
        ------
        CallerGoneError
            When the association has ended, or there is no response in time.
        """
        while (response := self._inbox.next_response()) is not None:
            if response.field == _C_STORE_RSP and _answers(response.command, self._sub_operation):
                return response.command
        if self.is_gone:
            raise CallerGoneError(f"{self.requestor}: ended the association")
        if time.monotonic() >= self._give_up:
            why = f"no answer in {self._assoc.dimse_timeout:g} s"
            self.abort(why)
            raise CallerGoneError(f"{self.requestor}: {why}")
        return None

    def abort(self, why: str) -> None:
        """End the association."""
        _logger.warning("association with %s aborted: %s", self.requestor, why)
        self._assoc.abort(block=False)

    def send(self, batches: Iterable[list[Buffer]]) -> None:
        """Send P-DATA-TF PDUs, whole messages.

        Parameters
        ----------
        batches : iterable of list
            From `p_data`.

        Raises
        ------
        CallerGoneError
            When the association has ended.
        """
        if self.is_gone:
            raise CallerGoneError(f"{self.requestor}: ended the association")
        try:
            self._assoc.send_message(batches)
        except OSError as error:
            why = "takes nothing" if isinstance(error, TimeoutError) else str(error.strerror)
            self.abort(why)
            raise CallerGoneError(f"{self.requestor}: {why}") from error


def _encoded(command: Mapping[int, bytes], *, has_data: bool) -> bytes:
    kind = A_DATA_SET if has_data else NO_DATA_SET
    return encode_command_set({**command, DATA_SET_TYPE: us(kind)})


def _answers(response: Mapping[int, bytes], message_id: int) -> bool:
    try:
        number(response, STATUS)
        return number(response, MESSAGE_ID_RESPONDED_TO) == message_id
    except CommandSetError:
        return False
