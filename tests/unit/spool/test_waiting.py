from dataclasses import replace

import pytest

from atlas_node.activity import DestinationState
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool import Reasons, waited_for
from atlas_node.spool.waiting import waits_for

FIRST = "18e9f287d2751700-00e531"
PENDING = DeliveryRecord("pacs", DeliveryStatus.PENDING, at=1.7e9)
HELD = replace(PENDING, detail=waits_for(FIRST))
WELL = DestinationState(answered_at=1.7e9)
DOWN = DestinationState(failed_at=1.7e9, failure="PACS: cannot connect", next_try_at=1.7e9 + 8)


def explain(record, state=WELL, *, configured=("pacs",), retried=((FIRST, "pacs"),)):
    return Reasons({"pacs": state}, configured, retried).explain(record)


def test_an_object_waits_for_the_one_before_it_while_that_one_is_tried_again():
    assert explain(HELD).detail == f"waits for {FIRST}, of the same series"
    assert explain(HELD, retried=()) == PENDING
    assert explain(HELD, retried=[(FIRST, "archive")]) == PENDING


def test_what_keeps_everything_from_a_destination_is_the_reason_for_all_that_waits():
    for record in (PENDING, HELD):
        said = explain(record, DOWN)
        assert (said.status, said.tries) == (DeliveryStatus.PENDING, 0)
        assert (said.detail, said.next_try_at) == (DOWN.failure, DOWN.next_try_at)


def test_what_only_waits_for_its_turn_has_no_reason():
    assert explain(PENDING) == PENDING
    assert Reasons({}, ["pacs"], ()).explain(PENDING) == PENDING
    assert explain(PENDING, DestinationState()) == PENDING


def test_a_destination_that_the_configuration_no_longer_has_is_a_reason():
    said = explain(HELD, DOWN, configured=["archive"])
    assert said.detail == "the configuration has no destination 'pacs'"


@pytest.mark.parametrize("status", [it for it in DeliveryStatus if it != DeliveryStatus.PENDING])
def test_what_was_tried_keeps_the_reason_of_its_last_try(status):
    record = replace(PENDING, status=status, detail="status 0xA900", next_try_at=1.8e9)
    assert explain(record, DOWN) == record


def test_who_is_waited_for_is_read_from_what_is_said():
    assert waited_for(waits_for(FIRST)) == FIRST
    assert waited_for("status 0xA700") is None
    assert waited_for("waits for ../../etc, of the same series") is None
