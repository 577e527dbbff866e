"""The parts of pynetdicom that the node replaces or leans on are those it was written against.

When pynetdicom changes one of them this fails with its name: read what changed, see whether
`transport` and `scu` still do right, then put in the new digest.
"""

import hashlib
import inspect
import sys
import threading

import pytest
from pynetdicom import acse, association, dimse, dimse_messages, dul, transport

from atlas_node.dimse.transport import Checkpoint


@pytest.mark.parametrize(
    ("part", "digest"),
    [
        (transport.AssociationSocket.recv, "6bc20a33b1b7cfe7"),
        (transport.AssociationSocket.connect, "aeeeae413bd339dc"),
        (transport.AssociationSocket._shutdown_socket, "e2b2628faa81a578"),
        (transport.RequestHandler._create_association, "05c8d12b79863cdb"),
        (transport.AssociationServer.__init__, "edacb98bdfb7b974"),
        (transport.AssociationServer.server_bind, "cf69278a05a5c777"),
        (transport.AssociationServer.get_request, "925a4f3a3042f6e4"),
        (transport.AssociationServer.server_close, "3fa1b358badbe682"),
        (transport.AssociationServer.shutdown, "e8e2c3a41009886d"),
        (dimse.DIMSEServiceProvider.receive_primitive, "5f99c86b14a15cef"),
        (dimse.DIMSEServiceProvider.get_msg, "890e3e04283f5aeb"),
        (dimse.DIMSEServiceProvider.send_msg, "a839cf2fb46976d9"),
        (dimse_messages.DIMSEMessage.encode_msg, "73000c902c52832d"),
        (dul.DULServiceProvider._read_pdu_data, "19f2d4e38c13c835"),
        (dul.DULServiceProvider.run_reactor, "e3a10eb3a0931e48"),
        (acse.ACSE._negotiate_as_acceptor, "fffd360957c42a8e"),
        (association.Association._run_reactor, "f28838c5559e462a"),
        (association.Association.send_c_store, "fa5a8127f349f8e7"),
    ],
    ids=lambda it: getattr(it, "__qualname__", ""),
)
def test_the_part_of_pynetdicom_is_the_one_we_know(part, digest):
    found = hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16]
    assert found == digest, f"{part.__module__}.{part.__qualname__} has changed"


@pytest.fixture
def hasty_threads():
    """Let threads interrupt each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_parked_loop_does_nothing_until_it_may_go_on(hasty_threads):
    checkpoint, ended, turns = Checkpoint(), threading.Event(), 0

    def loop() -> None:
        nonlocal turns
        while not ended.is_set():
            checkpoint.wait()
            turns += 1

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    for _ in range(300):
        assert checkpoint.park(thread, 30)
        parked_at = turns
        sum(range(5000))
        assert turns == parked_at
        checkpoint.set()
    before = turns
    while turns == before:
        pass
    ended.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_loop_that_does_not_come_by_is_not_waited_for_without_end():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    assert not Checkpoint().park(thread, 0.1)
    ended.set()
    thread.join(10)


def test_a_loop_that_has_ended_holds_nobody_up():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert Checkpoint().park(thread, 30)
