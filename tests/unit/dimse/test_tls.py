import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from atlas_node.config import Tls
from atlas_node.dimse import Peer, echo
from atlas_node.dimse.tls import client_context, server_context
from atlas_node.errors import ConfigurationError, PeerError


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


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


def test_a_caller_without_a_certificate_is_refused_in_one_line(run_scp, node, ours, caplog):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], ca=ours[0]))
    with pytest.raises(PeerError):
        echo(peer(running.port, Tls(ca=ours[0])), node)
    assert "connection from 127.0.0.1 failed" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_caller_without_a_certificate_may_call_where_peers_are_not_verified(run_scp, node, ours):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    assert echo(peer(running.port, Tls(ca=ours[0])), node) > 0


def test_a_listener_that_we_do_not_trust_is_not_called(run_scp, node, ours, theirs):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    with pytest.raises(PeerError, match="cannot connect: TLS: self-signed certificate"):
        echo(peer(running.port, Tls(ca=theirs[0])), node)
    assert echo(peer(running.port, Tls(verify_peer=False)), node) > 0


def test_plain_tcp_to_a_tls_listener_is_refused(run_scp, node, ours, caplog):
    running = run_scp(tls=Tls(certificate=ours[0], key=ours[1], verify_peer=False))
    with pytest.raises(PeerError):
        echo(peer(running.port, None), node)


def test_files_that_cannot_be_used_are_named(tmp_path, ours):
    missing = tmp_path / "nowhere.crt"
    with pytest.raises(ConfigurationError, match=r"tls: cannot use .*nowhere\.crt"):
        server_context(Tls(certificate=missing, key=ours[1]))
    with pytest.raises(ConfigurationError, match=r"tls: cannot use .*nowhere\.crt"):
        client_context(Tls(ca=missing))
