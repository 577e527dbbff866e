import socket
import threading
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

from atlas_node.config import NodeSettings, Peer, Timeouts
from atlas_node.dimse import listen
from atlas_node.dimse.transport import complaints
from atlas_node.dimse.transport.acceptor import AcceptorAcse
from atlas_node.errors import ConfigurationError, SpoolError, SpoolFullError
from tests.fault.pacs import ct_object, encoded, store_status
from tests.scanner import (
    ABORT,
    CT_IMAGE_STORAGE,
    AssociationEndedError,
    Scanner,
    c_store_rq,
    p_data,
    pdu,
)
from tests.waiting import LONG, wait_until

VERIFICATION = "1.2.840.10008.1.1"
A_ABORT = bytes.fromhex("07000000000400000000")
IMPATIENT = Timeouts(network=1.0)


@pytest.fixture
def associate():
    opened = []

    def open_(port, *contexts, ae_title="SCANNER", called="ATLAS"):
        ae = AE(ae_title)
        ae.acse_timeout = ae.dimse_timeout = LONG
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


def test_a_host_that_no_peer_is_at_is_closed_at_once_with_few_lines(run_scp, caplog):
    running = run_scp([Peer(ae_title="CT1", address="192.0.2.7")])
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", running.port), timeout=LONG) as sock:
            assert sock.recv(1) == b""
    said = [it.getMessage() for it in caplog.records]
    assert said[0] == (
        "connection from 127.0.0.1 closed: no peer in the configuration has this address"
    )
    assert len(said) == complaints.MOST


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


def test_one_place_is_given_to_one_of_those_that_come_at_the_same_moment(run_scp):
    running = run_scp(max_associations=1)
    for _ in range(5):
        scanners = [Scanner(running.port) for _ in range(4)]
        outcomes = []

        def ask(scanner, outcomes=outcomes):
            try:
                outcomes.append(scanner.associate())
            except AssociationEndedError as error:
                outcomes.append(error.args)

        threads = [threading.Thread(target=ask, args=(it,)) for it in scanners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcomes))[:3] == ["('rejected', 2, 3, 2)"] * 3
        [open_] = [it for it in outcomes if isinstance(it, Scanner)]
        open_.release()


def test_whoever_has_released_an_association_finds_its_place_free(run_scp, monkeypatch):
    """Also before the thread that has answered the release has come to its end."""
    send_release = AcceptorAcse.send_release

    def answer_and_linger(acse, *arguments, **more):
        send_release(acse, *arguments, **more)
        time.sleep(0.3)

    monkeypatch.setattr(AcceptorAcse, "send_release", answer_and_linger)
    running = run_scp(max_associations=1)
    for _ in range(2):
        with Scanner(running.port) as scanner:
            scanner.release()


@pytest.fixture
def silent():
    """Open connections that say nothing, or no more than a little."""
    opened = []

    def open_(port, count, said=b""):
        for _ in range(count):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=LONG))
            opened[-1].sendall(said)
        return opened[-count:]

    yield open_
    for sock in opened:
        sock.close()


@pytest.mark.parametrize("said", [b"", b"\x01\0\0\0"], ids=["nothing", "half a header"])
def test_connections_that_ask_for_nothing_take_no_place_of_an_association(
    run_scp, silent, caplog, said
):
    running = run_scp(max_associations=20)
    before = threading.active_count()
    opened = silent(running.port, 60, said)
    assert store_status(running.port, ct_object(1)).Status == 0x0000
    # The oldest have made room; the youngest are waited for until their time is over.
    assert opened[0].recv(1) == b""
    assert threading.active_count() - before <= 2 * 21
    with Scanner(running.port) as scanner:
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.4", b"data") == 0x0000
    closed = [it.getMessage() for it in caplog.records]
    assert len(closed) == complaints.MOST
    assert closed[0] == (
        "connection from 127.0.0.1 closed to make room: one of 20 from there without an association"
    )


def test_connections_that_ask_for_nothing_end_no_association(run_scp, silent):
    running = run_scp(max_associations=20)
    scanners = [Scanner(running.port).associate() for _ in range(20)]
    silent(running.port, 40)
    with pytest.raises(AssociationEndedError):
        Scanner(running.port).associate()
    for number, scanner in enumerate(scanners):
        assert scanner.store(CT_IMAGE_STORAGE, f"1.2.{number}", b"data") == 0x0000
        scanner.release()


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
    wait_for("association with 'SCANNER' (127.0.0.1) ended in the middle of a message", caplog)
    assert running.received.objects == []
    assert store_status(running.port, ct_object(2)).Status == 0x0000
    assert len(running.received.objects) == 1


def test_an_object_longer_than_the_limit_is_refused_and_the_association_goes_on(run_scp):
    running = run_scp(max_object_bytes=50_000, max_pdu=16384)
    with Scanner(running.port) as scanner:
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.3", bytes(200_000)) == 0xA700
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.4", bytes(20_000)) == 0x0000
    assert [it.sop_instance_uid for it in running.received.abandoned] == ["1.2.3"]
    assert [(e.sop_instance_uid, len(d)) for e, d in running.received.objects] == [
        ("1.2.4", 20_000)
    ]


@pytest.mark.parametrize("uid", ["", "1." + "2" * 63])
def test_an_object_with_a_uid_that_is_none_is_refused_and_the_association_goes_on(
    run_scp, uid, caplog
):
    running = run_scp()
    with Scanner(running.port) as scanner:
        scanner.send(CT_IMAGE_STORAGE, uid, b"data")
        answer = scanner.response()
        assert answer.status == 0xC000
        assert answer.comment == f"an Affected SOP Instance UID of {len(uid)} characters"
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.4", b"data") == 0x0000
    assert "refused with 0xC000: an Affected SOP Instance UID" in caplog.text


@pytest.mark.parametrize("uid", ["1.2.840.113619.6.95", "not/../a.uid", "1." + "2" * 62])
def test_other_uids_are_taken_as_they_come(run_scp, uid):
    running = run_scp()
    with Scanner(running.port) as scanner:
        assert scanner.store(CT_IMAGE_STORAGE, uid, b"data") == 0x0000
    assert running.received.objects[0][0].sop_instance_uid == uid


def test_an_object_without_a_data_set_is_refused(run_scp):
    running = run_scp()
    with Scanner(running.port) as scanner:
        scanner.send(CT_IMAGE_STORAGE, "1.2.3", b"")
        answer = scanner.response()
    assert (answer.status, answer.comment) == (0xC000, "no data set")
    assert running.received.objects == []


def wait_for(said, caplog):
    wait_until(lambda: said in caplog.text)


NONSENSE = [
    pytest.param([pdu(4, bytes(5))], "a P-DATA-TF PDU of 5 bytes", id="short PDU"),
    pytest.param(
        [pdu(4, bytes.fromhex("00000100 0100"))], "a presentation data value of 256", id="lie"
    ),
    pytest.param(
        p_data(9, c_store_rq(CT_IMAGE_STORAGE, "1.2.3", 1), 16384, command=True),
        "presentation context 9, which was not accepted",
        id="context",
    ),
    pytest.param(p_data(1, b"data", 16384, command=False), "without a command set", id="data"),
]


@pytest.mark.parametrize(("pdus", "said"), NONSENSE)
def test_nonsense_ends_the_association_with_an_abort_and_one_line(run_scp, caplog, pdus, said):
    running = run_scp()
    with Scanner(running.port) as scanner:
        for part in pdus:
            scanner.sock.sendall(part)
        assert scanner.read_pdu()[0] == ABORT
    wait_for(said, caplog)
    assert len(caplog.records) == 1
    assert store_status(running.port, ct_object(2)).Status == 0x0000


def test_a_peer_that_stops_in_the_middle_is_aborted_in_time_with_one_line(run_scp, caplog):
    running = run_scp(timeouts=IMPATIENT)
    with Scanner(running.port) as scanner:
        first, *rest = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(1000))
        scanner.sock.sendall(first + rest[0][:500])
        assert scanner.read_pdu()[0] == ABORT
    wait_for("in the middle of a message, of which nothing is kept: nothing came for 1 s", caplog)
    assert [it.sop_instance_uid for it in running.received.abandoned] == ["1.2.3"]


def test_a_peer_that_says_nothing_between_messages_is_aborted_in_time(run_scp, caplog):
    running = run_scp(timeouts=IMPATIENT)
    with Scanner(running.port) as scanner:
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.3", b"data") == 0x0000
        assert scanner.read_pdu()[0] == ABORT
    wait_for("association with 'SCANNER' (127.0.0.1) aborted: nothing came for 1 s", caplog)


@pytest.mark.parametrize("said", [b"", b"\x01\x00\x00\x00"])
def test_a_connection_without_a_request_is_closed_in_time(run_scp, said):
    running = run_scp(timeouts=Timeouts(acse=0.3, network=60))
    with socket.create_connection(("127.0.0.1", running.port), timeout=LONG) as sock:
        sock.sendall(said)
        assert sock.recv(100) == b""


def test_a_slow_peer_is_waited_for(run_scp):
    running = run_scp(timeouts=Timeouts(network=2.0))
    with Scanner(running.port) as scanner:
        message = b"".join(scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(40)))
        begun = time.monotonic()
        for begin in range(0, len(message), 10):
            scanner.sock.sendall(message[begin : begin + 10])
            time.sleep(0.12)
        assert time.monotonic() - begun > 2.0
        assert scanner.response().status == 0x0000
    assert running.received.objects[0][1] == bytes(40)


def test_a_peer_that_does_not_wait_for_answers_gets_them_in_order(run_scp):
    running = run_scp(max_pdu=16384)
    with Scanner(running.port, max_pdu=16384) as scanner:
        for number in range(20):
            scanner.send(CT_IMAGE_STORAGE, f"1.2.{number}", bytes(20_000 + number))
        assert [scanner.response().message_id for _ in range(20)] == list(range(1, 21))
    assert [len(data) for _, data in running.received.objects] == [20_000 + n for n in range(20)]


def test_many_associations_at_once(run_scp):
    running = run_scp(max_associations=30)
    scanners = [Scanner(running.port, max_pdu=16384).associate() for _ in range(20)]
    for number, scanner in enumerate(scanners):
        scanner.send(CT_IMAGE_STORAGE, f"1.2.{number}", bytes([number]) * 30_000)
    assert {scanner.response().status for scanner in scanners} == {0x0000}
    for scanner in scanners:
        scanner.release()
    found = {e.sop_instance_uid: data for e, data in running.received.objects}
    assert found == {f"1.2.{number}": bytes([number]) * 30_000 for number in range(20)}


def test_a_pdu_that_announces_gigabytes_ends_the_connection(run_scp):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=LONG) as sock:
        sock.sendall(bytes.fromhex("0100f0000000") + bytes(100))
        assert sock.recv(100) == b""
    assert store_status(running.port, ct_object(2)).Status == 0x0000


NOISE = [
    pytest.param(b"", None, id="a port scan"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", "found an HTTP request", id="a browser"),
    pytest.param(bytes.fromhex("1603010200 0100") + bytes(90), "found a TLS handshake", id="TLS"),
    pytest.param(b"\x09\0\0\0\0\x04abcd", "found a PDU of type 0x09", id="no type"),
    pytest.param(pdu(4, bytes(10)), "found a PDU of type 0x04", id="data at once"),
    pytest.param(b"\x01\0\0", None, id="half a header"),
    pytest.param(
        b"\x01\0\0\0\0\x50" + bytes(9), "found one that is cut short", id="half a request"
    ),
    pytest.param(
        pdu(1, b"\0\1" + bytes(66) + bytes.fromhex("2000ffff01")),
        "broken off: an item of 65535 bytes in an association request that has 1 left",
        id="lie",
    ),
]


@pytest.mark.parametrize(("noise", "said"), NOISE)
def test_noise_on_the_port_harms_nobody_and_is_one_line(run_scp, noise, said, caplog):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=LONG) as sock:
        sock.sendall(noise)
    assert store_status(running.port, ct_object(2)).Status == 0x0000
    if said is None:
        assert caplog.records == []
    else:
        wait_for(said, caplog)
        assert caplog.text.count("connection from 127.0.0.1 broken off") == 1
        assert len(caplog.records) == 1


@pytest.mark.parametrize("kind", [0x01, 0x02, 0x09])
def test_a_pdu_that_has_no_place_in_an_association_ends_it_with_one_line(run_scp, kind, caplog):
    running = run_scp()
    with Scanner(running.port) as scanner:
        scanner.sock.sendall(pdu(kind, bytes(100)))
        assert scanner.read_pdu()[0] == ABORT
    wait_for(f"aborted: a PDU of type 0x{kind:02x}, expected data, a release or an abort", caplog)
    assert len(caplog.records) == 1


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
    wait_until(lambda: assoc.is_aborted)


def test_an_association_at_rest_does_not_delay_the_stop(run_scp, caplog):
    running = run_scp()
    with Scanner(running.port) as scanner:
        assert scanner.store(CT_IMAGE_STORAGE, "1.2.3", b"data") == 0x0000
        begun = time.monotonic()
        running.scp.stop(begun + 2 * LONG)
        assert time.monotonic() - begun < LONG
        assert scanner.read_pdu()[0] == ABORT
    assert "association with 'SCANNER' (127.0.0.1) aborted: the node stops" in caplog.text


def test_an_object_on_its_way_is_answered_before_it_stops(run_scp):
    running = run_scp()
    with Scanner(running.port) as scanner:
        *most, last = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(500_000))
        scanner.sock.sendall(b"".join(most))
        stopping = threading.Thread(target=running.scp.stop, args=(time.monotonic() + LONG,))
        stopping.start()
        time.sleep(1.5)
        scanner.sock.sendall(last)
        assert scanner.response().status == 0x0000
        scanner.release()
    stopping.join(LONG)
    assert not stopping.is_alive()


def test_an_object_that_does_not_come_to_its_end_is_cut_at_the_deadline(run_scp, caplog):
    running = run_scp()
    with Scanner(running.port) as scanner:
        first, second, third, *_ = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(500_000))
        scanner.sock.sendall(first + second + third[:1000])
        assert running.received.is_coming.wait(LONG)
        running.scp.stop(time.monotonic() + 0.2)
        assert scanner.read_pdu()[0] == ABORT
    wait_for("ended in the middle of a message", caplog)
    assert running.received.objects == []


def test_a_connection_without_an_association_does_not_delay_the_stop(run_scp):
    running = run_scp()
    with socket.create_connection(("127.0.0.1", running.port), timeout=LONG):
        wait_until(lambda: running.scp._server.active_associations)
        begun = time.monotonic()
        running.scp.stop(begun + 2 * LONG)
        assert time.monotonic() - begun < LONG
