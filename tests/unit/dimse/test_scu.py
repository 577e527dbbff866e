import socket
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom import _config, evt

from atlas_node.config import NodeSettings, Timeouts
from atlas_node.dimse import Peer, echo, settings
from atlas_node.dimse.scu import ContextRefusedError, KeptAssociation
from atlas_node.dimse.transport.established import AssociationLostError
from atlas_node.errors import PeerError
from tests.fault.pacs import Pacs, ct_object, encoded
from tests.ports import free_port
from tests.waiting import LONG

CT = (str(CTImageStorage), str(ExplicitVRLittleEndian))
MR = (str(MRImageStorage), str(ExplicitVRLittleEndian))


@pytest.fixture
def pacs():
    with Pacs() as running:
        yield running


@pytest.fixture
def keep(node):
    kept = []

    def open_(port, **timeouts):
        peer = Peer("pacs", "PACS", "127.0.0.1", port, "ATLAS")
        ours = NodeSettings(timeouts=Timeouts(**timeouts)) if timeouts else node
        kept.append(KeptAssociation(peer, ours))
        return kept[-1]

    yield open_
    for association in kept:
        association.close()


@pytest.mark.parametrize("size", [0, 1, 5_000, 3_000_000])
def test_the_pieces_arrive_byte_for_byte(pacs, keep, size):
    data = bytes(range(256)) * (size // 256 + 1)
    pieces = [memoryview(data)[: size // 3], b"changed ", memoryview(data)[size // 3 : size]]
    assert keep(pacs.port).store(CT, "1.2.3", pieces) == (0x0000, "")
    assert pacs.objects["1.2.3"] == [b"".join(pieces)]


def test_a_peer_that_takes_small_pdus_gets_small_pdus(keep):
    with Pacs(maximum_pdu_size=4096) as pacs:
        data = encoded(ct_object(1, size=100_000))
        assert keep(pacs.port).store(CT, "1.2.3", [data]) == (0x0000, "")
        assert pacs.objects["1.2.3"] == [data]


def test_objects_share_an_association_and_a_new_context_opens_another(pacs, keep):
    association = keep(pacs.port)
    for number in range(3):
        association.store(CT, f"1.2.{number}", [b"\0\0"])
    assert pacs.associations == 1
    association.store(MR, "1.2.9", [b"\0\0"])
    association.store(CT, "1.2.10", [b"\0\0"])
    assert pacs.associations == 2


def test_what_comes_next_is_negotiated_along(pacs, keep):
    association = keep(pacs.port)
    many = [(f"1.2.840.10008.5.1.4.1.1.{number}", CT[1]) for number in range(300)]
    association.takes([CT], lambda: [MR, *many])
    association.store(CT, "1.2.3", [b"\0\0"])
    association.store(MR, "1.2.4", [b"\0\0"])
    assert pacs.associations == 1
    association.store(many[200], "1.2.5", [b"\0\0"])  # an association has 128 contexts at most
    association.store(MR, "1.2.6", [b"\0\0"])
    assert pacs.associations == 2


def test_the_peers_own_status_and_comment_come_back(pacs, keep):
    def refuse(event):
        status = Dataset()
        status.Status = 0xA900
        status.ErrorComment = "not my patient"
        return status

    pacs.answer = refuse
    assert keep(pacs.port).store(CT, "1.2.3", [b"\0\0"]) == (0xA900, "not my patient")


def test_a_peer_that_is_not_there(keep):
    port = free_port()
    with pytest.raises(PeerError) as raised:
        keep(port).store(CT, "1.2.3", [b"\0\0"])
    assert str(raised.value) == f"PACS at 127.0.0.1:{port}: cannot connect: Connection refused"


def test_a_peer_whose_name_nobody_knows(node):
    with pytest.raises(PeerError, match=r"PACS at nobody\.invalid:104: "):
        echo(Peer("pacs", "PACS", "nobody.invalid", 104, "ATLAS"), node)


def test_a_peer_that_rejects_us(keep):
    with Pacs(require_calling_aet=["FRIEND"]) as pacs, pytest.raises(PeerError) as raised:
        keep(pacs.port).store(CT, "1.2.3", [b"\0\0"])
    assert str(raised.value).endswith("rejected the association: Calling AE title not recognised")


@pytest.fixture
def ct_only(monkeypatch):
    """A PACS that knows nothing but CT in explicit VR little endian."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    monkeypatch.setattr(settings, "apply", lambda: None)
    with Pacs(contexts=[CT]) as pacs:
        yield pacs


def test_a_refused_context_is_said_and_not_asked_for_again_at_once(ct_only, keep):
    association = keep(ct_only.port)
    with pytest.raises(ContextRefusedError, match="it does not know the SOP class"):
        association.takes([MR], lambda: [CT])
    with pytest.raises(ContextRefusedError, match="it does not take the transfer syntax"):
        association.store((CT[0], str(ImplicitVRLittleEndian)), "1.2.3", [b"\0\0"])
    opened = ct_only.associations
    assert association.store(CT, "1.2.4", [b"\0\0"]) == (0x0000, "")
    with pytest.raises(ContextRefusedError, match="it does not know the SOP class"):
        association.store(MR, "1.2.3", [b"\0\0"])
    assert association.store(CT, "1.2.5", [b"\0\0"]) == (0x0000, "")
    assert ct_only.associations == opened


def test_a_peer_that_refuses_every_context(ct_only, keep):
    with pytest.raises(ContextRefusedError, match="it does not know the SOP class"):
        keep(ct_only.port).store(MR, "1.2.3", [b"\0\0"])


def test_a_peer_that_aborts_while_it_stores(pacs, keep):
    def abort(event):
        event.assoc.abort()
        return 0x0000

    pacs.answer = abort
    association = keep(pacs.port)
    with pytest.raises(AssociationLostError, match="in the middle of an exchange"):
        association.store(CT, "1.2.3", [b"\0\0"])
    pacs.answer = lambda event: 0x0000
    assert association.store(CT, "1.2.3", [b"\0\0"]) == (0x0000, "")


def test_a_peer_that_does_not_answer_in_time(pacs, keep):
    go_on = threading.Event()

    def wait(event):
        go_on.wait(LONG)
        return 0x0000

    pacs.answer = wait
    with pytest.raises(AssociationLostError, match="no answer in 1 s"):
        keep(pacs.port, dimse=1.0).store(CT, "1.2.3", [b"\0\0"])
    go_on.set()


def test_a_peer_that_was_restarted_between_two_objects(pacs, keep):
    association = keep(pacs.port)
    association.store(CT, "1.2.3", [b"\0\0"])
    pacs.stop()
    with pytest.raises(PeerError):
        association.store(CT, "1.2.4", [b"\0\0"])
    pacs.start()
    assert association.store(CT, "1.2.4", [b"\0\0"]) == (0x0000, "")


def test_a_peer_that_takes_nothing_more_is_given_up(pacs, keep):
    """Its TCP window stays shut: no thread of ours may hang on it for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(("127.0.0.1", pacs.port))

        def relay_the_association_then_stall():
            ours, _ = listener.accept()
            peer.sendall(ours.recv(65536))
            ours.sendall(peer.recv(65536))
            stalled.wait(LONG)
            ours.close()

        stalled = threading.Event()
        threading.Thread(target=relay_the_association_then_stall, daemon=True).start()
        association = keep(listener.getsockname()[1], network=1.0)
        with pytest.raises(AssociationLostError, match="took nothing for 1 s"):
            association.store(CT, "1.2.3", [bytes(20_000_000)])
        stalled.set()
        peer.close()


def test_echo(pacs, node):
    peer = Peer("pacs", "PACS", "127.0.0.1", pacs.port, "ATLAS")
    assert 0 < echo(peer, node) < LONG


def test_echo_that_is_not_answered_with_success(pacs, node):
    pacs._server.bind(evt.EVT_C_ECHO, lambda event: 0x0122)
    with pytest.raises(PeerError, match="C-ECHO answered with status 0x0122"):
        echo(Peer("pacs", "PACS", "127.0.0.1", pacs.port, "ATLAS"), node)


def test_the_first_form_that_the_peer_takes_is_told(keep):
    implicit = (CT[0], str(ImplicitVRLittleEndian))
    with Pacs() as both:
        association = keep(both.port)
        assert association.takes([CT, implicit]) == CT
        assert association.takes([implicit]) == implicit
        assert both.associations == 1
