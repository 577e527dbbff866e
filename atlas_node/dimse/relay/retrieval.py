"""A retrieval while it runs: one request of a caller, passed on to one upstream after the other.

`get` and `move` say what is asked of an upstream and what becomes of an object. Here its responses
and its objects are dealt with as they come: while one object is on its way to who it is for, the
next one comes in. The caller is told how far it is, and a cancel or the end of the caller ends it.
The rule: the final response comes, whatever happens upstream, and says what has been stored and
what has not; an instance that two upstreams have is handed on once.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Mapping
from typing import Final

from atlas_node.dimse.relay.identifier import carried_over
from atlas_node.dimse.relay.retrieved import Forward, Keeper, RetrievedObject
from atlas_node.dimse.relay.suboperations import (
    Tally,
    failed_in,
    failed_list,
    final_status,
)
from atlas_node.dimse.relay.upstream import OpenUpstream
from atlas_node.dimse.status import (
    ALL_FAILED,
    CANCELLED,
    PENDING,
    PROCESSING_FAILURE,
    SOME_FAILED,
    SUCCESS,
    UNABLE_TO_PROCESS,
    Answer,
    Verdict,
    verdict,
)
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    ERROR_COMMENT,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    PRIORITY,
    RESPONSE,
    STATUS,
    CommandSetError,
    number,
    string,
    text,
    uid,
    us,
)
from atlas_node.dimse.transport.conversation import Message
from atlas_node.dimse.transport.incoming import PduError
from atlas_node.dimse.transport.served_request import CallerGoneError, ServedRequest
from atlas_node.errors import PeerError
from atlas_node.model import Envelope

_TO_CANCEL: Final = 5.0
"""Seconds that an upstream has to end what was cancelled; then it is left."""

_LOOK_EVERY: Final = 1.0
"""Seconds after which an object that is on its way is looked at, even if nothing has rung."""

_WITH_COUNTS: Final = (SUCCESS, SOME_FAILED, CANCELLED)
"""Final statuses that leave nothing open that remained; others end everything."""

_logger = logging.getLogger(__name__)


class Retrieval:
    """One C-GET or C-MOVE request of a caller.

    Parameters
    ----------
    request : ServedRequest
    transfer_syntax_uid : str
        Of the request's identifier.
    keeper : Keeper
        Makes place for objects that come by the node.
    """

    def __init__(
        self,
        request: ServedRequest,
        transfer_syntax_uid: str,
        keeper: Keeper,
    ) -> None:
        self._tally = Tally()
        self._hopeless = ""
        self._request = request
        self._syntax = transfer_syntax_uid
        self._keeper = keeper
        self._forward: Forward | None = None
        self._answers: list[Answer] = []
        self._waiting: RetrievedObject | None = None
        self._on_its_way: RetrievedObject | None = None
        self._untold = False
        self._stored: set[str] = set()

    def ask(
        self,
        upstream: OpenUpstream,
        service: str,
        more: Mapping[int, bytes],
        forward: Forward | None = None,
    ) -> None:
        """Pass the request on to an upstream, and deal with what comes until its final response.

        Parameters
        ----------
        upstream : OpenUpstream
            Its association is left open where that is possible.
        service : str
            SOP class.
        more : mapping of int to bytes
            Of the command set: the command field, the move destination.
        forward : callable, optional
            Hands on objects; None where they do not come by the node.

        Raises
        ------
        CallerGoneError
            When the caller has gone; the upstream was told to stop.
        """
        conversation, request = upstream.conversation, self._request
        self._forward = forward
        self._tally.begin(witnessed=forward is not None)
        try:
            context_id, syntax = upstream.context_of(service)
            try:
                identifier = carried_over(request.identifier, self._syntax, syntax)
            except ValueError as error:
                self.failed(Answer(UNABLE_TO_PROCESS, str(error)))
                return
            command = {
                **more, AFFECTED_SOP_CLASS_UID: uid(service), PRIORITY: request.priority,
            }  # fmt: skip
            message_id = conversation.request(context_id, command, [identifier])
            answer = self._follow(upstream, context_id, syntax, message_id)
            self._see_off()
            if self._hopeless or answer.status not in _WITH_COUNTS:
                self._tally.lost()
            self._answers.append(answer)
        except CallerGoneError:
            conversation.abort()
            raise
        except PeerError as error:
            self._see_off()
            self._tally.lost()
            self.failed(Answer(UNABLE_TO_PROCESS, str(error)))
        except BaseException:
            conversation.abort()
            raise
        finally:
            for retrieved in self._waiting, self._on_its_way:
                if retrieved is not None:
                    retrieved.abandon()
            self._waiting = self._on_its_way = None

    def failed(self, answer: Answer) -> None:
        """Count an upstream that could not be asked, or did not answer to the end."""
        _logger.warning(
            "retrieval for %s: status 0x%04X %s",
            self._request.requestor, answer.status, ascii(answer.comment)[1:-1],
        )  # fmt: skip
        self._answers.append(answer)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to ask another upstream for: cancelled, or hopeless."""
        return bool(self._hopeless) or any(it.status == CANCELLED for it in self._answers)

    def finish(self) -> Answer:
        """Send the final response; return its status and comment.

        Raises
        ------
        CallerGoneError
            When there is nobody to send it to.
        """
        counts = self._tally.counts
        answer = final_status(self._answers, counts)
        if self._hopeless:
            stored = counts.completed or counts.warning
            answer = Answer(SOME_FAILED if stored else ALL_FAILED, self._hopeless)
        may_remain = answer.status == CANCELLED
        elements = counts.elements() if may_remain else counts.elements_of_final()
        failed = self._tally.failed
        identifier = [failed_list(failed, self._syntax)] if failed else None
        self._request.respond(answer.status, elements, identifier, answer.comment)
        return answer

    def _follow(
        self, upstream: OpenUpstream, context_id: int, syntax: str, message_id: int
    ) -> Answer:
        """Deal with what comes until the final response; return what that says."""
        conversation, request = upstream.conversation, self._request
        leave_at: float | None = None
        while True:
            self._attend()
            if leave_at is None and (request.is_cancelled or self._hopeless):
                conversation.cancel(context_id, message_id)
                leave_at = time.monotonic() + _TO_CANCEL
            left = _LOOK_EVERY if leave_at is None else max(0.0, leave_at - time.monotonic())
            if left == 0.0:
                conversation.abort()
                return Answer(CANCELLED)
            if self._waiting is not None:
                self._wait(left)
                continue
            message = conversation.receive(
                lambda id_, command: self._begin(upstream, id_, command), request.bell, left
            )
            if message is None:
                continue
            if isinstance(message.data_set, RetrievedObject):
                self._take_in(upstream, message, message.data_set)
                continue
            answer = self._response(message, syntax, message_id)
            if answer is not None:
                return answer

    def _wait(self, seconds: float) -> None:
        """Wait until the caller has said something, or an object has been answered for."""
        news = select.poll()
        news.register(self._request.bell, select.POLLIN)
        news.poll(min(seconds, _LOOK_EVERY) * 1000)

    def _see_off(self) -> None:
        """Hand on what has come, and wait for the answers."""
        self._attend()
        while self._on_its_way is not None:
            self._wait(_LOOK_EVERY)
            self._attend()

    def _response(self, message: Message, syntax: str, message_id: int) -> Answer | None:
        """Deal with a response of the upstream; return what it says when it is the final one."""
        command = message.command
        try:
            field, status = message.field, number(command, STATUS)
            responded_to = number(command, MESSAGE_ID_RESPONDED_TO)
        except CommandSetError:
            return None
        if responded_to != message_id or field not in (C_GET_RQ | RESPONSE, C_MOVE_RQ | RESPONSE):
            return None
        self._tally.reported(command)
        if status == PENDING:
            # Of objects that come by the node it is the node that says how many are through.
            self._untold = self._untold or self._forward is None
            if self._on_its_way is None:
                self._tell()
            return None
        self._tally.name_failed(failed_in(message.identifier, syntax))
        return Answer(status, string(command, ERROR_COMMENT))

    def _begin(
        self, upstream: OpenUpstream, context_id: int, command: Mapping[int, bytes]
    ) -> RetrievedObject:
        if self._forward is None:
            raise PduError("sent an object that was not asked for")
        if context_id not in upstream.contexts:
            raise PduError(f"sent an object in context {context_id}, which it did not accept")
        _, transfer_syntax = upstream.contexts[context_id]
        envelope = Envelope(
            received_at=time.time(),
            calling_ae=upstream.ae_title,
            called_ae=self._request.requestor.calling_ae,
            peer=upstream.address,
            sop_class_uid=string(command, AFFECTED_SOP_CLASS_UID),
            sop_instance_uid=string(command, AFFECTED_SOP_INSTANCE_UID),
            transfer_syntax_uid=transfer_syntax,
        )
        retrieved = RetrievedObject(self._keeper, envelope, self._forward)
        if envelope.sop_instance_uid in self._stored:
            retrieved.repeat()
        return retrieved

    def _take_in(
        self, upstream: OpenUpstream, message: Message, retrieved: RetrievedObject
    ) -> None:
        """Tell the upstream that an object has come, so that it sends the next."""
        self._waiting = retrieved
        if self._hopeless:
            retrieved.refuse(Answer(PROCESSING_FAILURE, self._hopeless))
        answer = retrieved.arrive()
        command = message.command
        response = {
            COMMAND_FIELD: us(C_STORE_RQ | RESPONSE),
            MESSAGE_ID_RESPONDED_TO: command[MESSAGE_ID],
            STATUS: us(answer.status),
        }
        for element in AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID:
            value = command.get(element, b"")
            response[element] = value + b"\0" * (len(value) & 1)
        if answer.comment:
            response[ERROR_COMMENT] = text(answer.comment)
        upstream.conversation.send(message.context_id, response)

    def _attend(self) -> None:
        """Count the object that is on its way, if it has been answered for, and send the next.

        Raises
        ------
        CallerGoneError
            When the caller has gone.
        """
        request = self._request
        request.listen()
        if request.is_gone:
            raise CallerGoneError(f"{request.requestor}: ended the association")
        while True:
            begins = self._on_its_way is None and self._waiting is not None
            if begins:
                # An upstream may say nothing in between; its silence is not passed on.
                self._tell(anyway=True)
                self._on_its_way, self._waiting = self._waiting, None
            retrieved = self._on_its_way
            if retrieved is None:
                return
            answer = self._outcome(retrieved, begins=begins)
            if answer is None:
                return
            retrieved.abandon()
            self._on_its_way = None
            if retrieved.is_repeated:
                self._tally.repeated()
            else:
                self._count(retrieved, answer)
            self._untold = True
            self._tell()

    def _count(self, retrieved: RetrievedObject, answer: Answer) -> None:
        instance = retrieved.envelope.sop_instance_uid
        self._tally.answered(instance, answer, told=retrieved.is_refusal_told)
        if verdict(answer.status) is Verdict.STORED:
            self._stored.add(instance)

    def _outcome(self, retrieved: RetrievedObject, *, begins: bool) -> Answer | None:
        """Return what has become of an object; None while its receiver has not answered."""
        if self._hopeless:
            return Answer(PROCESSING_FAILURE, self._hopeless)
        try:
            if begins:
                retrieved.hand_on()
            return retrieved.answer()
        except CallerGoneError:
            raise
        except PeerError as error:
            self._hopeless = str(error)
            return Answer(PROCESSING_FAILURE, self._hopeless)

    def _tell(self, *, anyway: bool = False) -> None:
        """Tell the caller how far it is; not without what remains, unless it is to be `anyway`."""
        counts = self._tally.counts
        if self._untold and (anyway or counts.remaining is not None):
            self._untold = False
            self._request.respond(PENDING, counts.elements())
