from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.setbacks import Setbacks

objects = st.integers(0, 9).map(str)


def test_what_arrived_before_the_object_that_failed_need_not_wait():
    setbacks = Setbacks()
    setbacks.failed("2", "series")
    assert [setbacks.ahead_of(it, "series") for it in "123"] == [None, None, "2"]
    assert setbacks.ahead_of("3", "another series") is None


def test_an_object_without_a_series_holds_up_no_other():
    setbacks = Setbacks()
    setbacks.failed("1", "")
    assert setbacks.ahead_of("2", "") is None


def test_a_series_waits_for_an_object_in_doubt_while_another_fails_as_well():
    setbacks = Setbacks()
    setbacks.failed("1", "series")
    assert setbacks.ahead_of("2", "series") == "1"
    setbacks.failed("1", "series", doubted=True)
    assert setbacks.ahead_of("2", "series") is None
    setbacks.failed("2", "series")
    assert [setbacks.ahead_of(it, "series") for it in "123"] == [None, "1", "1"]
    setbacks.ended("2", stored=True)
    assert setbacks.ahead_of("3", "series") is None
    setbacks.failed("1", "series")
    assert setbacks.ahead_of("3", "series") == "1"


def test_an_object_that_held_up_its_series_and_is_at_fault_itself_holds_it_up_no_more():
    setbacks = Setbacks()
    setbacks.failed("1", "series")
    setbacks.failed("1", "")
    assert setbacks.ahead_of("2", "series") is None


def test_when_an_object_is_dead_the_order_of_its_series_is_lost():
    setbacks = Setbacks()
    setbacks.failed("1", "series")
    setbacks.ended("1")
    setbacks.give_up_order("series")
    setbacks.failed("2", "series")
    assert setbacks.ahead_of("3", "series") is None


def test_only_objects_stored_since_the_failure_count():
    setbacks = Setbacks()
    setbacks.ended("1", stored=True)
    assert not setbacks.others_stored("2")
    setbacks.failed("2", "series")
    assert not setbacks.others_stored("2")
    setbacks.ended("3", stored=True)
    assert setbacks.others_stored("2")
    setbacks.failed("2", "series")
    assert not setbacks.others_stored("2")


def test_one_object_without_an_answer_may_be_at_fault_and_two_are_the_destinations():
    setbacks = Setbacks()
    assert not setbacks.unanswered("1")
    assert not setbacks.unanswered("1")
    assert setbacks.unanswered("2")
    assert setbacks.unanswered("1")
    setbacks.answered()
    assert not setbacks.unanswered("1")


def test_what_failed_comes_last_until_the_destination_answers():
    setbacks = Setbacks()
    setbacks.failed("1", "refused some time ago")
    assert not setbacks.last()
    setbacks.failed("2", "series")
    setbacks.unanswered("2")
    assert set(setbacks.last()) == {"1", "2"}
    setbacks.ended("2")
    assert set(setbacks.last()) == {"1"}
    setbacks.answered()
    assert not setbacks.last()


@given(st.lists(st.tuples(st.booleans(), objects)))
def test_a_series_waits_for_the_first_of_those_that_failed_and_did_not_end(events):
    setbacks, waiting = Setbacks(), set()
    for failed, object_id in events:
        if failed:
            setbacks.failed(object_id, "series")
            waiting.add(object_id)
        else:
            setbacks.ended(object_id)
            waiting.discard(object_id)
        assert setbacks.ahead_of("a", "series") == min(waiting, default=None)


def test_series_out_of_order_are_not_remembered_for_ever():
    setbacks = Setbacks()
    for number in range(10_000):
        setbacks.give_up_order(str(number))
    setbacks.failed("1", "0")
    assert setbacks.ahead_of("2", "0") == "1"
