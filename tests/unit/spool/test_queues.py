import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from atlas_node.spool.queues import DeliveryQueue


@pytest.fixture
def queue():
    lock = threading.Lock()
    with lock:
        yield DeliveryQueue(lock)


def test_what_is_due_comes_in_order_of_arrival(queue):
    for it in ("b", "c", "a"):
        queue.push(it)
    assert [queue.pop(0.0) for _ in range(4)] == ["a", "b", "c", None]


def test_what_is_to_come_last_comes_when_nothing_else_is_due(queue):
    for it in ("a", "b", "c", "d"):
        queue.push(it)
    queue.push("e", at=10.0)
    last = {"a", "b", "d", "not in the queue"}
    assert [queue.pop(0.0, last) for _ in range(5)] == ["c", "a", "b", "d", None]
    assert queue.pop(10.0, last) == "e"


def test_what_came_last_once_is_not_set_back_for_ever(queue):
    for it in ("a", "b", "c"):
        queue.push(it)
    assert [queue.pop(0.0, {"a"}), queue.pop(0.0), queue.pop(0.0)] == ["b", "a", "c"]


def test_what_failed_waits_for_its_time(queue):
    queue.push("a", at=10.0)
    queue.push("b")
    assert queue.next_at() == 10.0
    assert [queue.pop(9.0), queue.pop(9.0), queue.pop(10.0)] == ["b", None, "a"]
    assert queue.next_at() is None


def test_what_is_held_waits_for_the_object_before_it(queue):
    queue.hold("b", behind="a")
    queue.hold("c", behind="a")
    assert (queue.pop(1e9), len(queue)) == (None, 2)
    assert queue.release("a") == ["b", "c"]
    assert queue.release("a") == []
    assert [queue.pop(0.0), queue.pop(0.0)] == ["b", "c"]


def test_what_is_removed_does_not_come(queue):
    queue.push("a")
    queue.push("b", at=1.0)
    queue.hold("c", behind="x")
    for it in ("a", "b", "c", "d"):
        queue.remove(it)
    queue.release("x")
    assert (queue.pop(2.0), queue.next_at(), len(queue)) == (None, None, 0)


class AgainstAPlainDictionary(RuleBasedStateMachine):
    """Whatever is done to a queue, it says what a dictionary of times would."""

    ids = st.sampled_from("abcdef")

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.lock.acquire()
        self.queue = DeliveryQueue(self.lock)
        self.expected: dict[str, float] = {}
        self.now = 0.0

    @rule(it=ids, at=st.none() | st.integers(1, 20))
    def push(self, it, at):
        self.queue.push(it, at)
        self.expected[it] = at or 0.0

    @rule(it=ids)
    def remove(self, it):
        self.queue.remove(it)
        self.expected.pop(it, None)

    @rule(it=ids, behind=ids)
    def hold(self, it, behind):
        self.queue.hold(it, behind)
        self.expected[it] = float("inf")

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def pop(self):
        due = [it for it, at in self.expected.items() if at <= self.now]
        found = self.queue.pop(self.now)
        assert found == min(due, default=None)
        if found:
            del self.expected[found]

    @invariant()
    def same(self):
        assert len(self.queue) == len(self.expected)
        later = [at for at in self.expected.values() if self.now < at < float("inf")]
        assert self.queue.is_due(self.now) is any(it <= self.now for it in self.expected.values())
        assert self.queue.next_at() == min(later, default=None)


TestAgainstAPlainDictionary = AgainstAPlainDictionary.TestCase
TestAgainstAPlainDictionary.settings = settings(max_examples=40)
