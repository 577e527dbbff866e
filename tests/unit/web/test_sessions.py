import pytest

from atlas_node.web import sessions
from atlas_node.web.sessions import Sessions


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(clock):
    return Sessions(idle=60, longest=300, clock=clock)


def test_a_cookie_finds_its_session(opened):
    cookie = opened.open("anna", "operator")
    session = opened.find(cookie)

    assert (session.name, session.role) == ("anna", "operator")
    assert len(session.csrf) >= 43


@pytest.mark.parametrize("cookie", ["", "x", "\ud800", "a" * 100_000])
def test_another_cookie_finds_none(opened, cookie):
    opened.open("anna", "operator")

    assert opened.find(cookie) is None


def test_no_two_sessions_share_anything(opened):
    cookies = [opened.open("anna", "viewer") for _ in range(50)]

    assert len(set(cookies)) == len({opened.find(it).csrf for it in cookies}) == 50


def test_a_session_ends_when_it_is_idle(opened, clock):
    cookie = opened.open("anna", "viewer")
    for _ in range(3):
        clock.now += 59
        assert opened.find(cookie)
    clock.now += 60

    assert opened.find(cookie) is None
    assert len(opened) == 0


def test_a_session_that_is_used_ends_too(opened, clock):
    cookie = opened.open("anna", "viewer")
    for _ in range(5):
        clock.now += 59
        assert opened.find(cookie)
    clock.now += 5

    assert opened.find(cookie) is None


def test_a_closed_session_is_gone(opened):
    cookie = opened.open("anna", "viewer")
    opened.close(cookie)
    opened.close(cookie)

    assert opened.find(cookie) is None


def test_of_too_many_the_one_that_was_not_used_longest_ends(opened, monkeypatch):
    monkeypatch.setattr(sessions, "_MOST", 3)
    first, second, third = (opened.open(name, "viewer") for name in "abc")
    opened.find(first)
    opened.open("d", "viewer")

    assert len(opened) == 3
    assert opened.find(second) is None
    assert opened.find(first)
    assert opened.find(third)


def test_a_page_that_asks_by_itself_does_not_keep_a_session_open(opened, clock):
    cookie, other = opened.open("anna", "operator"), opened.open("vera", "viewer")
    for _ in range(3):
        clock.now += 19
        assert opened.find(cookie, in_use=False).name == "anna"
        assert opened.find(other).name == "vera"
    clock.now += 19

    assert opened.find(cookie, in_use=False) is None
    assert opened.find(other, in_use=False) is not None
    clock.now += 300 - 4 * 19
    assert opened.find(other, in_use=False) is None
