import threading

import pytest

from atlas_node.spool import unrecorded
from atlas_node.spool.unrecorded import Unrecorded

PATIENCE = 0.25


@pytest.fixture
def now(monkeypatch):
    moment = [0.0]
    monkeypatch.setattr(unrecorded.time, "monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def rows(now):
    lock = threading.Lock()
    with lock:
        yield Unrecorded(lock)


def moving(_):
    return True


def standing(_):
    return False


def test_what_is_ready_waits_for_company_and_is_told_together(rows, now):
    rows.add("a", ready=True)
    assert rows.ripe(10, PATIENCE, moving) == []
    assert rows.next_look(PATIENCE) == pytest.approx(PATIENCE)
    now[0] += PATIENCE
    rows.add("b", ready=True)
    assert rows.ripe(10, PATIENCE, moving) == ["a", "b"]


def test_a_full_batch_does_not_wait(rows):
    for it in "abc":
        rows.add(it, ready=True)
    assert rows.ripe(2, PATIENCE, moving) == ["a", "b"]


def test_what_is_being_delivered_waits_for_its_deliveries(rows, now):
    rows.add("a", ready=False)
    now[0] += 5
    assert rows.ripe(10, PATIENCE, moving) == []
    rows.add("a", ready=True)
    assert rows.ripe(10, PATIENCE, moving) == []
    now[0] += PATIENCE
    assert rows.ripe(10, PATIENCE, moving) == ["a"]


def test_but_not_for_ever(rows, now):
    rows.add("a", ready=False)
    now[0] += 10
    assert rows.ripe(10, PATIENCE, moving) == ["a"]


def test_what_a_destination_does_not_take_now_is_told_soon(rows, now):
    rows.add("a", ready=False)
    assert rows.ripe(10, PATIENCE, standing) == []
    now[0] += PATIENCE
    assert rows.ripe(10, PATIENCE, standing) == ["a"]


def test_without_patience_everything_is_told(rows):
    rows.add("a", ready=False)
    rows.add("b", ready=True)
    assert rows.ripe(10, 0.0, moving) == ["b", "a"]


def test_what_is_told_is_there_until_it_is_removed(rows):
    rows.add("a", ready=True)
    assert rows.ripe(10, 0.0, moving) == rows.ripe(10, 0.0, moving) == ["a"]
    rows.remove("a")
    assert (rows.ripe(10, 0.0, moving), len(rows), rows.next_look(PATIENCE)) == ([], 0, None)


def test_what_is_put_last_comes_last(rows):
    for it in "abc":
        rows.add(it, ready=True)
    rows.put_last("a")
    rows.put_last("nobody")
    assert rows.ripe(10, 0.0, moving) == ["b", "c", "a"]
