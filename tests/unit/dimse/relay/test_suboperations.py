"""What a caller is told of the sub-operations of its retrieval."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from atlas_node.dimse.relay.suboperations import (
    Counts,
    Tally,
    failed_in,
    failed_list,
    final_status,
)
from atlas_node.dimse.status import ALL_FAILED, CANCELLED, SOME_FAILED, Answer
from atlas_node.dimse.transport.command_set import (
    NUMBER_OF_COMPLETED,
    NUMBER_OF_FAILED,
    NUMBER_OF_REMAINING,
    NUMBER_OF_WARNING,
    us,
)

SYNTAXES = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]
STORED, COERCED, REFUSED = Answer(0x0000), Answer(0xB000), Answer(0xA700)


def said(remaining: int, completed: int, failed: int = 0, warning: int = 0) -> dict[int, bytes]:
    return Counts(remaining, completed, failed, warning).elements()


def test_an_object_is_completed_when_its_receiver_says_so():
    tally = Tally()
    tally.begin()
    for number, answer in enumerate((STORED, COERCED, REFUSED, STORED)):
        tally.answered(f"1.2.{number}", answer, told=False)
    assert tally.counts == Counts(None, completed=2, failed=1, warning=1)
    assert tally.failed == ("1.2.2",)


def test_what_the_upstream_could_not_send_has_failed():
    tally = Tally()
    tally.begin()
    tally.answered("1.2.1", REFUSED, told=True)
    tally.reported(said(remaining=0, completed=0, failed=3))
    assert tally.counts == Counts(0, completed=0, failed=3)


def test_what_was_refused_behind_the_upstreams_back_has_failed_beside_what_it_could_not_send():
    tally = Tally()
    tally.begin()
    tally.answered("1.2.1", REFUSED, told=False)
    tally.answered("1.2.2", STORED, told=False)
    tally.reported(said(remaining=0, completed=2, failed=3))
    assert tally.counts == Counts(0, completed=1, failed=4)


def test_an_object_that_has_not_been_answered_for_remains():
    tally = Tally()
    tally.begin()
    tally.reported(said(remaining=3, completed=2))
    tally.answered("1.2.1", STORED, told=False)
    assert tally.counts == Counts(4, completed=1)


def test_objects_that_the_upstream_has_not_reported_yet_are_no_longer_to_come():
    tally = Tally()
    tally.begin()
    tally.answered("1.2.1", STORED, told=False)
    tally.reported(said(remaining=4, completed=1))
    tally.answered("1.2.2", STORED, told=False)
    assert tally.counts == Counts(3, completed=2)


def test_what_remains_when_the_upstream_is_lost_has_failed():
    tally = Tally()
    tally.begin()
    tally.answered("1.2.1", STORED, told=False)
    tally.reported(said(remaining=4, completed=1))
    tally.answered("1.2.2", STORED, told=False)
    tally.lost()
    assert tally.counts == Counts(0, completed=2, failed=3)


def test_several_upstreams_are_added_up():
    tally = Tally()
    for upstream in range(2):
        tally.begin()
        tally.answered(f"1.2.{upstream}", STORED, told=False)
        tally.answered(f"1.3.{upstream}", REFUSED, told=True)
        tally.reported(said(remaining=0, completed=1, failed=2))
    assert tally.counts == Counts(0, completed=2, failed=4)


def test_a_response_without_numbers_leaves_remaining_open():
    assert Counts.said_in({}) == Counts()
    assert NUMBER_OF_REMAINING not in Counts().elements()


def test_a_number_of_three_bytes_is_none():
    assert Counts.said_in({NUMBER_OF_REMAINING: b"abc", NUMBER_OF_FAILED: us(2)}) == Counts(
        None, failed=2
    )


@given(*[st.integers(0, 0xFFFF)] * 4)
def test_counts_come_back_from_their_elements(remaining, completed, failed, warning):
    counts = Counts(remaining, completed, failed, warning)
    assert Counts.said_in(counts.elements()) == counts


def test_more_than_a_us_holds_is_said_as_its_most():
    elements = Counts(70_000, 70_000, 70_000, 70_000).elements()
    assert set(elements) == {
        NUMBER_OF_REMAINING, NUMBER_OF_COMPLETED, NUMBER_OF_FAILED, NUMBER_OF_WARNING,
    }  # fmt: skip
    assert set(elements.values()) == {b"\xff\xff"}


uids = st.lists(st.integers(1, 10**40).map(lambda number: f"2.25.{number}"), unique=True)


@pytest.mark.parametrize("syntax", SYNTAXES)
@given(failed=uids)
def test_a_failed_list_is_a_data_set_that_others_read(syntax, failed):
    encoded = failed_list(failed, syntax)
    ds = read_dataset(io.BytesIO(encoded), syntax == SYNTAXES[1], True)
    value = ds.FailedSOPInstanceUIDList
    assert ([value] if isinstance(value, str) and value else list(value or ())) == failed
    assert failed_in(encoded, syntax) == failed
    assert len(encoded) % 2 == 0


@given(st.binary(max_size=64), st.sampled_from(SYNTAXES))
def test_an_identifier_of_any_bytes_is_read_or_passed_over(data, syntax):
    assert isinstance(failed_in(data, syntax), list)


def test_no_more_instances_are_named_than_a_ui_holds():
    tally = Tally()
    tally.begin()
    tally.name_failed(f"1.2.{number:060d}" for number in range(2000))
    encoded = failed_list(tally.failed, SYNTAXES[0])
    assert len(encoded) <= 8 + 0xFFFE
    assert len(tally.failed) == 1008


def test_the_status_is_that_of_the_only_upstream():
    assert final_status([Answer(0xA701, "too many")], Counts()) == Answer(0xA701, "too many")
    assert final_status([Answer(0x0000)], Counts(0, 3)) == Answer(0x0000)


def test_success_with_failures_is_a_warning():
    assert final_status([Answer(0x0000)], Counts(0, 3, failed=1)).status == SOME_FAILED


def test_success_with_nothing_but_failures_is_a_failure():
    assert final_status([Answer(0x0000)], Counts(0, failed=3)).status == ALL_FAILED


def test_cancelled_is_cancelled_whatever_has_failed():
    answers = [Answer(0x0000), Answer(CANCELLED)]
    assert final_status(answers, Counts(0, 1, failed=3)).status == CANCELLED


def test_an_upstream_that_fails_beside_one_that_does_not_is_a_warning_that_names_it():
    answers = [Answer(0x0000), Answer(0xC001, "PACS2: no answer")]
    assert final_status(answers, Counts(0, 1)) == Answer(SOME_FAILED, "PACS2: no answer")


def test_when_all_upstreams_fail_the_first_says_why():
    answers = [Answer(0xA900, "no such level"), Answer(0xC001, "gone")]
    assert final_status(answers, Counts()) == Answer(0xA900, "no such level")
