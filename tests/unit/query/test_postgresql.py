"""The index of private attributes in a real PostgreSQL: finds, tells and forgets as in SQLite."""

from __future__ import annotations

import threading

import pytest

from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level, parse_key
from atlas_node.query.telling import Told
from tests.postgresql import server

IMAGE_KEY = IndexedKey("SIEMENS MR HEADER", "(0019,xx0c)", Level.IMAGE)
SERIES_KEY = IndexedKey("SIEMENS MR HEADER", "(0051,xx0c)", Level.SERIES)
TEXTS = ("Straße 77", "strasse 78", "b/c%_", "ab", "AB", "aé", "a😀", "Doe^Jane")
TIMES = ("10", "1030", "103015.5", "11", "10:30:59")
NUMBERS = ("1000", "1000.0", "-3", "1e6")


@pytest.fixture(scope="module")
def url():
    with server() as url:
        yield url


@pytest.fixture
def index(url):
    index = AttributeIndex(url)
    yield index
    for study in [f"1.{number}" for number in range(20)]:
        index.forget(Level.STUDY, study)
    index.close()


def instance(number, vr, value, study="1.1", key=IMAGE_KEY):
    return Indexed((study, f"{study}.1", f"{study}.1.{number}"), {key: (vr, [value])})


@pytest.mark.parametrize(
    ("vr", "values", "asked"),
    [
        ("LO", TEXTS, ("*7?", "*77", "str*", "*SE*", "?B", "a*", "*/*%*", "*ß*", "ab", "*😀")),
        ("PN", TEXTS, ("strasse 77", "*STRASSE*", "ab", "doe^jane", "?b")),
        ("TM", TIMES, ("1030", "10-11", "103010-103020", "-1029", "1031-")),
        ("DS", NUMBERS, ("1000", "-5-1000", "1000-", "7")),
    ],
)
def test_the_database_finds_what_matching_says(index, vr, values, asked):
    index.record(instance(number, vr, value) for number, value in enumerate(values))
    for key in asked:
        condition = parse_key(vr, [key])
        assert index.entities(IMAGE_KEY, condition, Level.IMAGE, 100) == {
            f"1.1.1.{number}" for number, value in enumerate(values) if condition.matches([value])
        }


def test_a_value_too_long_is_perhaps_what_is_asked_for(index):
    index.record([instance(1, "LT", "x" * 2001), instance(2, "LT", "y" * 2000, study="1.2")])
    found = index.entities(IMAGE_KEY, parse_key("LT", ["*yy*"]), Level.STUDY, 100)
    assert found == {"1.1", "1.2"}
    assert index.values([IMAGE_KEY], Level.STUDY, ["1.1"]) == {
        IMAGE_KEY: Told("", [], is_whole=False)
    }


def test_values_are_told_in_order_and_above_their_level_each_once(index):
    index.record(
        [
            Indexed(("1.1", "1.1.1", "1.1.1.1"), {IMAGE_KEY: ("IS", [8, 10, 8])}),
            instance(2, "IS", 9),
        ]
    )
    assert index.values([IMAGE_KEY], Level.IMAGE, ["", "", "1.1.1.1"]) == {
        IMAGE_KEY: Told("IS", ["8", "10", "8"])
    }
    under = index.values_under([IMAGE_KEY], Level.STUDY, ["1.1", "1.9"])
    assert under == {"1.1": {IMAGE_KEY: Told("IS", ["8", "9", "10"])}, "1.9": {}}


def test_what_is_forgotten_is_gone_and_may_come_again(index):
    for _ in range(2):
        index.record([instance(1, "SH", "FoV 220*220", key=SERIES_KEY), instance(2, "IS", 0)])
        condition = parse_key("SH", ["*220"])
        assert index.entities(SERIES_KEY, condition, Level.STUDY, 9) == {"1.1"}
        assert index.forget(Level.SERIES, "1.1.1") == 2
        assert index.entities(SERIES_KEY, condition, Level.STUDY, 9) == set()
        assert not index.knows(IMAGE_KEY)
    index.forget_key(SERIES_KEY)
    assert SERIES_KEY not in index.recorded()


def test_two_forwarders_write_at_once_and_lose_nothing(url, index):
    """Each has images of one series, with values that only it has, and with common ones."""
    failures = []

    def forward(mine):
        try:
            own = AttributeIndex(url)
            for number in range(mine, 60, 2):
                uids = ("1.1", "1.1.1", f"1.1.1.{number}")
                values = {IMAGE_KEY: ("IS", [number, 7]), SERIES_KEY: ("LO", [f"v{number}", "v"])}
                own.record([Indexed(uids, values)])
            own.close()
        except Exception as error:
            failures.append(error)

    forwarders = [threading.Thread(target=forward, args=(mine,)) for mine in range(2)]
    for it in forwarders:
        it.start()
    for it in forwarders:
        it.join()
    assert failures == []
    found = index.values([IMAGE_KEY, SERIES_KEY], Level.SERIES, ["1.1", "1.1.1"])
    assert found[IMAGE_KEY] == Told("IS", [str(number) for number in range(60)])
    assert sorted(found[SERIES_KEY].values) == sorted(["v", *(f"v{it}" for it in range(60))])
    assert index.entities(SERIES_KEY, parse_key("LO", ["*v59"]), Level.SERIES, 9) == {"1.1.1"}
