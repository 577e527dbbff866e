"""The log in a real PostgreSQL: what differs there from SQLite."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url, text

from atlas_node.errors import LogError
from atlas_node.log import LogFilter, LogStore
from atlas_node.model import DeliveryRecord, DeliveryStatus, ElementStatus
from tests.postgresql import server
from tests.unit.log import explored, old_log
from tests.unit.log.test_version_1 import check_content


@pytest.fixture(scope="module")
def administrator() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture
def url(administrator: str) -> Iterator[str]:
    """An empty database."""
    parsed = make_url(administrator).set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE log"))
        yield administrator.replace("/postgres", "/log")
        connection.execute(text("DROP DATABASE log WITH (FORCE)"))
    engine.dispose()


def test_it_keeps_and_finds_what_is_recorded(store, make_object, make_element):
    things = [
        make_object(f"o{n}", [make_element(), make_element("(0019,100b)", ["ä\0\ud800", n])],
                    received_at=100.0 * n, patient_id=f"P{n % 2}", calling_ae="MR_1")
        for n in range(1, 30)
    ]  # fmt: skip
    sent = DeliveryRecord("pacs", DeliveryStatus.SENT, 1, 5.0, "0x0000")
    failed = DeliveryRecord("pacs", DeliveryStatus.FAILED, 1, 4.0, "refused", 9.0)
    store.record(things, [(it.object_id, sent) for it in things])
    store.record(things, [("o1", failed)])

    assert store.object("o7").object == things[6]
    assert store.object("o1").deliveries == (sent,)
    assert len(store.objects(LogFilter(patient_id="P1", calling_ae="mr_*"), 100)) == 15
    assert len(store.elements(LogFilter(tag="(0019,100b)", since=2000.0), 100)) == 10
    assert store.elements(LogFilter(name="MOSAIC", vr="US"), 1)[0].element.vr == "US"
    totals = store.totals(LogFilter(since=2000.0))
    assert (totals.objects, totals.by_status[ElementStatus.DECODED]) == (10, 20)


def test_old_objects_go_by_age_and_by_size(store, make_object, make_element):
    store.record(
        [
            make_object(f"o{n}", [make_element(value=[f"{n:05d}" * 40])], received_at=float(n))
            for n in range(400)
        ]
    )

    assert store.expire(100.0) == 100
    assert 0 < store.shrink(30_000) < 300

    kept = store.objects(LogFilter(), 500)
    assert kept[0].object.object_id == "o399"
    assert store.object(kept[-1].object.object_id).object.elements[0].value


def test_it_keeps_the_tries_of_a_delivery(store, make_object):
    store.record([make_object("o1")])
    for at, tries in ((1.0, 0), (2.0, 0), (3.0, 0), (4.0, 1)):
        failed = DeliveryRecord("pacs", DeliveryStatus.FAILED, tries, at, "cannot connect")
        store.record([], [("o1", failed)])

    assert [it.at for it in store.object("o1").tries] == [1.0, 3.0, 4.0]


def test_it_counts_and_plots_what_sqlite_does(store, make_object, make_element):
    made = explored.things(make_object, make_element)
    store.record(made)

    explored.check_facets(store, made)
    explored.check_coverage(store, made)
    explored.check_history(store)
    assert {it.outcome for it in store.compared("1.2.1", "1.2.2")} >= {"equal"}
    assert store.samples("GEMS_PARM_01", "(0043,xx00)", 5)[0]


def test_a_log_of_version_1_is_brought_up_to_date(url):
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        old_log.fill(connection)
    engine.dispose()

    with LogStore.open(url) as store:
        check_content(store)


def test_a_viewer_cannot_write(url, make_object):
    LogStore.open(url).close()

    with (
        LogStore.open(url, read_only=True) as viewer,
        pytest.raises(LogError, match="read-only"),
    ):
        viewer.record([make_object()])
