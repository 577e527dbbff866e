"""C-FIND: a query goes to one upstream or several, and their responses come back as they are given.

`QueryRelay` makes a `Query` of each request. Requests to all upstreams go out at once; whatever
one of them says is annotated, completed from the index, and sent on before the next is read. The
rule: nothing is collected, and what went wrong at one upstream is said in the final response.
"""

from __future__ import annotations

import hashlib
import logging
import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydicom.dataset import Dataset

from atlas_node.annotate import Annotator
from atlas_node.dimse.relay.classes import UNIQUE_KEYS
from atlas_node.dimse.relay.identifier import (
    EXPLICIT,
    annotated,
    annotated_request,
    annotated_response,
    carried_over,
    carriers,
    decode_identifier,
    encode_identifier,
)
from atlas_node.dimse.relay.response_stream import ResponseStream
from atlas_node.dimse.relay.upstream import KeptUpstream, OpenUpstream, ServiceRefusedError
from atlas_node.dimse.status import (
    CANCELLED,
    DOES_NOT_MATCH_CLASS,
    NO_SUCH_CONTEXT,
    PENDING,
    PENDING_WITHOUT_KEYS,
    SOME_FAILED,
    SUCCESS,
    UNABLE_TO_PROCESS,
    Answer,
)
from atlas_node.dimse.transport.command_set import (
    C_FIND_RQ,
    DATA_SET_TYPE,
    ERROR_COMMENT,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    RESPONSE,
    STATUS,
    CommandSetError,
    number,
    string,
)
from atlas_node.dimse.transport.conversation import Conversation, Message
from atlas_node.dimse.transport.established import AssociationLostError
from atlas_node.dimse.transport.served_request import CallerGoneError, ServedRequest
from atlas_node.encoding.standard import may_have_private
from atlas_node.errors import LogError, PeerError
from atlas_node.model import Policy
from atlas_node.query import (
    IndexedQuery,
    NothingIndexedError,
    PrivateSearch,
    QueryKeyError,
    is_indexed,
    resolve,
)

_C_FIND_RSP: Final = C_FIND_RQ | RESPONSE
_TO_CANCEL: Final = 5.0
"""Seconds that an upstream has to end what was cancelled; then it is left."""
_LOOK_EVERY: Final = 1.0
_OURS: Final = (MESSAGE_ID, DATA_SET_TYPE)

_logger = logging.getLogger(__name__)


class _NotAsked(Exception):  # noqa: N818 it ends a query before it has begun, with a status
    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(comment)
        self.answer = Answer(status, comment)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One upstream while it answers."""

    upstream: OpenUpstream
    kept: KeptUpstream
    context_id: int
    syntax: str
    message_id: int

    @property
    def conversation(self) -> Conversation:
        return self.upstream.conversation


@dataclass(frozen=True, slots=True)
class _Final:
    """The final response of an upstream, or why there is none."""

    name: str
    status: int
    comment: str = ""
    elements: Mapping[int, bytes] = field(default_factory=dict)


class Query:
    """One C-FIND request (PS3.4 C.4.1).

    Parameters
    ----------
    request : ServedRequest
    level : str or None
        As `classes.level_of` gives it.
    annotator : Annotator
    policy : Policy
        What may be changed in responses.
    private : PrivateSearch
    """

    def __init__(
        self,
        request: ServedRequest,
        level: str | None,
        *,
        annotator: Annotator,
        policy: Policy,
        private: PrivateSearch,
    ) -> None:
        self._request = request
        self._sop_class, self._syntax = request.contexts[request.context_id]
        self._level = level
        self._annotator = annotator
        # The definitions that `describe` adds belong to objects.
        self._policy = Policy.OBSERVE if policy is Policy.OBSERVE else Policy.DECODE
        self._private = private
        self._indexed: IndexedQuery | None = None
        self._asked: Dataset | None = None
        self._is_changed = False
        self._lacks_keys = False
        self._can_match = True
        self._seen: set[bytes] | None = None
        self._finals: dict[str, _Final] = {}
        self._alike: Mapping[int, bytes] = {}
        self._status = PENDING
        self._stream = ResponseStream(request)
        self._lost = 0

    def serve(self, upstreams: Sequence[KeptUpstream]) -> Answer:
        """Serve the request and return the final status.

        Raises
        ------
        CallerGoneError
            When the caller has gone; the upstreams were told to stop.
        """
        try:
            self._prepare()
        except _NotAsked as refusal:
            answer = refusal.answer
            self._request.respond(answer.status, comment=answer.comment)
            return answer
        if len(upstreams) > 1:
            self._seen = set()
        asking = [it for it in map(self._ask, upstreams) if it is not None]
        try:
            is_cancelled = self._follow(asking)
        except CallerGoneError:
            for it in asking:
                self._cancel(it)
                it.conversation.abort()
            raise
        return self._finish(upstreams, is_cancelled=is_cancelled)

    # The request

    def _prepare(self) -> None:
        """Complete the private keys, and take out those that the index answers."""
        if self._syntax == EXPLICIT and not may_have_private(self._request.identifier):
            return
        try:
            given = annotated_request(self._request.identifier, self._syntax, self._annotator)
            private = self._private
            completed, keys = resolve(given, private.attributes, private.configured)
            self._indexed = self._private.indexed(keys, self._level)
            asked = self._indexed.request(completed) if self._indexed else completed
        except (ValueError, QueryKeyError) as error:
            raise _NotAsked(DOES_NOT_MATCH_CLASS, str(error)) from error
        except NothingIndexedError as error:
            raise _NotAsked(SOME_FAILED, str(error)) from error
        except LogError as error:
            _logger.error("the index of private attributes cannot be asked: %s", error)
            raise _NotAsked(UNABLE_TO_PROCESS, "the index cannot be read") from error
        if asked is None:
            self._can_match = False
            return
        self._asked, self._is_changed = asked, bool(keys)
        # A key goes to the upstreams without its value where its VR cannot hold that; in an item,
        # or at a level, that the index does not have it may do so for nothing.
        self._lacks_keys = any(
            (not key.encodable and (key.in_item or key.tag in asked))
            or (
                (self._indexed is None or key.in_item)
                and bool(key.values)
                and is_indexed(key, self._private.configured)
            )
            for key in keys
        )

    def _ask(self, kept: KeptUpstream) -> _Asking | None:
        """Send the request to an upstream; None when that is not possible, or for nothing.

        One that nothing can match at is reached all the same: that it is down is to be told, not
        to be taken for an archive without such a study.
        """
        command = {it: value for it, value in self._request.command.items() if it not in _OURS}
        for is_last in (False, True):
            try:
                upstream = kept.open(carriers(self._request.identifier, self._syntax))
                context_id, syntax = upstream.context_of(self._sop_class)
                if not self._can_match:
                    self._finals[kept.upstream.name] = _Final(kept.upstream.name, SUCCESS)
                    return None
                encoded = self._encoded(syntax)
                message_id = upstream.conversation.request(context_id, command, [encoded])
                return _Asking(upstream, kept, context_id, syntax, message_id)
            except ServiceRefusedError as error:
                self._failed(kept, NO_SUCH_CONTEXT, str(error))
                return None
            except ValueError as error:
                self._failed(kept, DOES_NOT_MATCH_CLASS, str(error))
                return None
            except AssociationLostError as error:
                # It may have been closed just when it was used again.
                if is_last:
                    self._failed(kept, UNABLE_TO_PROCESS, str(error))
            except PeerError as error:
                self._failed(kept, UNABLE_TO_PROCESS, str(error))
                return None
        return None

    def _encoded(self, syntax: str) -> bytes:
        if self._asked is None or (syntax == self._syntax and not self._is_changed):
            return carried_over(self._request.identifier, self._syntax, syntax)
        return encode_identifier(self._asked, syntax)

    # The responses

    def _follow(self, asking: list[_Asking]) -> bool:
        """Pass on what the upstreams say until all have ended; return whether it was cancelled."""
        request = self._request
        leave_at: float | None = None
        news = self._news(asking)
        while asking:
            for it in list(asking):
                if self._take_all(it, cancelled=leave_at is not None):
                    asking.remove(it)
                    news = self._news(asking)
            if not asking:
                break
            now = time.monotonic()
            if leave_at is not None and now >= leave_at:
                for it in asking:
                    it.conversation.abort()
                break
            if not any(it.conversation.has_arrived for it in asking):
                ready = news.poll((_LOOK_EVERY if leave_at is None else leave_at - now) * 1000)
                if any(descriptor == request.bell for descriptor, _ in ready):
                    request.listen()
            if request.is_gone:
                raise CallerGoneError(f"{request.requestor}: ended the association")
            if leave_at is None and request.is_cancelled:
                leave_at = time.monotonic() + _TO_CANCEL
                for it in list(asking):
                    if not self._cancel(it):
                        asking.remove(it)
                        news = self._news(asking)
        return leave_at is not None

    def _news(self, asking: Sequence[_Asking]) -> select.poll:
        """Return what is polled for a word of the caller's, or of one of the upstreams."""
        news = select.poll()
        news.register(self._request.bell, select.POLLIN)
        for it in asking:
            news.register(it.conversation.fileno(), select.POLLIN)
        return news

    def _take_all(self, asking: _Asking, *, cancelled: bool) -> bool:
        """Take what an upstream has said by now; return whether that was its last."""
        conversation = asking.conversation
        try:
            # No more than one read: another upstream, or the caller, wants to be heard, too.
            message = conversation.receive(seconds=0)
            while message is not None:
                is_over = self._take(asking, message, cancelled=cancelled)
                is_last = is_over or not conversation.has_arrived
                if is_last or (not cancelled and self._request.is_cancelled):
                    self._stream.flush()
                    return is_over
                message = conversation.receive(seconds=0)
        except AssociationLostError as error:
            self._failed(asking.kept, UNABLE_TO_PROCESS, str(error))
            return True
        return False

    def _take(self, asking: _Asking, message: Message, *, cancelled: bool) -> bool:
        """Take one response; return whether it is the final one of its upstream."""
        command = message.command
        if command is self._alike:
            # The same object has been looked at with the response before.
            if not cancelled:
                self._pass_on(message, self._status, asking.syntax)
            return False
        try:
            if message.field != _C_FIND_RSP:
                raise CommandSetError("it is no C-FIND response")
            if number(command, MESSAGE_ID_RESPONDED_TO) != asking.message_id:
                return False
            status = number(command, STATUS)
        except CommandSetError as error:
            asking.conversation.abort()
            why = f"{asking.upstream.name}: sent what is no answer: {error}"
            self._failed(asking.kept, UNABLE_TO_PROCESS, why)
            return True
        if status not in (PENDING, PENDING_WITHOUT_KEYS):
            comment = string(command, ERROR_COMMENT)
            name = asking.kept.upstream.name
            self._finals[name] = _Final(name, status, comment, command)
            return True
        self._alike, self._status = command, status
        if not cancelled:
            self._pass_on(message, status, asking.syntax)
        return False

    def _pass_on(self, message: Message, status: int, syntax: str) -> None:
        given = message.data_set
        if not isinstance(given, bytes):
            if self._lacks_keys:
                status = PENDING_WITHOUT_KEYS
            self._request.respond(status, message.command)
            return
        try:
            found = self._for_caller(given, syntax)
        except (ValueError, LogError) as error:
            self._lose(error)
            return
        if found is None or self._is_known(given, syntax):
            return
        identifier, is_whole = found
        if self._lacks_keys or not is_whole:
            status = PENDING_WITHOUT_KEYS
        self._stream.add(status, message.command, identifier)

    def _lose(self, error: Exception) -> None:
        """Count a response that the caller does not get."""
        self._lost += 1
        if self._lost == 1:
            requestor = self._request.requestor
            _logger.warning("a response to %s is not passed on: %s", requestor, error)

    def _for_caller(
        self, identifier: bytes, syntax: str
    ) -> tuple[Sequence[bytes | memoryview], bool] | None:
        """Return a response as the caller gets it, and whether it has all that the index was asked.

        It is None where it does not match.

        Raises
        ------
        ValueError
            When it cannot be encoded for the caller.
        LogError
            When the index cannot be asked.
        """
        is_plain = syntax == EXPLICIT == self._syntax and not may_have_private(identifier)
        if self._indexed is not None and is_plain:
            plain = self._indexed.answer_plain(identifier)
            return None if plain is None else ([plain[0]], plain[1])
        if self._indexed is not None:
            response = annotated(identifier, syntax, self._annotator)
            answered = self._indexed.answer(response)
            if answered is None:
                return None
            completed, is_whole = answered
            return [encode_identifier(completed, self._syntax)], is_whole
        if is_plain or (syntax == self._syntax and syntax != EXPLICIT):
            return [identifier], True
        policy = self._policy if syntax == self._syntax else Policy.DECODE
        return annotated_response(identifier, syntax, self._syntax, self._annotator, policy), True

    def _is_known(self, identifier: bytes, syntax: str) -> bool:
        """Whether another upstream has given this response already."""
        if self._seen is None:
            return False
        mark = _digest(identifier, syntax, UNIQUE_KEYS.get(self._level or "", ()))
        if mark in self._seen:
            return True
        self._seen.add(mark)
        return False

    # The end

    def _cancel(self, asking: _Asking) -> bool:
        """Pass a cancel on; False when the upstream has gone."""
        try:
            asking.conversation.cancel(asking.context_id, asking.message_id)
        except AssociationLostError:
            return False
        return True

    def _failed(self, kept: KeptUpstream, status: int, why: str) -> None:
        _logger.warning(
            "query of %s at %s failed: %s", self._request.requestor, kept.upstream.name, why
        )
        # A comment has 64 characters: the name that the configuration has is enough.
        comment = why.removeprefix(f"{kept.peer}: ")
        self._finals[kept.upstream.name] = _Final(kept.upstream.name, status, comment)

    def _finish(self, upstreams: Sequence[KeptUpstream], *, is_cancelled: bool) -> Answer:
        """Send the final response; return its status and comment."""
        if is_cancelled:
            final = _Final("", CANCELLED)
        else:
            names = [it.upstream.name for it in upstreams]
            final = _merged([self._finals[it] for it in names])
        if final.status == SUCCESS and self._lost:
            final = _Final("", SOME_FAILED, f"{self._lost} responses could not be passed on")
        comment = final.comment
        if comment and final.name:
            comment = f"{final.name}: {comment}"
        # What an upstream said itself is passed on as it is.
        own = "" if final.elements else comment
        self._request.respond(final.status, final.elements, comment=own)
        return Answer(final.status, comment)


def _merged(finals: Sequence[_Final]) -> _Final:
    """Return the final response to a query from those of all upstreams that it went to."""
    if len(finals) > 1:
        # Not every upstream of a route has worklists; that is no fault.
        finals = [it for it in finals if it.status != NO_SUCH_CONTEXT] or finals[:1]
    failed = [it for it in finals if it.status != SUCCESS]
    if not failed or len(failed) == len(finals):
        return finals[0]
    first = failed[0]
    return _Final(first.name, SOME_FAILED, first.comment or f"status 0x{first.status:04X}")


def _digest(identifier: bytes, syntax: str, tags: Sequence[int]) -> bytes:
    """Return what two upstreams' responses for the same entity have in common."""
    named = b""
    if tags:
        try:
            ds = decode_identifier(identifier, syntax)
            values = [str(ds[tag].value or "") if tag in ds else "" for tag in tags]
        except ValueError:
            values = []
        if any(values):
            named = "\\".join(values).encode()
    return hashlib.blake2b(named or identifier, digest_size=16).digest()
