import errno
import os
import sqlite3
import stat
from unittest.mock import Mock

import pytest

from atlas_node.errors import LogError
from atlas_node.log import LogStore


def test_the_folder_is_made_and_the_log_is_not_for_others(tmp_path):
    path = tmp_path / "var" / "atlas" / "log.db"

    LogStore.open(f"sqlite:///{path}").close()

    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO == 0


def test_a_path_with_the_signs_of_a_url_is_taken_as_it_is(tmp_path):
    LogStore.open(f"sqlite:///{tmp_path}/50% of #1.db").close()

    assert (tmp_path / "50% of #1.db").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "var").write_text("a file")

    with pytest.raises(LogError) as caught:
        LogStore.open(f"sqlite:///{tmp_path}/var/log.db")

    assert f"{tmp_path}/var" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_named_and_kept(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database, but something that somebody wants to keep" * 40)

    with pytest.raises(LogError, match=r"log\.db: it is no SQLite database: move it away"):
        LogStore.open(f"sqlite:///{path}")

    assert path.read_bytes().startswith(b"not a database")


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "log.db"
    path.mkdir()

    with pytest.raises(LogError, match=r"log\.db: cannot make or open it: Is a directory"):
        LogStore.open(f"sqlite:///{path}")


def test_a_viewer_says_that_there_is_no_log_yet(tmp_path):
    with pytest.raises(LogError, match=r"log\.db: there is none yet; `atlas-node serve` makes it"):
        LogStore.open(f"sqlite:///{tmp_path}/log.db", read_only=True)

    assert list(tmp_path.iterdir()) == []


def test_a_viewer_cannot_write(url, make_object):
    LogStore.open(url).close()

    with (
        LogStore.open(url, read_only=True) as viewer,
        pytest.raises(LogError, match="cannot write it"),
    ):
        viewer.record([make_object()])


@pytest.mark.parametrize("url", ["", "log.db", "sqlite://", "mysql://user@host/db"])
def test_another_url_is_refused(url):
    with pytest.raises(LogError, match=r"log\.url: .*expected sqlite:///PATH or postgresql://"):
        LogStore.open(url)


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(LogError) as caught:
        LogStore.open("postgresql://atlas:secret@127.0.0.1:9/atlas")

    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_driver_lets_through_is_an_error_of_the_log(tmp_path, monkeypatch):
    """Drivers wrap their own errors; that no descriptor is free comes as the system says it."""
    store = LogStore.open(f"sqlite:///{tmp_path}/log.db")
    store.close()
    no_descriptor = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    monkeypatch.setattr(sqlite3, "connect", Mock(side_effect=no_descriptor))

    with pytest.raises(LogError, match=r"log\.db: .*Too many open files"):
        store.record([])
