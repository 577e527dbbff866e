"""A request of a peer that is answered at length, seen from the peer's side."""

from __future__ import annotations

import select
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from atlas_node.config import NodeSettings, Timeouts
from atlas_node.dimse import listen
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import Answer
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    C_STORE_RQ,
    COMMAND_FIELD,
    ERROR_COMMENT,
    MESSAGE_ID_RESPONDED_TO,
    NUMBER_OF_COMPLETED,
    STATUS,
    decode_command_set,
    number,
    string,
    us,
)
from atlas_node.dimse.transport.served_request import CallerGoneError, ServedRequest
from atlas_node.dimse.transport.server import SharedSocketServer
from tests.ports import free_port
from tests.scanner import (
    ABORT,
    EXPLICIT,
    P_DATA,
    VERIFICATION,
    AssociationEndedError,
    Scanner,
    command_set,
    p_data,
)
from tests.unit.dimse.conftest import TIMEOUTS
from tests.waiting import LONG

STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
C_GET_RQ, C_CANCEL_RQ, C_STORE_RSP = 0x0010, 0x0FFF, 0x8001


class Serving:
    """A server that hands requests to a function of the test."""

    def __init__(self, timeouts: Timeouts = TIMEOUTS) -> None:
        self.longest_identifier = 1000
        self.serve: Callable[[ServedRequest], None] = lambda request: request.respond(0)
        self.ended = threading.Event()
        self.error: BaseException | None = None
        node = NodeSettings(port=free_port(), timeouts=timeouts)
        ae = application_entity(node, "ATLAS")
        for sop_class in VERIFICATION, STUDY_ROOT_GET:
            ae.add_supported_context(sop_class)
        self.port = node.port
        self._listener = listen(node)
        self._server = SharedSocketServer(ae, self._listener, self, None, [])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        for assoc in self._server.active_associations:
            assoc.abort()
        self._listener.close()

    def echo(self, requestor):
        return Answer(0x0000)

    def store(self, requestor, *uids):
        raise AssertionError("nobody stores here")

    def query(self, request: ServedRequest) -> None:
        try:
            self.serve(request)
        except CallerGoneError as error:
            self.error = error
        finally:
            self.ended.set()


class Caller(Scanner):
    """A peer that asks for objects."""

    def __init__(self, serving: Serving) -> None:
        contexts = [(STUDY_ROOT_GET, [EXPLICIT]), (VERIFICATION, [EXPLICIT])]
        super().__init__(serving.port, contexts, timeout=LONG)

    def say(self, *elements: tuple[int, str | int], data: bytes | None = None) -> None:
        context, _ = self.accepted[STUDY_ROOT_GET]
        kind = 0x0101 if data is None else 0
        ordered = sorted([*elements, (0x0800, kind)])
        for part in p_data(context, command_set(ordered), self.limit, command=True):
            self.sock.sendall(part)
        if data is not None:
            for part in p_data(context, data, self.limit, command=False):
                self.sock.sendall(part)

    def ask(self, message_id: int = 7, identifier: bytes = b"keys") -> None:
        self.say(
            (0x0002, STUDY_ROOT_GET), (0x0100, C_GET_RQ), (0x0110, message_id), (0x0700, 0),
            data=identifier,
        )  # fmt: skip

    def hear(self) -> tuple[dict[int, bytes], bytes]:
        """Read a whole message: its command set and its data set."""
        parts = {1: b"", 0: b""}
        wants = 1
        while True:
            kind, body = self.read_pdu()
            if kind != P_DATA:
                raise AssociationEndedError(f"PDU type {kind}")
            while body:
                length, _, control = struct.unpack_from(">IBB", body)
                assert control & 1 == wants, "PDUs of two messages are mixed"
                parts[wants] += body[6 : 4 + length]
                body = body[4 + length :]
                if control & 2:
                    command = decode_command_set(parts[1])
                    if not wants or number(command, 0x0800) == 0x0101:
                        return command, parts[0]
                    wants = 0


@pytest.fixture
def serving() -> Iterator[Serving]:
    serving = Serving()
    yield serving
    serving.stop()


@pytest.fixture
def impatient() -> Iterator[Serving]:
    serving = Serving(Timeouts(dimse=1.0))
    yield serving
    serving.stop()


def test_a_request_comes_with_its_identifier_and_is_answered(serving):
    asked = []

    def serve(request: ServedRequest) -> None:
        asked.append((request.field, request.message_id, request.identifier, request.contexts[1]))
        request.respond(0xFF00, {NUMBER_OF_COMPLETED: us(1)}, [b"some", b"thing"])
        request.respond(0xB000, comment="x" * 80)

    serving.serve = serve
    with Caller(serving) as caller:
        caller.ask()
        command, data = caller.hear()
        assert (number(command, COMMAND_FIELD), number(command, STATUS)) == (0x8010, 0xFF00)
        assert number(command, MESSAGE_ID_RESPONDED_TO) == 7
        assert string(command, AFFECTED_SOP_CLASS_UID) == STUDY_ROOT_GET
        assert (number(command, NUMBER_OF_COMPLETED), data) == (1, b"something")
        command, data = caller.hear()
        assert (number(command, STATUS), data) == (0xB000, b"")
        assert string(command, ERROR_COMMENT) == "x" * 64
        caller.release()
    assert asked == [(C_GET_RQ, 7, b"keys", (STUDY_ROOT_GET, EXPLICIT))]


def test_requests_are_served_one_after_the_other(serving):
    with Caller(serving) as caller:
        for message_id in range(1, 6):
            caller.ask(message_id)
        heard = [number(caller.hear()[0], MESSAGE_ID_RESPONDED_TO) for _ in range(5)]
        assert heard == [1, 2, 3, 4, 5]


def test_an_identifier_that_is_too_long_ends_the_association(serving):
    with Caller(serving) as caller:
        caller.ask(identifier=bytes(1002))
        assert caller.read_pdu()[0] == ABORT


def test_too_many_requests_at_once_end_the_association(serving):
    go_on = threading.Event()
    serving.serve = lambda request: go_on.wait(LONG)
    with Caller(serving) as caller:
        for message_id in range(1, 41):
            caller.ask(message_id)
        assert caller.read_pdu()[0] == ABORT
    go_on.set()


def test_a_cancel_is_seen_while_the_request_is_served(serving):
    begun = threading.Event()

    def serve(request: ServedRequest) -> None:
        begun.set()
        while not request.is_cancelled:
            request.listen()
        request.respond(0xFE00)

    serving.serve = serve
    with Caller(serving) as caller:
        caller.ask()
        assert begun.wait(LONG)
        caller.say((0x0100, C_CANCEL_RQ), (0x0120, 99))
        caller.say((0x0100, C_CANCEL_RQ), (0x0120, 7))
        assert number(caller.hear()[0], STATUS) == 0xFE00


def test_a_cancel_does_not_reach_the_next_request_of_the_same_number(serving):
    cancelled = []

    def serve(request: ServedRequest) -> None:
        cancelled.append(request.is_cancelled)
        request.respond(0x0000)

    serving.serve = serve
    with Caller(serving) as caller:
        for _ in range(2):
            caller.ask()
            caller.hear()
            caller.say((0x0100, C_CANCEL_RQ), (0x0120, 7))
            caller.echo()
        caller.ask()
        caller.hear()
    assert cancelled == [False, False, False]


@pytest.mark.parametrize("leave", [Caller.abort, Caller.close, Caller.reset])
def test_a_peer_that_goes_away_is_seen(serving, leave):
    begun = threading.Event()

    def serve(request: ServedRequest) -> None:
        begun.set()
        while not request.is_gone:
            request.listen()
        request.respond(0x0000)

    serving.serve = serve
    caller = Caller(serving).associate()
    caller.ask()
    assert begun.wait(LONG)
    leave(caller)
    assert serving.ended.wait(LONG)
    assert isinstance(serving.error, CallerGoneError)


def exchange(request: ServedRequest) -> int:
    request.begin_exchange(1, {COMMAND_FIELD: us(C_STORE_RQ)}, [bytes(300_000)])
    while (answer := request.answer()) is None:
        select.select([request.bell], [], [], 0.1)
        request.listen()
    return number(answer, STATUS)


def test_a_sub_operation_gets_the_response_to_it_and_no_other(serving):
    serving.serve = lambda request: request.respond(exchange(request))
    with Caller(serving) as caller:
        caller.ask()
        command, data = caller.hear()
        assert (number(command, COMMAND_FIELD), len(data)) == (C_STORE_RQ, 300_000)
        caller.say((0x0100, C_STORE_RSP), (0x0120, 55), (0x0900, 0xA700))
        caller.say((0x0100, C_STORE_RSP), (0x0120, 1), (0x0900, 0xB007))
        assert number(caller.hear()[0], STATUS) == 0xB007


def test_a_peer_that_does_not_answer_a_sub_operation_is_left(impatient):
    impatient.serve = lambda request: request.respond(exchange(request))
    with Caller(impatient) as caller:
        caller.ask()
        caller.hear()
        assert caller.read_pdu()[0] == ABORT
    assert impatient.ended.wait(LONG)
    assert "no answer in 1 s" in str(impatient.error)


def test_echoes_are_answered_between_the_messages_of_a_request(serving):
    def serve(request: ServedRequest) -> None:
        for _ in range(200):
            request.respond(0xFF00, None, [bytes(50_000)])
        request.respond(0x0000)

    serving.serve = serve
    with Caller(serving) as caller:
        caller.limit = 16384
        caller.ask()
        context, _ = caller.accepted[VERIFICATION]
        for message_id in range(20):
            said = command_set(
                [(0x0002, VERIFICATION), (0x0100, 0x30), (0x0110, message_id), (0x0800, 0x0101)]
            )
            caller.sock.sendall(b"".join(p_data(context, said, 16384, command=True)))
        heard = [number(caller.hear()[0], COMMAND_FIELD) for _ in range(221)]
    assert (heard.count(0x8010), heard.count(0x8030)) == (201, 20)
