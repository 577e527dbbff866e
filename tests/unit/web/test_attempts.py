import pytest

from atlas_node.web import attempts
from atlas_node.web.attempts import Attempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_few_attempts_at_once_then_one_at_a_time(clock):
    tried = Attempts(3, 10.0, clock)
    assert [tried.take("a") for _ in range(4)] == [0, 0, 0, 10]

    clock.now += 4
    assert tried.take("a") == pytest.approx(6)
    clock.now += 6
    assert tried.take("a") == 0
    assert tried.take("a") == pytest.approx(10)


def test_each_key_has_its_own(clock):
    tried = Attempts(1, 10.0, clock)

    assert (tried.take("a"), tried.take("b")) == (0, 0)
    assert tried.take("a") > 0


def test_waiting_gives_no_more_than_a_full_bucket(clock):
    tried = Attempts(2, 10.0, clock)
    tried.take("a")
    clock.now += 1e6

    assert [bool(tried.take("a")) for _ in range(3)] == [False, False, True]


def test_an_attempt_that_succeeded_is_not_counted(clock):
    tried = Attempts(1, 10.0, clock)
    for _ in range(5):
        assert tried.take("a") == 0
        tried.give_back("a")


def test_many_keys_share_one_bucket_and_no_more_memory(clock, monkeypatch):
    monkeypatch.setattr(attempts, "_MOST_KEYS", 100)
    tried = Attempts(2, 10.0, clock)
    allowed = sum(tried.take(number) == 0 for number in range(10_000))

    assert len(tried) <= 101
    assert allowed == 100 + 2


def test_keys_that_rest_make_room_for_others(clock, monkeypatch):
    monkeypatch.setattr(attempts, "_MOST_KEYS", 100)
    tried = Attempts(2, 10.0, clock)
    for number in range(100):
        tried.take(number)
    clock.now += 10

    assert tried.take("later") == 0
    assert len(tried) == 1
