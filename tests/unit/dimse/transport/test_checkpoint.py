import sys
import threading

import pytest

from atlas_node.dimse.transport.checkpoint import Checkpoint
from tests.waiting import LONG


@pytest.fixture
def hasty_threads():
    """Let threads interrupt each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_parked_loop_does_nothing_until_it_may_go_on(hasty_threads):
    ended, turns = threading.Event(), 0

    def loop() -> None:
        nonlocal turns
        while not ended.is_set():
            checkpoint.wait()
            turns += 1

    thread = threading.Thread(target=loop, daemon=True)
    checkpoint = Checkpoint(thread, LONG)
    thread.start()
    for _ in range(300):
        checkpoint.clear()
        parked_at = turns
        sum(range(5000))
        assert turns == parked_at
        checkpoint.set()
    before = turns
    while turns == before:
        pass
    ended.set()
    thread.join(LONG)
    assert not thread.is_alive()


def test_a_loop_that_does_not_come_by_is_not_waited_for_without_end():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    with pytest.raises(TimeoutError):
        Checkpoint(thread, 0.1).clear()
    ended.set()
    thread.join(LONG)


def test_a_loop_that_has_ended_holds_nobody_up():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    Checkpoint(thread, LONG).clear()


def test_a_loop_may_stop_itself():
    stopped = threading.Event()

    def loop() -> None:
        checkpoint.clear()
        stopped.set()

    thread = threading.Thread(target=loop, daemon=True)
    checkpoint = Checkpoint(thread, LONG)
    thread.start()
    assert stopped.wait(LONG)
