"""The room that the spool keeps for a full disk; on a real one in tests/fault/test_disk.py."""

import errno
import os
from types import SimpleNamespace

import pytest

from atlas_node.config import Limits
from atlas_node.errors import SpoolFullError
from atlas_node.spool.limits import Room
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.reserve import (
    RESERVE_NAME,
    give_up_when_full,
    keep_reserve,
    write_with_reserve,
)

KIB = 1024


class Full:
    """Something to write that finds the disk full at first."""

    def __init__(self, times: int = 1, number: int = errno.ENOSPC) -> None:
        self.times, self.number = times, number

    def __call__(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise OSError(self.number, os.strerror(self.number))
        return "written"


@pytest.fixture
def disk(monkeypatch):
    """A disk of 16 MiB of which a test says what is free."""
    one = SimpleNamespace(f_blocks=16 * KIB, f_frsize=KIB, f_bavail=16 * KIB)
    monkeypatch.setattr(os, "statvfs", lambda _: one)
    return one


def test_the_reserve_is_a_small_part_of_the_disk_and_takes_its_room(disk, tmp_path):
    keep_reserve(tmp_path)
    found = (tmp_path / RESERVE_NAME).stat()
    assert found.st_size == 512 * KIB
    assert found.st_blocks * 512 >= 512 * KIB


def test_a_reserve_that_was_made_in_part_is_completed(disk, tmp_path):
    (tmp_path / RESERVE_NAME).touch()
    keep_reserve(tmp_path)
    assert (tmp_path / RESERVE_NAME).stat().st_size == 512 * KIB


def test_a_disk_that_has_little_left_is_left_alone(disk, tmp_path):
    disk.f_bavail = 1000
    keep_reserve(tmp_path)
    assert not (tmp_path / RESERVE_NAME).exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_finds_the_disk_full_is_written_into_the_reserve(disk, tmp_path, number):
    keep_reserve(tmp_path)
    assert write_with_reserve(tmp_path, Full(1, number)) == "written"
    assert not (tmp_path / RESERVE_NAME).exists()


def test_another_process_may_have_made_the_room(tmp_path):
    assert write_with_reserve(tmp_path, Full(1)) == "written"


@pytest.mark.parametrize(("times", "number"), [(2, errno.ENOSPC), (1, errno.EROFS)])
def test_what_cannot_be_written_all_the_same_is_an_error(tmp_path, times, number):
    with pytest.raises(OSError, match=os.strerror(number)):
        write_with_reserve(tmp_path, Full(times, number))


def test_another_error_than_a_full_disk_leaves_the_reserve(disk, tmp_path):
    keep_reserve(tmp_path)
    with pytest.raises(OSError, match="Read-only"):
        write_with_reserve(tmp_path, Full(1, errno.EROFS))
    assert (tmp_path / RESERVE_NAME).exists()


@pytest.mark.parametrize(("free", "kept"), [(1000, True), (100, False)])
def test_it_is_given_up_when_the_disk_is_full(disk, tmp_path, free, kept):
    keep_reserve(tmp_path)
    disk.f_bavail = free
    give_up_when_full(tmp_path)
    assert (tmp_path / RESERVE_NAME).exists() is kept


def test_arriving_objects_do_not_get_the_room_of_the_reserve(disk, tmp_path):
    (tmp_path / "0").mkdir()
    disk.f_bavail = 600
    room = Room(Limits(min_free_bytes=1), Occupancy(1), 0, str(tmp_path / "0"))
    before = room.set_aside()
    assert before < 88 * KIB
    with pytest.raises(SpoolFullError, match="min_free_bytes"):
        room.set_aside(100 * KIB, before)
