from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.setbacks import Fault, Setbacks

objects = st.integers(0, 9).map(str)


def test_what_arrived_before_the_object_that_failed_need_not_wait():
    setbacks = Setbacks()
    setbacks.failed("2", "series", Fault.DESTINATION)
    assert [setbacks.ahead_of(it, "series") for it in "123"] == [None, None, "2"]
    assert setbacks.ahead_of("3", "another series") is None


def test_an_object_without_a_series_holds_up_no_other():
    setbacks = Setbacks()
    setbacks.failed("1", "", Fault.OBJECT)
    assert setbacks.ahead_of("2", "") is None


def test_a_series_waits_for_an_object_in_doubt_while_another_fails_as_well():
    setbacks = Setbacks()
    assert [setbacks.failed("1", "series", Fault.UNCLEAR) for _ in "12"] == [set(), set()]
    assert setbacks.ahead_of("2", "series") == "1"
    assert setbacks.failed("1", "series", Fault.UNCLEAR) == {"1"}
    assert setbacks.ahead_of("2", "series") is None
    assert setbacks.failed("2", "series", Fault.UNCLEAR) == set()
    assert [setbacks.ahead_of(it, "series") for it in "123"] == [None, None, "1"]
    assert setbacks.ended("2", stored=True) == {"1", "2"}
    assert setbacks.ahead_of("3", "series") is None
    assert setbacks.failed("1", "series", Fault.DESTINATION) == set()
    assert setbacks.ahead_of("3", "series") == "1"


def test_what_fails_while_the_destination_is_at_fault_puts_no_object_in_doubt():
    setbacks = Setbacks()
    for _ in range(9):
        setbacks.failed("1", "series", Fault.DESTINATION)
    setbacks.failed("1", "series", Fault.UNCLEAR)
    assert setbacks.ahead_of("2", "series") == "1"
    assert setbacks.failures("1") == 10
    setbacks.ended("1", stored=True)
    assert setbacks.failures("1") == 0


def test_an_object_that_held_up_its_series_and_is_at_fault_itself_holds_it_up_no_more():
    setbacks = Setbacks()
    setbacks.failed("1", "series", Fault.UNCLEAR)
    assert setbacks.failed("1", "", Fault.OBJECT) == {"1"}
    assert setbacks.ahead_of("2", "series") is None


def test_when_an_object_is_dead_the_order_of_its_series_is_lost():
    setbacks = Setbacks()
    for it in "123":
        setbacks.failed(it, "series", Fault.UNCLEAR)
    assert setbacks.ended("2") == {"2"}
    assert setbacks.give_up_order("series") == {"1", "3"}
    setbacks.failed("4", "series", Fault.UNCLEAR)
    assert setbacks.ahead_of("5", "series") is None


def test_only_objects_stored_since_the_failure_count():
    setbacks = Setbacks()
    setbacks.ended("1", stored=True)
    assert not setbacks.others_stored("2")
    setbacks.failed("2", "series", Fault.DESTINATION)
    assert not setbacks.others_stored("2")
    setbacks.ended("3", stored=True)
    assert setbacks.others_stored("2")
    setbacks.failed("2", "series", Fault.UNCLEAR)
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
    setbacks.failed("1", "refused some time ago", Fault.UNCLEAR)
    assert not setbacks.last()
    setbacks.failed("2", "series", Fault.DESTINATION)
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
            setbacks.failed(object_id, "series", Fault.DESTINATION)
            waiting.add(object_id)
        else:
            setbacks.ended(object_id)
            waiting.discard(object_id)
        assert setbacks.ahead_of("a", "series") == min(waiting, default=None)


@given(
    st.lists(st.tuples(objects, st.sampled_from([*Fault, "sent", "dead"])), min_size=1, max_size=40)
)
def test_nothing_stays_held_back_that_may_go(events):
    """Others that came between them are held back as a courier does, and let go as it is told."""
    setbacks = Setbacks()
    held_behind = dict.fromkeys(f"{number}a" for number in range(10))
    for object_id, event in events:
        if event == "sent":
            passed = setbacks.ended(object_id, stored=True)
        elif event == "dead":
            passed = setbacks.ended(object_id) | setbacks.give_up_order("series")
        else:
            series = "" if event is Fault.OBJECT else "series"
            passed = setbacks.failed(object_id, series, event)
        for held, behind in held_behind.items():
            first = setbacks.ahead_of(held, "series")
            if behind is None or behind in passed:
                held_behind[held] = first
            assert (held_behind[held] is None) is (first is None)


def test_series_out_of_order_are_not_remembered_for_ever():
    setbacks = Setbacks()
    for number in range(10_000):
        setbacks.give_up_order(str(number))
    setbacks.failed("1", "0", Fault.UNCLEAR)
    assert setbacks.ahead_of("2", "0") == "1"
