"""Requests go to the archive and reports come back, whatever fails in between."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pydicom.uid import generate_uid

from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient
from tests.commitment import (
    Archive,
    Scanner,
    information,
    named,
    references,
    request,
)
from tests.fault.pacs import ct_object
from tests.unit.dimse.commitment.conftest import destination, peer
from tests.waiting import wait_until

ARCHIVE = {"ae_title": "PACS", "services": ["commit"]}


def test_a_request_is_passed_on_and_the_report_comes_back(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner), ARCHIVE])
    asked = references(3)
    archive.has = {uid for _, uid in asked}
    status, uid = scanner.ask(node.port, asked)
    assert status == 0x0000
    wait_until(lambda: scanner.told)
    [(event_type, told)] = scanner.told
    assert event_type == 1
    assert told.TransactionUID == uid
    assert named(told, "ReferencedSOPSequence") == asked
    assert "FailedSOPSequence" not in told
    assert told.RetrieveAETitle == "PACS"
    assert archive.callers == ["ATLAS"]
    assert named(archive.asked[0], "ReferencedSOPSequence") == asked
    assert archive.transaction_uids() != [uid]
    wait_until(lambda: archive.answers == [0x0000])
    wait_until(lambda: node.store.transactions() == [])


def test_an_instance_that_the_archive_has_not_is_reported_as_the_archive_says(
    run_node, archive, scanner
):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    asked = references(2)
    archive.has = {asked[0][1]}
    scanner.ask(node.port, asked)
    wait_until(lambda: scanner.told)
    [(event_type, told)] = scanner.told
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == asked[:1]
    assert named(told, "FailedSOPSequence") == asked[1:]
    assert told.FailedSOPSequence[0].FailureReason == 0x0112


def test_the_scanner_is_told_in_its_own_association_while_that_is_open(run_node, archive):
    node = run_node(destinations=[destination(archive)])
    scanner = Scanner()  # does not listen
    asked = references(1)
    archive.has = {asked[0][1]}
    with scanner.association(node.port) as assoc:
        assert request(assoc, information("1.2.3", asked)) == 0x0000
        wait_until(lambda: scanner.told)
    assert scanner.told_in == ["its own"]
    assert scanner.told[0][1].TransactionUID == "1.2.3"


def test_storing_goes_on_in_the_association_in_which_the_scanner_is_told(run_node, archive):
    node = run_node(destinations=[destination(archive)])
    scanner = Scanner()
    asked = references(2000)  # a report of many PDUs
    archive.has = {uid for _, uid in asked}
    with scanner.association(node.port) as assoc:
        assert request(assoc, information("1.2.3", asked)) == 0x0000
        number = 0
        while not scanner.told:
            number += 1
            assert assoc.send_c_store(ct_object(number)).Status == 0x0000
        assert assoc.send_c_store(ct_object(0)).Status == 0x0000
    assert scanner.told_in == ["its own"]
    assert named(scanner.told[0][1], "ReferencedSOPSequence") == asked


def test_a_scanner_that_refuses_in_its_own_association_is_called(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.status = 0x0110
    with scanner.association(node.port) as assoc:
        assert request(assoc, information("1.2.3", references(1))) == 0x0000
        wait_until(lambda: scanner.refused_in)
        scanner.status = 0x0000
        wait_until(lambda: scanner.told)
    assert scanner.refused_in[0] == "its own"
    assert scanner.told_in == ["new"]


def test_an_archive_may_report_in_an_association_of_its_own(run_node, archive, scanner):
    node = run_node(
        destinations=[destination(archive)],
        peers=[peer(scanner), ARCHIVE],
        commitment={"linger": 0.1},
    )
    archive.reports, archive.calls = "new", node.port
    asked = references(2)
    archive.has = {uid for _, uid in asked}
    scanner.ask(node.port, asked)
    wait_until(lambda: scanner.told)
    assert archive.roles == [True]
    wait_until(lambda: archive.answers == [0x0000])
    assert named(scanner.told[0][1], "ReferencedSOPSequence") == asked


def test_the_scanner_is_called_under_the_title_that_it_called(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.ask(node.port, references(1), called="ARCHIVE1")
    wait_until(lambda: scanner.told)
    assert scanner.callers == ["ARCHIVE1"]


def test_an_archive_that_reports_where_it_is_asked_gets_one_request_at_a_time(
    run_node, archive, scanner
):
    node = run_node(start=False, destinations=[destination(archive)], peers=[peer(scanner)])
    node.start_scp()
    for _ in range(4):
        scanner.ask(node.port, references(1))
    node.start_relay()
    wait_until(lambda: len(scanner.told) == 4)
    wait_until(lambda: archive.answers == [0x0000] * 4)
    assert len(archive.asked) == 4


def test_an_archive_that_reports_late_is_not_waited_for_between_requests(
    run_node, archive, scanner
):
    archive.reports = "none"
    node = run_node(
        start=False,
        destinations=[destination(archive)],
        peers=[peer(scanner)],
        commitment={"linger": 4.0},
    )
    node.start_scp()
    for _ in range(12):
        scanner.ask(node.port, references(1))
    node.start_relay()
    wait_until(lambda: len(archive.asked) == 12, 30.0)  # 44 s if it were


def test_an_archive_that_is_down_is_asked_when_it_is_back(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    archive.stop()
    assert scanner.ask(node.port, references(1))[0] == 0x0000
    wait_until(lambda: "cannot connect" in node.store.transactions()[0].enquiries[0].detail)
    archive.start()
    wait_until(lambda: scanner.told)
    assert len(archive.asked) == 1


def test_a_scanner_that_is_down_is_called_again(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.stop()
    scanner.ask(node.port, references(1))
    wait_until(lambda: [it.tries for it in node.store.transactions()] == [1])
    scanner.start()
    wait_until(lambda: scanner.told)
    assert len(scanner.told) == 1


def test_a_scanner_that_refuses_its_report_is_called_again(run_node, archive, scanner):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.status = 0x0110
    scanner.ask(node.port, references(1))
    wait_until(lambda: "0x0110" in node.store.transactions()[0].detail)
    scanner.status = 0x0000
    wait_until(lambda: scanner.told)


def test_a_scanner_that_cannot_be_called_is_told_when_it_comes_again(run_node, archive):
    node = run_node(destinations=[destination(archive)])
    scanner = Scanner()
    _, uid = scanner.ask(node.port, references(1))
    wait_until(lambda: any("report_to" in it.detail for it in node.store.transactions()))
    with scanner.association(node.port):
        wait_until(lambda: scanner.told)
    assert scanner.told[0][1].TransactionUID == uid
    assert scanner.told_in == ["its own"]


def test_a_report_that_nobody_takes_is_kept_with_its_reason(run_node, archive, scanner, caplog):
    node = run_node(
        destinations=[destination(archive)],
        peers=[peer(scanner)],
        commitment={"report_timeout": 0.5},
    )
    scanner.stop()
    scanner.ask(node.port, references(1))
    wait_until(lambda: [it.given_up for it in node.store.transactions()] == [True])
    [kept] = node.store.transactions()
    assert "cannot connect: Connection refused" in kept.detail
    wait_until(lambda: "is not called any more" in caplog.text)


def test_every_step_outlives_a_restart(run_node, archive, scanner):
    node = run_node(
        start=False,
        destinations=[destination(archive)],
        peers=[peer(scanner), ARCHIVE],
    )
    archive.reports, archive.calls = "none", node.port
    asked = references(1)
    archive.has = {asked[0][1]}
    node.start_scp()
    _, uid = scanner.ask(node.port, asked)
    node.stop_scp()  # accepted, not asked
    node.start_relay()
    wait_until(lambda: archive.asked)
    wait_until(lambda: node.store.transactions()[0].enquiries[0].status == "asked")
    node.stop_relay()  # asked, not reported
    node.start_scp()
    assert archive.call(*archive.report_on(archive.asked[0])) == 0x0000
    node.stop_scp()  # reported, not told
    node.start_relay()
    wait_until(lambda: scanner.told)
    assert scanner.told[0][1].TransactionUID == uid
    wait_until(lambda: node.store.transactions() == [])
    assert len(archive.asked) == 1


def test_what_still_waits_to_be_delivered_is_not_asked_for(run_node, archive, scanner, spool):
    asked = references(1)
    envelope = Envelope(1.0, "SCANNER", "ATLAS", "127.0.0.1", *asked[0], "1.2.840.10008.1.2.1")
    spool.accept(envelope, b"data", [Recipient("pacs", Policy.DECODE)])
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.ask(node.port, asked)
    time.sleep(1.5)
    assert archive.asked == []
    assert scanner.told == []
    delivery = spool.take("pacs", 0.0)
    assert delivery is not None
    spool.settle(delivery, replace(delivery.record, status=DeliveryStatus.SENT))
    wait_until(lambda: archive.asked)
    wait_until(lambda: scanner.told)


def test_an_instance_that_was_sent_again_and_refused_is_not_committed(
    run_node, archive, scanner, spool
):
    """The archive has what the scanner sent first, and the spool what it sent last."""
    asked = references(2)
    archive.has = {uid for _, uid in asked}
    envelope = Envelope(1.0, "SCANNER", "ATLAS", "127.0.0.1", *asked[0], "1.2.840.10008.1.2.1")
    spool.accept(envelope, b"data", [Recipient("pacs", Policy.DECODE)])
    delivery = spool.take("pacs", 0.0)
    spool.settle(delivery, replace(delivery.record, status=DeliveryStatus.DEAD))
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    scanner.ask(node.port, asked)
    wait_until(lambda: scanner.told)
    [(event_type, told)] = scanner.told
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == asked[1:]
    assert named(told, "FailedSOPSequence") == asked[:1]


@pytest.mark.parametrize("status", [0x0110, 0x0213])
def test_an_archive_that_refuses_is_asked_again_under_another_transaction_uid(
    run_node, archive, scanner, status
):
    node = run_node(destinations=[destination(archive)], peers=[peer(scanner)])
    archive.status = status
    scanner.ask(node.port, references(1))
    wait_until(lambda: len(archive.asked) >= 2)
    archive.status = 0x0000
    wait_until(lambda: scanner.told)
    assert len({*archive.transaction_uids()}) == len(archive.asked)


def test_an_archive_that_keeps_refusing_is_given_up_and_the_scanner_told_so(
    run_node, archive, scanner
):
    node = run_node(
        destinations=[destination(archive, retry={"first_delay": 0.1, "max_tries": 2})],
        peers=[peer(scanner)],
    )
    archive.status = 0x0110
    asked = references(2)
    scanner.ask(node.port, asked)
    wait_until(lambda: scanner.told)
    event_type, told = scanner.told[0]
    assert event_type == 2
    assert named(told, "FailedSOPSequence") == asked
    assert {item.FailureReason for item in told.FailedSOPSequence} == {0x0110}
    assert len(archive.asked) == 2


def test_an_archive_without_the_service_is_given_up(run_node, archive, scanner):
    archive.stop()
    archive.offers = False
    archive.start()
    node = run_node(
        destinations=[destination(archive, retry={"first_delay": 0.1, "max_tries": 1})],
        peers=[peer(scanner)],
    )
    scanner.ask(node.port, references(1))
    wait_until(lambda: scanner.told)
    assert scanner.told[0][0] == 2


def test_an_archive_that_never_reports_is_given_up_in_time(run_node, archive, scanner):
    node = run_node(
        destinations=[destination(archive)],
        peers=[peer(scanner)],
        commitment={"archive_timeout": 2.0, "linger": 0.5},
    )
    archive.reports = "none"
    scanner.ask(node.port, references(1))
    wait_until(lambda: archive.asked)
    wait_until(lambda: scanner.told)
    assert scanner.told[0][0] == 2


def test_of_two_archives_both_must_commit(run_node, archive, scanner):
    with Archive(ae_title="SECOND") as second:
        node = run_node(
            destinations=[destination(archive), destination(second, "second")],
            peers=[peer(scanner)],
        )
        asked = references(3)
        archive.has = {asked[0][1], asked[1][1]}
        second.has = {asked[0][1], asked[2][1]}
        scanner.ask(node.port, asked)
        wait_until(lambda: scanner.told)
    event_type, told = scanner.told[0]
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == asked[:1]
    assert named(told, "FailedSOPSequence") == asked[1:]
    assert archive.transaction_uids() != second.transaction_uids()


def test_an_archive_that_is_down_does_not_keep_another_scanner_waiting(run_node, archive, scanner):
    with Scanner("OTHER") as other:
        node = run_node(destinations=[destination(archive)], peers=[peer(scanner), peer(other)])
        scanner.stop()
        scanner.ask(node.port, references(1))
        other.ask(node.port, references(1))
        wait_until(lambda: other.told)


def test_an_archive_that_the_configuration_no_longer_has_is_given_up(run_node, archive, scanner):
    node = run_node(start=False, destinations=[destination(archive)], peers=[peer(scanner)])
    node.start_scp()
    scanner.ask(node.port, references(1))
    node.stop_scp()
    after = run_node(start=False, peers=[peer(scanner)])
    after.start_relay()
    wait_until(lambda: scanner.told)
    assert scanner.told[0][0] == 2


def test_the_same_request_again_is_one_transaction(run_node, archive, scanner):
    node = run_node(start=False, destinations=[destination(archive)], peers=[peer(scanner)])
    node.start_scp()
    asked, uid = references(1), str(generate_uid())
    assert [scanner.ask(node.port, asked, uid)[0] for _ in range(2)] == [0x0000, 0x0000]
    assert len(node.store.transactions()) == 1
    node.start_relay()
    wait_until(lambda: scanner.told)
    wait_until(lambda: node.store.transactions() == [])
    assert len(archive.asked) == 1
