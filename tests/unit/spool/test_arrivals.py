import errno
import os
import shutil
from unittest.mock import Mock

import pytest

from atlas_node.spool import Doorbell, Intake, Occupancy
from atlas_node.spool.arrivals import Arrivals
from atlas_node.spool.lock import FORWARDER_LOCK
from atlas_node.spool.partition import Partition
from tests.waiting import LONG

DATA = b"\x08\x00\x60\x00CS\x02\x00MR"


@pytest.fixture
def sides(settings):
    """A receiver's side of a partition, its forwarder's files, and what they share."""
    occupancy, doorbell = Occupancy(1), Doorbell()
    files = Partition(settings.path / "0", FORWARDER_LOCK)
    intake = Intake(settings, 0, occupancy, doorbell)
    yield intake, Arrivals(doorbell, occupancy, 0, files), files
    for it in (intake, files, doorbell, occupancy):
        it.close()


@pytest.fixture
def accept(sides, envelope, pacs):
    def one():
        arrival = sides[0].begin(envelope)
        arrival.write(DATA)
        return arrival.commit([pacs])

    return one


def ids(found):
    return [it.entry.object_id for it in found]


def test_what_was_rung_for_comes_once(sides, accept):
    _, arrivals, _ = sides
    first, second = accept(), accept()
    assert ids(arrivals.wait(LONG, {first})) == [second]
    assert arrivals.wait(0, ()) == []


def test_where_a_ring_was_missed_all_journals_are_looked_through(sides, accept, monkeypatch):
    intake, arrivals, _ = sides
    monkeypatch.setattr(intake._doorbell, "ring", lambda _object_id: False)
    object_id = accept()
    assert ids(arrivals.wait(0, ())) == [object_id]


def test_a_journal_that_cannot_be_read_is_named_once_and_tried_again_later(
    sides, accept, monkeypatch, caplog
):
    _, arrivals, files = sides
    bad, good = accept(), accept()
    journal = files._journal
    failing = {bad: Mock(side_effect=OSError(errno.EIO, os.strerror(errno.EIO)))}
    monkeypatch.setattr(files, "_journal", lambda it: failing.get(it, journal)(it))
    assert ids(arrivals.wait(0, ())) == [good]
    monkeypatch.setattr(arrivals, "_look_again_at", 0.0)
    assert arrivals.wait(0, ()) == []
    assert caplog.text.count(f"{bad}.job is left alone: Input/output error") == 1
    failing.clear()
    assert arrivals.wait(0, ()) == []  # not at once
    monkeypatch.setattr(arrivals, "_look_again_at", 0.0)
    assert ids(arrivals.wait(0, ())) == [bad]
    assert not files.unreadable


def test_a_folder_that_was_away_is_looked_through_when_it_is_back(
    sides, accept, settings, tmp_path, caplog
):
    _, arrivals, _ = sides
    object_id = accept()
    copy = tmp_path / "copy"
    shutil.copytree(settings.path, copy)
    shutil.rmtree(settings.path)
    assert arrivals.wait(0, ()) == []
    assert f"the spool {settings.path} is gone; bring it back" in caplog.text
    shutil.copytree(copy, settings.path)
    assert ids(arrivals.wait(0, ())) == [object_id]
