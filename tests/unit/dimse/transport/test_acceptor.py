"""Associations that peers request: what pynetdicom serves on them, and how they end."""

import socket
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

import tests.associations  # noqa: F401 before any association is made
from atlas_node.config import NodeSettings
from atlas_node.dimse import listen
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import Answer
from atlas_node.dimse.transport.acceptor import AcceptedAssociation
from atlas_node.dimse.transport.server import SharedSocketServer
from tests.ports import free_port
from tests.scanner import (
    ABORT,
    EXPLICIT,
    IMPLICIT,
    NO_DATA_SET,
    RELEASE_RP,
    RELEASE_RQ,
    VERIFICATION,
    AssociationEndedError,
    Scanner,
    command_set,
    p_data,
    pdu,
)
from tests.unit.dimse.conftest import TIMEOUTS
from tests.waiting import LONG, wait_until

PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
ECHO = [(VERIFICATION, (ExplicitVRLittleEndian,))]


class Echoes:
    """Answers C-ECHO alone."""

    longest_identifier = 0

    def echo(self, requestor) -> Answer:
        return Answer(0x0000)

    def store(self, requestor, *uids):
        raise AssertionError("nobody stores here")


class Running:
    """A server with the handlers of a test."""

    def __init__(self, *handlers) -> None:
        node = NodeSettings(port=free_port(), timeouts=TIMEOUTS)
        ae = application_entity(node, "ATLAS")
        ae.maximum_associations = 30
        for context in Verification, StorageCommitmentPushModel:
            ae.add_supported_context(context, scu_role=True, scp_role=True)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        self.port = node.port
        self.listener = listen(node)
        self.server = SharedSocketServer(ae, self.listener, Echoes(), None, [*handlers])
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def associations(self):
        return self.server.active_associations

    def wait_until_all_have_ended(self) -> None:
        wait_until(lambda: not self.associations())

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(LONG)
        for assoc in self.associations():
            assoc.abort(block=False)
        self.listener.close()


class Threads:
    """Those that have begun since it was made; threads of earlier tests end when they will."""

    def __init__(self) -> None:
        self._before = {*threading.enumerate()}

    def running(self) -> set[threading.Thread]:
        return {*threading.enumerate()} - self._before

    def wait_until_all_have_ended(self) -> None:
        wait_until(lambda: not self.running())


def switches(thread: threading.Thread) -> int:
    """How many times a thread has given the processor away to wait for something."""
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


@pytest.fixture
def run():
    running = []

    def run_(*handlers) -> Running:
        running.append(Running(*handlers))
        return running[-1]

    yield run_
    for it in running:
        it.stop()


def associate(running, *contexts, handlers=(), **more):
    ae = AE("SCANNER")
    ae.acse_timeout = ae.dimse_timeout = 5
    ae.requested_contexts = [build_context(it) for it in contexts]
    assoc = ae.associate(
        "127.0.0.1", running.port, ae_title="ATLAS", evt_handlers=list(handlers), **more
    )
    assert assoc.is_established
    return assoc


def test_other_messages_are_served_by_handlers_of_pynetdicom(run):
    def find(event):
        for number in range(3):
            found = Dataset()
            found.PatientID = f"{event.identifier.PatientID}{number}"
            yield 0xFF00, found

    running = run((evt.EVT_C_FIND, find))
    assoc = associate(running, StudyRootQueryRetrieveInformationModelFind, Verification)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientID = "P"
    for _ in range(2):
        answers = list(assoc.send_c_find(query, StudyRootQueryRetrieveInformationModelFind))
        assert [status.Status for status, _ in answers] == [0xFF00] * 3 + [0x0000]
        assert [it.PatientID for _, it in answers[:3]] == ["P0", "P1", "P2"]
        assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    running.wait_until_all_have_ended()


def test_a_request_of_ours_on_an_association_of_the_peer_gets_its_response(run):
    def action(event):
        return 0x0000, None

    reported = []

    def report(event):
        reported.append(event.event_information.TransactionUID)
        return 0x0000, None

    running = run((evt.EVT_N_ACTION, action))
    assoc = associate(
        running, StorageCommitmentPushModel, handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    )
    information = Dataset()
    information.TransactionUID = "1.2.3"
    status, _ = assoc.send_n_action(information, 1, StorageCommitmentPushModel, PUSH_MODEL_INSTANCE)
    assert status.Status == 0x0000
    [accepted] = running.associations()
    for number in range(20):
        information.TransactionUID = f"1.2.{number}"
        status, _ = accepted.send_n_event_report(
            information, 1, StorageCommitmentPushModel, PUSH_MODEL_INSTANCE
        )
        assert status.Status == 0x0000
    assert reported == [f"1.2.{number}" for number in range(20)]
    assoc.release()
    running.wait_until_all_have_ended()


def test_messages_of_two_threads_are_never_mixed(run):
    """C-ECHO is answered by one thread while another one sends requests with a data set."""
    running = run()
    with Scanner(
        running.port, [*ECHO, (StorageCommitmentPushModel, (IMPLICIT,))], max_pdu=64
    ) as scanner:
        [accepted] = running.associations()
        report = N_EVENT_REPORT()
        report.MessageID = 1
        report.AffectedSOPClassUID = StorageCommitmentPushModel
        report.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
        report.EventTypeID = 1

        def send_reports() -> None:
            for _ in range(100):
                report.EventInformation = BytesIO(bytes(300))
                accepted.dimse.send_msg(report, 3)

        thread = threading.Thread(target=send_reports)
        thread.start()
        echo = command_set(
            [(0x0002, VERIFICATION), (0x0100, 0x0030), (0x0110, 1), (0x0800, NO_DATA_SET)]
        )
        for part in list(p_data(1, echo, 16384, command=True)) * 100:
            scanner.sock.sendall(part)
        ended = []
        current = None
        while len(ended) < 200:
            _, body = scanner.read_pdu()
            context_id, flags = body[4], body[5]
            assert current in (None, context_id)
            # A report ends with its data set, an echo with its command set.
            last = flags == (2 if context_id == 3 else 3)
            current = None if last else context_id
            ended += [context_id] * last
        thread.join()
        assert ended.count(1) == ended.count(3) == 100


def test_requests_that_come_faster_than_they_are_served_do_not_pile_up(run, caplog):
    may_end = threading.Event()

    def report(event):
        may_end.wait(LONG)
        return 0x0000, None

    running = run((evt.EVT_N_EVENT_REPORT, report))
    threads = Threads()
    request = command_set(
        [(0x0002, StorageCommitmentPushModel), (0x0100, 0x0100), (0x0110, 1),
         (0x0800, NO_DATA_SET), (0x1000, PUSH_MODEL_INSTANCE), (0x1002, 1)]
    )  # fmt: skip
    with Scanner(running.port, [(StorageCommitmentPushModel, (EXPLICIT,))]) as scanner:
        for part in list(p_data(1, request, 16384, command=True)) * 100:
            scanner.sock.sendall(part)
        assert scanner.read_pdu()[0] == ABORT
        assert len(threads.running()) < 40
        may_end.set()
    running.wait_until_all_have_ended()
    assert "32 messages were sent without waiting for answers" in caplog.text
    threads.wait_until_all_have_ended()


def test_a_handler_may_take_longer_than_silence_is_borne(run):
    def action(event):
        time.sleep(0.6)
        return 0x0000, None

    running = run((evt.EVT_N_ACTION, action))
    running.server.ae.network_timeout = 0.2
    assoc = associate(running, StorageCommitmentPushModel)
    information = Dataset()
    information.TransactionUID = "1.2.3"
    status, _ = assoc.send_n_action(information, 1, StorageCommitmentPushModel, PUSH_MODEL_INSTANCE)
    assert status.Status == 0x0000
    assoc.abort()


def test_waiting_costs_no_processor_time(run):
    running = run()
    threads = Threads()
    scanners = [Scanner(running.port, ECHO).associate() for _ in range(20)]
    wait_until(lambda: all(it.is_waiting for it in running.associations()))
    before = {it: switches(it) for it in threads.running()}
    assert len(before) == 2 * len(scanners)
    time.sleep(1.0)
    assert max(switches(it) - count for it, count in before.items()) < 5
    assert [scanner.echo() for scanner in scanners] == [0] * 20
    for scanner in scanners:
        scanner.release()
    running.wait_until_all_have_ended()


def test_a_response_to_a_peer_that_has_gone_harms_nobody(run):
    begun, gone = threading.Event(), threading.Event()

    def action(event):
        begun.set()
        gone.wait(LONG)
        return 0x0000, None

    running = run((evt.EVT_N_ACTION, action))
    request = command_set(
        [(0x0003, StorageCommitmentPushModel), (0x0100, 0x0130), (0x0110, 1),
         (0x0800, NO_DATA_SET), (0x1001, PUSH_MODEL_INSTANCE), (0x1008, 1)]
    )  # fmt: skip
    with Scanner(running.port, [(StorageCommitmentPushModel, (EXPLICIT,))]) as scanner:
        for part in p_data(1, request, 16384, command=True):
            scanner.sock.sendall(part)
        assert begun.wait(LONG)
        [accepted] = running.associations()
        scanner.reset()
    accepted.dul.join(LONG)
    gone.set()
    running.wait_until_all_have_ended()


def test_a_release_is_answered_and_both_threads_end(run):
    running = run()
    threads = Threads()
    with Scanner(running.port, ECHO) as scanner:
        assert scanner.echo() == 0
        assert len(threads.running()) == 2
        scanner.sock.sendall(pdu(RELEASE_RQ, bytes(4)))
        assert scanner.read_pdu()[0] == RELEASE_RP
    threads.wait_until_all_have_ended()
    assert not running.associations()


def test_a_request_that_nobody_has_come_to_read_is_seen():
    """When there are too many connections, such a one goes after those that are silent."""
    ours, theirs = socket.socketpair()
    ae = application_entity(NodeSettings(), "ATLAS")
    assoc = AcceptedAssociation(ae, ours, Echoes(), None)
    assert not assoc.has_unread()
    theirs.sendall(b"\x01")
    assert assoc.has_unread()
    assoc.turn_away()
    assert theirs.recv(1) == b""
    for opened in ours, theirs, assoc.bell:
        opened.close()
    assert not assoc.has_unread()


@pytest.mark.parametrize("end", ["abort", "close", "reset"])
def test_an_association_that_is_lost_leaves_no_thread(run, end):
    running = run()
    threads = Threads()
    getattr(Scanner(running.port, ECHO).associate(), end)()
    threads.wait_until_all_have_ended()
    assert not running.associations()


def test_a_peer_that_does_not_close_after_a_release_is_not_waited_for_long(run):
    running = run()
    with Scanner(running.port, ECHO) as scanner:
        scanner.sock.sendall(pdu(RELEASE_RQ, bytes(4)))
        assert scanner.read_pdu()[0] == RELEASE_RP
        with pytest.raises(AssociationEndedError, match="closed"):
            scanner.read_pdu()
    running.wait_until_all_have_ended()


def test_a_request_that_cannot_be_read_is_aborted(run):
    running = run()
    running.server.ae.acse_timeout = 2 * LONG
    with socket.create_connection(("127.0.0.1", running.port), timeout=LONG) as sock:
        sock.sendall(pdu(1, bytes(2) + b"ATLAS".ljust(16) + bytes(90)))
        assert sock.recv(10)[:1] == b"\x07"
    running.wait_until_all_have_ended()


def test_an_abort_may_be_asked_for_twice(run):
    running = run()
    with Scanner(running.port, ECHO) as scanner:
        [assoc] = running.associations()
        assoc.abort(block=False)
        assoc.acse.send_abort(0x00)
        assert scanner.read_pdu()[0] == 7
    running.wait_until_all_have_ended()


def test_descriptors_are_given_back(run):
    running = run()

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    Scanner(running.port, ECHO).associate().release()
    running.wait_until_all_have_ended()
    before = descriptors()
    for number in range(30):
        scanner = Scanner(running.port, ECHO).associate()
        scanner.release() if number % 2 else scanner.reset()
    running.wait_until_all_have_ended()
    wait_until(lambda: descriptors() <= before)
