"""A bell is heard by one who waits and by one who polls."""

from __future__ import annotations

import select
import threading

from atlas_node.dimse.transport.bell import Bell
from tests.waiting import LONG


def is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def test_it_is_an_event():
    bell = Bell()
    threading.Thread(target=bell.set).start()
    assert bell.wait(LONG)


def test_it_can_be_polled_from_when_it_is_opened():
    bell = Bell()
    bell.set()
    descriptor = bell.open()
    assert not is_readable(descriptor)
    bell.set()
    bell.set()
    assert is_readable(descriptor)
    bell.hush()
    assert not is_readable(descriptor)
    bell.hush()
    bell.close()


def test_it_may_ring_after_it_is_closed():
    bell = Bell()
    first = bell.open()
    assert bell.open() == first
    bell.close()
    bell.close()
    bell.set()
    assert bell.is_set()
