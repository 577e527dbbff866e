"""What is answered to those who call: scanners that ask, archives that report."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role

from atlas_node.dimse.commitment import information as information_module
from atlas_node.spool import commitment
from tests.commitment import (
    PUSH_MODEL,
    Archive,
    Scanner,
    information,
    references,
    request,
)
from tests.unit.dimse.commitment.conftest import destination, peer
from tests.waiting import wait_until

MPPS = "1.2.840.10008.3.1.2.3.3"


@pytest.fixture
def node(run_node, archive):
    """A node that takes requests and does nothing about them yet."""
    node = run_node(
        start=False,
        destinations=[destination(archive)],
        peers=[
            {"ae_title": "SCANNER"},
            {"ae_title": "PACS", "services": ["commit"]},
            {"ae_title": "OTHER"},
            {"ae_title": "MODEST", "services": ["store"]},
        ],
    )
    node.start_scp()
    return node


def ask(node, ds, scanner=None, **more):
    with (scanner or Scanner()).association(node.port) as assoc:
        return request(assoc, ds, **more)


def test_an_accepted_request_is_on_the_disk(node):
    asked = references(2)
    assert ask(node, information("1.2.3", asked)) == 0x0000
    [kept] = node.store.transactions()
    assert (kept.calling_ae, kept.called_ae, kept.peer) == ("SCANNER", "ATLAS", "127.0.0.1")
    assert kept.transaction_uid == "1.2.3"
    assert [it.destination for it in kept.enquiries] == ["pacs"]
    assert [it.sop_classes for it in kept.enquiries] == [(asked[0][0],)]


def test_a_peer_without_the_service_is_refused(node, caplog):
    assert ask(node, information("1.2.3", references(1)), Scanner("MODEST")) == 0x0124
    assert node.store.transactions() == []
    assert "commit refused for 'MODEST' (127.0.0.1)" in caplog.text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"action": 2}, 0x0123),
        ({"instance": "1.2.3"}, 0x0112),
    ],
)
def test_what_is_no_request_of_the_push_model_is_refused(node, more, status):
    assert ask(node, information("1.2.3", references(1)), **more) == status
    assert node.store.transactions() == []


@pytest.mark.parametrize(
    ("ds", "status"),
    [
        (None, 0x0120),
        (information("1.2.3", []), 0x0120),
        (information("not a UID", references(1)), 0x0115),
    ],
)
def test_a_request_that_lacks_something_is_refused(node, ds, status):
    assert ask(node, ds) == status
    assert node.store.transactions() == []


def test_a_request_for_too_many_instances_is_refused(node, monkeypatch):
    monkeypatch.setattr(information_module, "MOST_REFERENCES", 2)
    assert ask(node, information("1.2.3", references(3))) == 0x0213


def test_more_transactions_than_can_be_kept_are_refused(node, monkeypatch):
    monkeypatch.setattr(commitment, "MOST_TRANSACTIONS", 1)
    assert ask(node, information("1.2.3", references(1))) == 0x0000
    assert ask(node, information("1.2.4", references(1))) == 0x0213


def test_a_store_that_cannot_be_written_is_a_failure(node):
    node.store.folder.write_bytes(b"a file in its place")
    assert ask(node, information("1.2.3", references(1))) == 0x0110


def test_a_transaction_uid_that_is_in_use_is_refused(node):
    assert ask(node, information("1.2.3", references(1))) == 0x0000
    assert ask(node, information("1.2.3", references(1))) == 0x0110
    assert ask(node, information("1.2.3", references(1)), Scanner("OTHER")) == 0x0000
    assert len(node.store.transactions()) == 2


def test_instances_that_go_to_no_archive_are_refused(node):
    node.provider.archives = lambda *_: ()
    assert ask(node, information("1.2.3", references(1))) == 0x0110
    assert node.store.transactions() == []


def test_without_an_archive_the_service_is_not_offered(run_node):
    node = run_node(start=False)
    node.start_scp()
    with Scanner().association(node.port) as assoc:
        assert [(it.abstract_syntax, it.result) for it in assoc.rejected_contexts] == [
            (PUSH_MODEL, 0x03)
        ]


def test_an_archive_may_take_the_role_of_scp(node):
    ae = AE("PACS")
    ae.add_requested_context(PUSH_MODEL)
    assoc = ae.associate("127.0.0.1", node.port, ext_neg=[build_role(PUSH_MODEL, scp_role=True)])
    [context] = assoc.accepted_contexts
    assert (context.as_scu, context.as_scp) == (False, True)
    assoc.release()


def test_a_report_on_an_unknown_transaction_is_refused(node, archive, caplog):
    archive.calls = node.port
    ds = information(generate_uid(), references(1))
    assert archive.call(1, ds) == 0x0115
    assert "is not one of an open transaction" in caplog.text


@pytest.mark.parametrize(
    ("event_type", "spoil", "status"),
    [
        (3, lambda ds: None, 0x0113),
        (1, lambda ds: delattr(ds, "TransactionUID"), 0x0120),
        (1, lambda ds: delattr(ds.ReferencedSOPSequence[0], "ReferencedSOPClassUID"), 0x0120),
    ],
)
def test_a_report_that_is_none_is_refused_and_the_right_one_still_taken(
    node, archive, event_type, spoil, status
):
    archive.reports, archive.calls = "none", node.port
    assert ask(node, information("1.2.3", references(1))) == 0x0000
    node.start_relay()
    wait_until(lambda: archive.asked)
    right_type, right = archive.report_on(archive.asked[0])
    _, wrong = archive.report_on(archive.asked[0])
    wrong.ReferencedSOPSequence = wrong.FailedSOPSequence
    spoil(wrong)
    assert archive.call(event_type, wrong) == status
    assert not node.store.transactions()[0].complete
    assert archive.call(right_type, right) == 0x0000
    assert node.store.transactions()[0].complete


def test_a_report_that_comes_twice_is_answered_twice(node, archive):
    archive.reports, archive.calls = "none", node.port
    ask(node, information("1.2.3", references(1)))
    node.start_relay()
    wait_until(lambda: archive.asked)
    node.stop_relay()
    report = archive.report_on(archive.asked[0])
    assert [archive.call(*report), archive.call(*report)] == [0x0000, 0x0000]


def test_a_report_is_not_acknowledged_when_it_cannot_be_kept(node, archive, monkeypatch):
    archive.reports, archive.calls = "none", node.port
    ask(node, information("1.2.3", references(1)))
    node.start_relay()
    wait_until(lambda: archive.asked)
    node.stop_relay()

    def full(self, identifier, content):
        raise OSError(28, "No space left on device")

    report = archive.report_on(archive.asked[0])
    with monkeypatch.context() as patched:
        patched.setattr(commitment.CommitmentStore, "_write", full)
        assert archive.call(*report) == 0x0110
    assert not node.store.transactions()[0].complete
    assert archive.call(*report) == 0x0000


def test_a_report_from_a_peer_without_the_service_is_refused(run_node):
    with Archive(ae_title="STRANGER") as stranger:
        node = run_node(
            start=False,
            destinations=[destination(stranger)],
            peers=[peer(Scanner()), {"ae_title": "STRANGER", "services": ["echo"]}],
        )
        node.start_scp()
        stranger.calls = node.port
        assert stranger.call(1, information(generate_uid(), references(1))) == 0x0124
