import pytest

from atlas_node.config import Peer, ReportTo
from atlas_node.dimse import AccessList

BOTH = frozenset({"echo", "store"})
EVERYTHING = BOTH | {"commit", "find", "get", "move"}


def test_without_peers_everybody_may_call():
    assert AccessList([]).services("ANYBODY", "203.0.113.9") == EVERYTHING


@pytest.mark.parametrize(
    ("calling_ae", "address", "services"),
    [
        ("CT1", "192.0.2.7", EVERYTHING),
        ("CT1 ", "192.0.2.7", EVERYTHING),
        ("CT1", "192.0.2.8", frozenset()),
        ("ct1", "192.0.2.7", frozenset()),
        ("CT1", "::ffff:192.0.2.7", EVERYTHING),
        ("WARD", "198.51.100.200", {"echo"}),
        ("WARD", "198.51.101.1", frozenset()),
        ("ANYWHERE", "2001:db8::1", {"store"}),
        ("ANYWHERE", "fe80::1%eth0", {"store"}),
        ("OTHER", "192.0.2.7", frozenset()),
    ],
)
def test_a_peer_is_an_ae_title_at_an_address(calling_ae, address, services):
    peers = [
        Peer(ae_title="CT1", address="192.0.2.7"),
        Peer(ae_title="WARD", address="198.51.100.0/24", services={"echo"}),
        Peer(ae_title="ANYWHERE", services={"store"}),
    ]
    assert AccessList(peers).services(calling_ae, address) == services


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("198.51.100.200", True),
        ("192.0.2.8", False),
        ("2001:db8::1", False),
    ],
)
def test_where_all_peers_have_addresses_others_may_not_even_connect(address, may):
    peers = [
        Peer(ae_title="CT1", address="192.0.2.7"),
        Peer(ae_title="WARD", address="198.51.100.0/24", services={"echo"}),
    ]
    assert AccessList(peers).may_connect(address) is may


def test_a_peer_without_an_address_may_connect_from_anywhere():
    peers = [Peer(ae_title="CT1", address="192.0.2.7"), Peer(ae_title="ANYWHERE")]
    assert AccessList(peers).may_connect("203.0.113.9")
    assert AccessList([]).may_connect("203.0.113.9")


def test_a_caller_that_two_entries_name_may_do_what_both_allow():
    peers = [Peer(ae_title="A", services={"echo"}), Peer(ae_title="A", services={"store"})]
    assert AccessList(peers).services("A", "192.0.2.1") == BOTH


def test_a_peer_says_where_it_takes_reports():
    there = ReportTo(port=104)
    access = AccessList([Peer(ae_title="CT1", address="192.0.2.7", report_to=there)])
    assert access.report_to("CT1", "192.0.2.7") == there
    assert access.report_to("CT1", "192.0.2.8") is None
    assert access.report_to("CT2", "192.0.2.7") is None
    assert AccessList([]).report_to("CT1", "192.0.2.7") is None
