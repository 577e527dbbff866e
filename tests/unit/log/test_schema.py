import sqlite3

import pytest
from sqlalchemy import text

from atlas_node.errors import LogError
from atlas_node.log import LogFilter, LogStore, schema
from atlas_node.model import DeliveryRecord, DeliveryStatus


def rows(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_new_log_has_the_newest_version(tmp_path, url):
    LogStore.open(url).close()

    assert rows(tmp_path / "log.db", "SELECT version FROM schema_version") == [
        (schema.newest_version(),)
    ]


def test_opening_again_changes_nothing(url, make_object, make_element):
    with LogStore.open(url) as store:
        store.record([make_object(elements=[make_element()])])
    with LogStore.open(url) as store:
        assert len(store.objects(LogFilter(), 10)) == 1


def test_a_step_brings_an_older_log_up_to_date_and_keeps_what_is_in_it(
    url, tmp_path, monkeypatch, make_object
):
    with LogStore.open(url) as store:
        store.record([make_object()])

    def add_note(connection):
        connection.execute(text("ALTER TABLE objects ADD COLUMN note VARCHAR DEFAULT 'none'"))

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, add_note))
    with pytest.raises(LogError, match="start `atlas-node serve` once"):
        LogStore.open(url, read_only=True)
    LogStore.open(url).close()
    LogStore.open(url, read_only=True).close()

    assert rows(tmp_path / "log.db", "SELECT note FROM objects") == [("none",)]


def test_a_log_of_version_2_learns_to_keep_tries(url, tmp_path, make_object):
    with LogStore.open(url) as store:
        store.record([make_object("o1")])
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("DROP TABLE tries")
    connection.execute("UPDATE schema_version SET version = 2")
    connection.commit()
    connection.close()

    failed = DeliveryRecord("pacs", DeliveryStatus.FAILED, 1, 1.0, "refused")
    with LogStore.open(url) as store:
        store.record([], [("o1", failed)])
        assert store.object("o1").tries == (failed,)


def test_a_step_that_fails_leaves_the_log_as_it_was(url, tmp_path, monkeypatch):
    LogStore.open(url).close()

    def fail(connection):
        connection.execute(text("ALTER TABLE objects ADD COLUMN note VARCHAR"))
        connection.execute(text("SELECT nonsense"))

    version = schema.newest_version()
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, fail))
    with pytest.raises(LogError):
        LogStore.open(url)

    assert rows(tmp_path / "log.db", "SELECT version FROM schema_version") == [(version,)]
    columns = rows(tmp_path / "log.db", "PRAGMA table_info(objects)")
    assert "note" not in {column[1] for column in columns}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_log_of_a_newer_program_is_refused(url, tmp_path, read_only):
    LogStore.open(url).close()
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()

    with pytest.raises(LogError, match=r"log\.db: schema version 99 is newer .* update Atlas Node"):
        LogStore.open(url, read_only=read_only)


def test_the_database_of_another_program_is_left_alone(url, tmp_path):
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("CREATE TABLE objects (mine TEXT)")
    connection.commit()
    connection.close()

    with pytest.raises(LogError, match="a table 'objects' that is not ours"):
        LogStore.open(url)
    assert rows(tmp_path / "log.db", "SELECT name FROM sqlite_master") == [("objects",)]
