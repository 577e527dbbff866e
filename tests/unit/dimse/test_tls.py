import socket
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from atlas_node.config import Timeouts, Tls
from atlas_node.dimse import Peer, echo
from atlas_node.dimse.scu import KeptAssociation
from atlas_node.dimse.tls import client_context, server_context
from atlas_node.dimse.transport.established import (
    AssociationLostError,
    EstablishedAssociation,
    Patience,
)
from atlas_node.errors import ConfigurationError, PeerError
from tests.certificates import certificate
from tests.scanner import ABORT, CT_IMAGE_STORAGE, AssociationEndedError, Scanner
from tests.waiting import LONG, wait_until

CT = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")


@pytest.fixture
def ours(tmp_path) -> tuple[Path, Path]:
    return certificate(tmp_path, "node")


@pytest.fixture
def theirs(tmp_path) -> tuple[Path, Path]:
    return certificate(tmp_path, "peer")


def peer(port: int, tls: Tls | None) -> Peer:
    return Peer("node", "ATLAS", "127.0.0.1", port, "SCANNER", tls)


def test_peers_that_trust_each_other_associate(run_scp, node, ours, theirs):
    listening = Tls(certificate=ours[0], key=ours[1], ca=theirs[0])
    calling = Tls(certificate=theirs[0], key=theirs[1], ca=ours[0])
    assert echo(peer(run_scp(tls=listening).port, calling), node) > 0


@pytest.fixture
def tls_scanner(ours):
    """Open an association over TLS with a listener that verifies nobody."""
    opened = []

    def open_(running) -> Scanner:
        scanner = Scanner(running.port, timeout=LONG)
        scanner.sock = client_context(Tls(ca=ours[0])).wrap_socket(
            scanner.sock, server_hostname="127.0.0.1"
        )
        opened.append(scanner)
        return scanner.associate()

    yield open_
    for scanner in opened:
        scanner.close()


@pytest.fixture
def listening(ours) -> Tls:
    return Tls(certificate=ours[0], key=ours[1], verify_peer=False)


def test_objects_are_received_over_tls(run_scp, listening, tls_scanner):
    running = run_scp(tls=listening)
    scanner = tls_scanner(running)
    contents = [bytes(range(256)) * size for size in (1, 100, 4000)]
    for number, content in enumerate(contents):
        assert scanner.store(CT_IMAGE_STORAGE, f"1.2.{number}", content) == 0x0000
    for number, content in enumerate(contents):
        scanner.send(CT_IMAGE_STORAGE, f"1.3.{number}", content)
    assert [scanner.response().status for _ in contents] == [0x0000] * 3
    scanner.release()
    assert [data for _, data in running.received.objects] == contents * 2


def test_a_message_in_one_tls_record_with_the_next_is_not_waited_for(
    run_scp, listening, tls_scanner
):
    scanner = tls_scanner(run_scp(tls=listening))
    messages = [scanner.message(CT_IMAGE_STORAGE, f"1.2.{n}", b"data") for n in range(3)]
    scanner.sock.sendall(b"".join(part for message in messages for part in message))
    assert [scanner.response().message_id for _ in messages] == [1, 2, 3]


def test_a_stop_reaches_a_peer_in_the_middle_of_an_object_over_tls(run_scp, listening, tls_scanner):
    running = run_scp(tls=listening)
    scanner = tls_scanner(running)
    first, second, third, *_ = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(500_000))
    scanner.sock.sendall(first + second + third[:1000])
    assert running.received.is_coming.wait(LONG)
    running.scp.stop(time.monotonic() + 0.2)
    # In the middle of a TLS record no A-ABORT can be read any more: TLS itself ends the connection.
    with pytest.raises((OSError, AssociationEndedError)):
        scanner.response()
    assert running.received.objects == []


def test_a_peer_that_stops_in_the_middle_over_tls_is_aborted_in_time(
    run_scp, listening, tls_scanner, caplog
):
    running = run_scp(tls=listening, timeouts=Timeouts(network=1.0))
    scanner = tls_scanner(running)
    first, second, *_ = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(500_000))
    scanner.sock.sendall(first + second[:1000])
    assert scanner.read_pdu()[0] == ABORT
    wait_until(lambda: "nothing came for 1 s" in caplog.text)


def test_a_caller_without_a_certificate_is_refused_in_one_line(run_scp, node, ours, caplog):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], ca=ours[0]))
    # Its reason, CERTIFICATE_REQUIRED, may be lost when the listener closes the connection.
    with pytest.raises(PeerError, match="at the association request"):
        echo(peer(running.port, Tls(ca=ours[0])), node)
    # Our own side hears of the refusal before the other thread has said so.
    wait_until(lambda: "connection from 127.0.0.1 failed" in caplog.text)
    assert "Traceback" not in caplog.text


def test_a_caller_without_a_certificate_may_call_where_peers_are_not_verified(run_scp, node, ours):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    assert echo(peer(running.port, Tls(ca=ours[0])), node) > 0


def test_a_listener_that_we_do_not_trust_is_not_called(run_scp, node, ours, theirs):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    with pytest.raises(PeerError, match="cannot connect: TLS: self-signed certificate"):
        echo(peer(running.port, Tls(ca=theirs[0])), node)
    assert echo(peer(running.port, Tls(verify_peer=False)), node) > 0


def test_connections_that_never_shake_hands_keep_nobody_out(run_scp, node, ours, caplog):
    running = run_scp(
        tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False), max_associations=2
    )
    silent = [
        socket.create_connection(("127.0.0.1", running.port), timeout=LONG) for _ in range(40)
    ]
    assert echo(peer(running.port, Tls(ca=ours[0])), node) > 0
    assert silent[0].recv(1) == b""
    for sock in silent:
        sock.close()
    said = [it.getMessage() for it in caplog.records]
    assert said
    assert all("to make room" in it for it in said)


def test_plain_tcp_to_a_tls_listener_is_refused(run_scp, node, ours, caplog):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    with pytest.raises(PeerError):
        echo(peer(running.port, None), node)


@pytest.mark.parametrize("context", [server_context, client_context])
def test_authorities_that_are_named_are_the_only_ones(monkeypatch, context, ours, theirs):
    """The system trusts `theirs`: that counts where the configuration names no authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(theirs[0]))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")

    def trusted(tls: Tls) -> list[str]:
        return [it["subject"][0][0][1] for it in context(tls).get_ca_certs()]

    mine = {"certificate": ours[0], "key": ours[1]}
    assert trusted(Tls(**mine, ca=ours[0])) == ["node"]
    assert trusted(Tls(**mine)) == ["peer"]


def test_files_that_cannot_be_used_are_named(tmp_path, ours):
    missing = tmp_path / "nowhere.crt"
    with pytest.raises(ConfigurationError, match=r"tls: cannot use .*nowhere\.crt"):
        server_context(Tls(certificate=missing, key=ours[1]))
    with pytest.raises(ConfigurationError, match=r"tls: cannot use .*nowhere\.crt"):
        client_context(Tls(ca=missing))


def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(tmp_path, ours):
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        load_pem_private_key(ours[1].read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(ConfigurationError, match=r"encrypted\.key: .*; expected .*not encrypted"):
        server_context(Tls(certificate=ours[0], key=encrypted))


def test_objects_of_any_size_pass_over_tls_and_the_association_is_kept(run_scp, node, ours, theirs):
    listening = Tls(certificate=ours[0], key=ours[1], ca=theirs[0])
    calling = Tls(certificate=theirs[0], key=theirs[1], ca=ours[0])
    running = run_scp(tls=listening)
    association = KeptAssociation(peer(running.port, calling), node)
    data_sets = [bytes(range(256)) * count for count in (1, 40_000, 3)]
    for number, data in enumerate(data_sets):
        pieces = [data[:1000], memoryview(data)[1000:]]
        assert association.store(CT, f"1.2.{number}", pieces) == (0x0000, "")
    association.close()
    assert [data for _, data in running.received.objects] == data_sets


def test_a_listener_that_goes_away_is_noticed_over_tls(run_scp, node, ours):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    association = KeptAssociation(peer(running.port, Tls(ca=ours[0])), node)
    assert association.store(CT, "1.2.3", [b"\0\0"]) == (0x0000, "")
    running.scp.stop(0.0)
    wait_until(lambda: not association.is_open)


def test_a_listener_that_takes_nothing_more_is_given_up_over_tls(ours):
    ended = threading.Event()

    def take_nothing() -> None:
        with server_context(listening).wrap_socket(listener.accept()[0], server_side=True):
            ended.wait(LONG)

    listening = Tls(certificate=ours[0], key=ours[1], verify_peer=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take_nothing, daemon=True).start()
        association = EstablishedAssociation(
            client_context(Tls(ca=ours[0])).wrap_socket(
                socket.create_connection(listener.getsockname()), server_hostname="127.0.0.1"
            ),
            "PACS",
            longest_sent=131072,
            longest_received=131072,
            patience=Patience(response=0.5, silence=0.5, release=0.5),
        )
        with pytest.raises(AssociationLostError, match=r"took nothing for 0\.5 s"):
            association.exchange(1, {0x0100: b"\1\0"}, [bytes(20_000_000)])
        ended.set()
