import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atlas_node.log import LogFilter, LogStore, coding
from atlas_node.model import DeliveryRecord, DeliveryStatus
from tests.unit.log.test_store import count

EVERYTHING = LogFilter()
SENT = DeliveryRecord("pacs", DeliveryStatus.SENT, 1, 101.0)


@pytest.fixture
def series(make_object, make_element):
    """Three objects of one run, 100 s apart, the values of one element all different."""
    return [
        make_object(
            f"o{n}",
            [make_element(value=["usual"]), make_element("(0019,100b)", [f"DOE^{n}"])],
            received_at=100.0 * n,
        )
        for n in (1, 2, 3)
    ]


def test_old_objects_go_with_all_that_no_other_object_has(
    store, url, series, make_object, make_element
):
    other = make_object("o9", [make_element(vr="UL", name="x")], received_at=50.0, patient_id="P9")
    store.record([other, *series], [("o9", SENT), ("o3", SENT)])

    assert store.expire(60.0) == 1

    assert [it.object.object_id for it in store.objects(EVERYTHING, 10)] == ["o3", "o2", "o1"]
    assert store.object("o2").object == series[1]
    for table in ("runs", "series", "layouts", "deliveries"):
        assert count(url, table) == 1
    assert count(url, "findings") == 2


def test_of_a_run_that_stays_in_part_the_values_of_the_rest_stay(store, url, series):
    store.record(series)

    assert store.expire(150.0) == 1

    assert [store.object(it.object_id).object for it in series[1:]] == series[1:]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        [(common, objects, first_seq)] = connection.execute(
            "SELECT common, objects, first_seq FROM runs"
        )
    assert coding.unpack_json(common) == [["usual"], None]
    assert (objects, first_seq) == (2, 2)
    assert store.totals(EVERYTHING).private == 4


def test_a_writer_goes_on_with_a_run_that_was_narrowed(url, series, make_object):
    with LogStore.open(url) as writer, LogStore.open(url) as cleaner:
        writer.record(series[:2])
        cleaner.expire(150.0)
        writer.record(series[2:])

        assert writer.object("o3").object == series[2]
        assert writer.object("o2").object == series[1]
        assert count(url, "runs") == 1


def test_a_log_that_is_emptied_takes_objects_again(store, url, series):
    store.record(series)

    assert store.expire(1000.0) == 3
    assert store.objects(EVERYTHING, 10) == ()
    assert count(url, "findings") == 0

    store.record(series)
    assert store.newest() == 6


def test_a_log_that_is_too_big_loses_its_oldest_objects(store, url, make_object, make_element):
    things = [
        make_object(f"o{n:04}", [make_element(value=[f"{n:06}" * 40])], received_at=float(n))
        for n in range(1500)
    ]
    store.record(things)
    path = Path(url.removeprefix("sqlite:///"))

    assert store.shrink(10**9) == 0
    removed = store.shrink(300_000)

    assert 300 < removed < 1490
    left = store.objects(EVERYTHING, 2000)
    assert [it.object.object_id for it in left] == [
        it.object_id for it in reversed(things[removed:])
    ]
    store.close()
    assert path.stat().st_size <= 300_000


def test_a_log_is_never_shrunk_without_end(store, series):
    store.record(series)

    assert store.shrink(1) == 3
    assert store.shrink(1) == 0


def test_values_that_went_are_not_in_the_tables(store, url, series):
    store.record(series)
    store.expire(250.0)

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT common FROM runs").fetchall()
        rows += connection.execute("SELECT differing FROM objects WHERE differing NOT NULL")
    kept = json.dumps([coding.unpack_json(row[0]) for row in rows])
    assert "DOE^1" not in kept
    assert "DOE^3" in kept
