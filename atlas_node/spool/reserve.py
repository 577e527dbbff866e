"""A little room that the spool keeps on its disk for the day on which the disk is full.

It is a file without content. What makes room needs some first: an order, the line of a delivery,
the log that must know of an object before it can leave. They give the file up; the forwarder that
looks for orders sets it aside again. The rule: objects that arrive never get this room.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

RESERVE_NAME: Final = "reserve"

_MOST: Final = 8 << 20
_SHARE: Final = 32
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_Written = TypeVar("_Written")

_logger = logging.getLogger(__name__)


def is_full(error: OSError) -> bool:
    """Whether an error says that a disk or the quota on it is used up."""
    return error.errno in _FULL


def keep_reserve(spool: Path) -> None:
    """Set the reserve aside, where it is not and the disk has several times as much to give."""
    path = spool / RESERVE_NAME
    try:
        disk = os.statvfs(spool)
        lacking = _lacking(path, disk)
        if not lacking or disk.f_bavail * disk.f_frsize < 4 * lacking:
            return
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, _size(disk))
        finally:
            os.close(file)
    except OSError:
        # A part of it is of no use, and another look comes soon.
        with contextlib.suppress(OSError):
            path.unlink()


def lacking_reserve(spool: Path) -> int:
    """Return the bytes that the reserve should have and has not.

    Raises
    ------
    OSError
        When the disk cannot be asked.
    """
    return _lacking(spool / RESERVE_NAME, os.statvfs(spool))


def write_with_reserve(spool: Path, write: Callable[[], _Written]) -> _Written:
    """Write something; when the disk is full, give the reserve up and write it once more.

    Parameters
    ----------
    spool : Path
        Folder of the whole spool.
    write : callable
        Leaves nothing behind where it fails.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    try:
        return write()
    except OSError as error:
        if not is_full(error):
            raise
    # Another process may have given it up since: there is room then, too.
    _give_up(spool)
    return write()


def give_up_when_full(spool: Path) -> None:
    """Give the reserve up when the disk has next to nothing free."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(spool)
        if disk.f_bavail * disk.f_frsize < _size(disk) // 2:
            _give_up(spool)


def _give_up(spool: Path) -> None:
    try:
        (spool / RESERVE_NAME).unlink()
    except OSError:
        return
    _logger.warning("the disk of the spool %s is full; its reserve is given up", spool)


def _size(disk: os.statvfs_result) -> int:
    return min(_MOST, disk.f_blocks * disk.f_frsize // _SHARE)


def _lacking(path: Path, disk: os.statvfs_result) -> int:
    try:
        there = path.stat().st_size
    except FileNotFoundError:
        there = 0
    return max(0, _size(disk) - there)
