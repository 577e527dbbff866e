import errno
import os

import pytest

from atlas_node.errors import SpoolError
from atlas_node.spool import prepare, prepare_spool, probe_spool, read_queue
from tests.spools import FedSpool

DATA = b"\x08\x00\x60\x00CS\x02\x00MR"


@pytest.fixture
def three_partitions(settings, envelope, pacs) -> list[str]:
    """Objects in the partitions of three workers, which have ended."""
    ids = []
    for number in range(3):
        spool = FedSpool(settings, number, 3)
        ids.append(spool.accept(envelope, DATA, [pacs]))
        spool.close()
    return ids


def test_partitions_without_a_worker_are_taken_over(settings, three_partitions):
    prepare_spool(settings.path, workers=1).close()
    assert [it.entry.object_id for it in read_queue(settings.path)] == three_partitions
    spool = FedSpool(settings)
    taken = [spool.take("pacs", 0).entry for _ in three_partitions]
    assert [entry.object_id for entry in taken] == three_partitions
    assert all(bytes(spool.read(entry)) == DATA for entry in taken)
    spool.close()
    assert sorted(path.name for path in settings.path.iterdir()) == ["0", "lock", "reserve"]


def test_what_somebody_else_put_into_a_partition_stays_where_it_is(settings, three_partitions):
    foreign = settings.path / "2" / "only copy.dcm"
    foreign.write_bytes(DATA)
    prepare_spool(settings.path, workers=1).close()
    assert foreign.read_bytes() == DATA
    assert [it.entry.object_id for it in read_queue(settings.path)] == three_partitions


def test_partitions_with_a_worker_are_left_alone(settings, three_partitions):
    prepare_spool(settings.path, workers=3).close()
    for number, object_id in enumerate(three_partitions):
        assert (settings.path / str(number) / f"{object_id}.job").exists()


@pytest.mark.parametrize("done", ["data is copied", "both are copied", "journal is moved"])
def test_a_takeover_that_was_cut_short_is_ended_by_the_next(settings, three_partitions, done):
    old, new = settings.path / "2", settings.path / "0"
    name = three_partitions[2]
    (new / f"{name}.dcm").hardlink_to(old / f"{name}.dcm")
    if done == "both are copied":
        (new / f"{name}.job").hardlink_to(old / f"{name}.job")
    elif done == "journal is moved":
        (old / f"{name}.job").rename(new / f"{name}.job")
    prepare_spool(settings.path, workers=1).close()
    spool = FedSpool(settings)
    taken = [spool.take("pacs", 0).entry for _ in three_partitions]
    assert [entry.object_id for entry in taken] == three_partitions
    assert all(bytes(spool.read(entry)) == DATA for entry in taken)
    spool.close()


@pytest.mark.parametrize("done", ["data is copied", "both are copied", "journal is moved"])
def test_a_takeover_that_was_cut_short_and_is_no_longer_wanted_loses_nothing(
    settings, three_partitions, done
):
    old, new = settings.path / "2", settings.path / "0"
    name = three_partitions[2]
    (new / f"{name}.dcm").hardlink_to(old / f"{name}.dcm")
    if done == "both are copied":
        (new / f"{name}.job").hardlink_to(old / f"{name}.job")
    elif done == "journal is moved":
        (old / f"{name}.job").rename(new / f"{name}.job")
    prepare_spool(settings.path, workers=3).close()
    found = []
    for number in range(3):
        spool = FedSpool(settings, number, 3)
        while delivery := spool.take("pacs", 0):
            assert bytes(spool.read(delivery.entry)) == DATA
            found.append(delivery.entry.object_id)
        spool.close()
    assert sorted(found) == three_partitions


def test_a_second_node_is_kept_out(settings):
    lock = prepare_spool(settings.path, workers=1)
    assert probe_spool(settings.path)
    with pytest.raises(SpoolError, match="is in use by another node"):
        prepare_spool(settings.path, workers=1)
    lock.close()
    assert not probe_spool(settings.path)


def test_a_spool_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "spool"
    for attempt in (lambda: prepare_spool(path, 1), lambda: probe_spool(path)):
        with pytest.raises(SpoolError) as raised:
            attempt()
        assert str(raised.value) == f"cannot write the spool {path}: Not a directory"


def test_a_full_disk_keeps_no_node_from_starting_and_a_check_names_it(
    settings, monkeypatch, caplog
):
    """On a disk where there is not even a reserve to give up."""

    def full(spool):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(prepare, "_probe", full)
    prepare_spool(settings.path, workers=1).close()
    assert "is full: objects are refused with 0xA700" in caplog.text
    with pytest.raises(SpoolError, match="No space left on device"):
        probe_spool(settings.path)


def test_on_a_disk_with_a_few_pages_free_the_reserve_is_given_up_before_the_workers_start(
    settings, monkeypatch
):
    """The probe finds room, and the log and the workers would not."""
    prepare_spool(settings.path, workers=1).close()
    assert (settings.path / "reserve").exists()
    disk = list(os.statvfs(settings.path))
    disk[4] = 2  # blocks free for us
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(disk))
    prepare_spool(settings.path, workers=1).close()
    assert not (settings.path / "reserve").exists()
