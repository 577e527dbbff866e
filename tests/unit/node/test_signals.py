import os
import signal
import threading

import pytest

from atlas_node.node.signals import SignalQueue
from tests.waiting import LONG


@pytest.fixture
def signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)}
    opened = SignalQueue(signal.SIGHUP, signal.SIGUSR1)
    yield opened
    opened.close()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signals_come_one_by_one(signals):
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert {signals.wait(LONG), signals.wait(LONG)} == {signal.SIGHUP, signal.SIGUSR1}
    assert signals.wait(0) is None


def test_a_signal_that_another_thread_meets_arrives(signals):
    def meet() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)

    thread = threading.Thread(target=meet)
    thread.start()
    assert signals.wait(LONG) is signal.SIGHUP
    thread.join()
