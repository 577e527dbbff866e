import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from atlas_node.errors import LogError
from atlas_node.log import LogFilter, LogStore, schema
from atlas_node.model import DeliveryStatus
from tests.unit.log import old_log


@pytest.fixture
def old_url(url: str) -> str:
    engine = create_engine(url)
    with engine.begin() as connection:
        old_log.fill(connection)
    engine.dispose()
    return url


def check_content(store: LogStore) -> None:
    """What `old_log.fill` put in is there, and the log goes on from it."""
    assert [it.object.object_id for it in store.objects(LogFilter(), 10)] == ["o3", "o2", "o1"]
    second = store.object("o2")
    assert second.object.identity.patient_id == "PAT-007"
    assert second.object.counts["decoded"] == 2
    assert [(it.path, it.value, it.truncated) for it in second.object.elements] == [
        ("(0019,100a)", [2], False),
        ("(0019,100b)", ["A"], False),
    ]
    assert store.object("o3").object.elements[0].truncated
    assert second.object.elements[0].sources == ("pydicom", "gdcm")
    assert second.object.elements[0].confidence == 0.75
    [delivery] = second.deliveries
    assert (delivery.status, delivery.tries, delivery.detail) == (DeliveryStatus.SENT, 2, "0x0000")
    assert store.totals(LogFilter()).private == 6


def test_a_log_of_version_1_is_brought_up_to_date_with_what_is_in_it(old_url, make_object):
    with LogStore.open(old_url) as store:
        check_content(store)
        store.record([make_object("o9")])
        assert store.objects(LogFilter(), 1)[0].seq == 4

    with closing(sqlite3.connect(old_url.removeprefix("sqlite:///"))) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [
            (schema.newest_version(),)
        ]
    assert not [name for name in tables if name.startswith("v1_") or name == "elements"]


def test_a_viewer_does_not_bring_it_up_to_date(old_url):
    before = Path(old_url.removeprefix("sqlite:///")).read_bytes()

    with pytest.raises(LogError, match="start `atlas-node serve` once"):
        LogStore.open(old_url, read_only=True)

    assert Path(old_url.removeprefix("sqlite:///")).read_bytes() == before


def test_a_damaged_log_of_version_1_stays_as_it_was(old_url):
    path = old_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE element_values SET json = 'no JSON' WHERE id = 3")
        connection.commit()

    with pytest.raises(LogError, match=r"log\.db: its content is damaged: move it away"):
        LogStore.open(old_url)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM elements").fetchall() == [(6,)]


def test_masked_values_are_not_masked_again(old_url):
    with LogStore.open(old_url, "none") as store:
        assert store.object("o1").object.elements[1].value == ["A"]
