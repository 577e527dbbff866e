import os
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.errors import DamagedObjectError
from atlas_node.spool.in_hand import InHand, _suspected

BAD, GOOD = "18e9f287d2751700-00e531", "18e9f287d2751701-00e531"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "in-hand"


def die_over(file, bad, good=GOOD):
    """Be a process that works on one object, and ends over another."""
    child = os.fork()
    if not child:
        try:
            in_hand = InHand(file)
            with in_hand.hold(good):
                pass
            with in_hand.hold(bad):
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def refused(in_hand, object_id):
    try:
        with in_hand.hold(object_id):
            return False
    except DamagedObjectError:
        return True


def test_an_object_over_which_the_process_ends_three_times_in_a_row_is_refused(file):
    for _ in range(3):
        die_over(file, BAD)
    in_hand = InHand(file)
    with (
        pytest.raises(DamagedObjectError, match=f"killed 3 times in a row while .* on {BAD}"),
        in_hand.hold(BAD),
    ):
        raise AssertionError
    assert refused(in_hand, BAD)
    assert not refused(in_hand, GOOD)
    in_hand.close()


def test_an_object_that_is_outlived_once_is_not_suspected(file):
    for _ in range(2):
        die_over(file, BAD)
    in_hand = InHand(file)
    assert not refused(in_hand, BAD)
    in_hand.close()
    die_over(file, BAD)
    in_hand = InHand(file)
    assert not refused(in_hand, BAD)
    in_hand.close()


def test_what_was_in_hand_by_chance_is_cleared_of_it(file):
    die_over(file, BAD)
    die_over(file, GOOD, good=BAD)
    in_hand = InHand(file)
    assert in_hand._suspected == {GOOD: 1}
    in_hand.close()


def test_while_there_are_suspects_objects_are_worked_on_one_at_a_time(file):
    die_over(file, BAD)
    in_hand = InHand(file)
    begun, order = threading.Event(), []

    def work():
        begun.set()
        with in_hand.hold(GOOD):
            order.append("the other")

    with in_hand.hold(BAD):
        thread = threading.Thread(target=work)
        thread.start()
        assert begun.wait(5)
        time.sleep(0.05)
        order.append("the suspect")
    thread.join(5)
    assert order == ["the suspect", "the other"]
    with in_hand.hold(BAD):  # it was outlived: nothing waits any longer
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(5)
        assert len(order) == 3
    in_hand.close()


def test_what_left_the_spool_is_not_suspected(file):
    die_over(file, BAD)
    in_hand = InHand(file)
    in_hand.forget_all_but({GOOD})
    assert not in_hand._suspected
    in_hand.close()


def test_more_than_there_are_records_may_be_in_hand(file):
    in_hand = InHand(file)
    held = [in_hand.hold(f"{number:016x}-000001") for number in range(300)]
    for it in held:
        it.__enter__()
    assert len(_suspected(file.read_bytes())) == 300
    for it in held:
        it.__exit__(None, None, None)
    assert not _suspected(file.read_bytes())
    in_hand.close()


def test_where_it_cannot_be_written_it_stops_nothing(file, caplog):
    file.mkdir()
    in_hand = InHand(file)
    assert not refused(in_hand, BAD)
    in_hand.close()
    assert "cannot write" in caplog.text


@given(st.binary(max_size=500))
def test_what_is_no_record_suspects_nothing(written):
    for object_id, deaths in _suspected(written).items():
        assert isinstance(object_id, str)
        assert deaths >= 1
    assert not _suspected(written.replace(b"*", b" "))
