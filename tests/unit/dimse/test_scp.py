import socket
import time

import pytest
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)
from pynetdicom import AE

from atlas_node.config import NodeSettings, Peer
from atlas_node.dimse import listen
from atlas_node.errors import ConfigurationError, SpoolError, SpoolFullError
from tests.fault.pacs import ct_object, encoded, store_status

VERIFICATION = "1.2.840.10008.1.1"
A_ABORT = bytes.fromhex("07000000000400000000")


@pytest.fixture
def associate():
    opened = []

    def open_(port, *contexts, ae_title="SCANNER", called="ATLAS"):
        ae = AE(ae_title)
        ae.acse_timeout = ae.dimse_timeout = 5
        for abstract, syntaxes in contexts:
            ae.add_requested_context(abstract, syntaxes)
        opened.append(ae.associate("127.0.0.1", port, ae_title=called))
        return opened[-1]

    yield open_
    for assoc in opened:
        if assoc.is_established:
            assoc.release()


def test_an_object_is_handed_on_byte_for_byte_with_what_the_peer_said(run_scp):
    running = run_scp()
    ds = ct_object(1)
    assert store_status(running.port, ds).Status == 0x0000
    [(envelope, data)] = running.received.objects
    assert data == encoded(ds)
    assert (envelope.calling_ae, envelope.called_ae, envelope.peer) == (
        "SCANNER",
        "ATLAS",
        "127.0.0.1",
    )
    assert envelope.sop_class_uid == CTImageStorage
    assert envelope.sop_instance_uid == ds.SOPInstanceUID
    assert envelope.transfer_syntax_uid == ExplicitVRLittleEndian
    assert abs(envelope.received_at - time.time()) < 60


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
        "1.2.840.10008.5.1.4.1.1.5",  # retired: Nuclear Medicine Image Storage
        "1.2.840.10008.5.1.4.1.1.9999",  # of the standard, unknown to us
        "1.3.12.2.1107.5.9.1",  # private: Siemens CSA Non-Image Storage
        "1.2.3.4.5",
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEG2000Lossless, "1.2.840.113619.5.2"])
def test_every_storage_class_and_transfer_syntax_is_taken(run_scp, associate, sop_class, syntax):
    running = run_scp()
    assoc = associate(running.port, (sop_class, [syntax]))
    assert [str(it.transfer_syntax[0]) for it in assoc.accepted_contexts] == [str(syntax)]


def test_an_object_of_an_unknown_class_is_received(run_scp):
    running = run_scp()
    ds = ct_object(1)
    ds.SOPClassUID = "1.3.12.2.1107.5.9.1"
    assert store_status(running.port, ds).Status == 0x0000
    assert running.received.objects[0][0].sop_class_uid == "1.3.12.2.1107.5.9.1"


def test_of_several_transfer_syntaxes_one_that_names_the_vrs_is_taken(run_scp, associate):
    syntaxes = [ImplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian]
    assoc = associate(run_scp().port, (CTImageStorage, syntaxes))
    assert assoc.accepted_contexts[0].transfer_syntax == [ExplicitVRLittleEndian]


def test_query_retrieve_is_not_taken_for_storage(run_scp, associate):
    study_root_find = "1.2.840.10008.5.1.4.1.2.2.1"
    assoc = associate(run_scp().port, (study_root_find, [ImplicitVRLittleEndian]))
    assert not assoc.is_established
    assert [it.abstract_syntax for it in assoc.rejected_contexts] == [study_root_find]


def test_echo_is_answered_whatever_the_node_is_called(run_scp, associate):
    assoc = associate(run_scp().port, (VERIFICATION, [ImplicitVRLittleEndian]), called="WHO KNOWS")
    assert assoc.send_c_echo().Status == 0x0000


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SpoolFullError("full"), 0xA700),
        (SpoolError("cannot write the spool /spool: Read-only file system"), 0xA700),
        (RuntimeError("a fault of ours"), 0x0110),
    ],
)
def test_what_cannot_be_kept_is_refused_and_the_association_goes_on(run_scp, error, status):
    running = run_scp()
    running.received.error = error
    assert store_status(running.port, ct_object(1)).Status == status
    running.received.error = None
    assert store_status(running.port, ct_object(1)).Status == 0x0000


def test_a_stranger_is_rejected_with_one_line(run_scp, associate, caplog):
    running = run_scp([Peer(ae_title="CT1")])
    assoc = associate(running.port, (VERIFICATION, [ImplicitVRLittleEndian]), ae_title="STRANGER")
    assert assoc.is_rejected
    assert assoc.acceptor.primitive.reason_str == "Calling AE title not recognised"
    assert "association from 'STRANGER' (127.0.0.1) rejected" in caplog.text


def test_a_peer_that_may_only_echo_may_not_store(run_scp, associate, caplog):
    running = run_scp([Peer(ae_title="SCANNER", services={"echo"})])
    assert (
        associate(running.port, (VERIFICATION, [ImplicitVRLittleEndian])).send_c_echo().Status == 0
    )
    assert store_status(running.port, ct_object(1)).Status == 0x0124
    assert running.received.objects == []
    assert "store refused for 'SCANNER' (127.0.0.1)" in caplog.text


def test_associations_over_the_limit_are_rejected(run_scp, associate, caplog):
    running = run_scp(max_associations=2)
    context = (VERIFICATION, [ImplicitVRLittleEndian])
    first, second = (associate(running.port, context) for _ in range(2))
    third = associate(running.port, context)
    assert (first.is_established, second.is_established, third.is_rejected) == (True, True, True)
    assert "rejected: 2 are open (node.max_associations" in caplog.text


def cut_short(port, ds, how):
    """Begin to send an object and end the connection in its middle."""
    ae = AE("SCANNER")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", port, ae_title="ATLAS")
    assert assoc.is_established
    sock = assoc.dul.socket.socket
    pdus = 0

    def send_until_it_is_cut(data):
        nonlocal pdus
        pdus += 1
        if pdus < 3:
            sock.sendall(data)
        elif pdus == 3:
            sock.sendall({"abort": A_ABORT, "half a PDU": data[: len(data) // 2]}.get(how, b""))
            sock.shutdown(socket.SHUT_RDWR)

    assoc.dul.socket.send = send_until_it_is_cut
    assoc.dimse_timeout = 1
    assoc.send_c_store(ds)
    if assoc.is_established:
        assoc.abort()
    sock.close()


@pytest.mark.parametrize("how", ["abort", "half a PDU", "connection closed"])
def test_an_object_cut_short_leaves_nothing_and_one_line(run_scp, caplog, how):
    running = run_scp(max_pdu=16384)
    cut_short(running.port, ct_object(1, size=100_000), how)
    for _ in range(300):
        if "in the middle of a message" in caplog.text:
            break
        time.sleep(0.01)
    assert "association with 'SCANNER' (127.0.0.1) ended in the middle of a message" in caplog.text
    assert running.received.objects == []
    assert store_status(running.port, ct_object(2)).Status == 0x0000
    assert len(running.received.objects) == 1


def test_an_object_longer_than_the_limit_is_not_gathered_in_memory(run_scp, caplog):
    running = run_scp(max_object_bytes=50_000, max_pdu=16384)
    assert "Status" not in store_status(running.port, ct_object(1, size=200_000))
    assert "its message is longer than 50000 bytes" in caplog.text
    assert store_status(running.port, ct_object(2, size=1000)).Status == 0x0000
    assert len(running.received.objects) == 1


def test_a_pdu_that_announces_gigabytes_ends_the_connection(run_scp):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as sock:
        sock.sendall(bytes.fromhex("0100f0000000") + bytes(100))
        assert sock.recv(100) == b""
    assert store_status(running.port, ct_object(2)).Status == 0x0000


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x09\x00\x00\x00\x00\x04abcd", b"\0"]
)
def test_noise_on_the_port_harms_nobody(run_scp, noise):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as sock:
        sock.sendall(noise)
    assert store_status(running.port, ct_object(2)).Status == 0x0000


def test_a_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as raised:
            listen(NodeSettings(port=port))
    assert str(raised.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; "
        "stop what uses it, or change node.host and node.port"
    )


def test_an_address_of_another_machine_is_one_clear_line():
    with pytest.raises(ConfigurationError, match="Cannot assign requested address"):
        listen(NodeSettings(host="192.0.2.1"))


def test_open_associations_may_end_before_it_stops(run_scp, associate):
    running = run_scp()
    assoc = associate(running.port, (VERIFICATION, [ImplicitVRLittleEndian]))
    running.scp.stop(time.monotonic() + 0.2)
    for _ in range(100):
        if assoc.is_aborted:
            break
        time.sleep(0.01)
    assert assoc.is_aborted


def test_a_connection_without_an_association_does_not_delay_the_stop(run_scp):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=5):
        time.sleep(0.2)
        begun = time.monotonic()
        running.scp.stop(begun + 30)
        assert time.monotonic() - begun < 10
