"""The spool before the workers start: one node alone, and no partition without a worker.

The supervisor calls `prepare_spool` and holds the lock that it returns as long as it runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.spool.lock import (
    FORWARDER_LOCK,
    LOCK_NAME,
    RECEIVER_LOCK,
    FolderLock,
    unusable,
)
from atlas_node.spool.partition import DATA_SUFFIX, JOURNAL_SUFFIX, partitions


def prepare_spool(spool: Path, workers: int) -> FolderLock:
    """Take a spool for this node, and move objects of partitions without a worker to partition 0.

    Returns
    -------
    FolderLock
        Keeps other nodes away until it is closed.

    Raises
    ------
    SpoolError
        When the spool cannot be written or another node has it.
    """
    lock = FolderLock(spool, patience=1.0)
    try:
        _probe(spool)
        for number, folder in partitions(spool).items():
            if number >= workers:
                _adopt(folder, spool / "0")
    except OSError as error:
        lock.close()
        raise SpoolError(unusable(spool, error)) from error
    except SpoolError:
        lock.close()
        raise
    return lock


def probe_spool(spool: Path) -> bool:
    """Check that a spool can be written, and say whether a node is running on it.

    Raises
    ------
    SpoolError
        When it cannot be written.
    """
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        _probe(spool)
    except OSError as error:
        raise SpoolError(unusable(spool, error)) from error
    try:
        FolderLock(spool).close()
    except SpoolError:
        return True
    return False


def _probe(spool: Path) -> None:
    probe = spool / f"probe-{os.getpid()}"
    probe.write_bytes(b"\0")
    probe.unlink()


def _adopt(folder: Path, heir: Path) -> None:
    """Move every object of `folder` to `heir`; cut short anywhere, nothing accepted is lost.

    The data file is in both places when the journal moves, so that a journal always has its
    data beside it; whichever copy is left over is a data file without a journal, and swept.
    """
    with contextlib.ExitStack() as stack:
        # A worker that is still ending has the partition a moment longer.
        for side in (RECEIVER_LOCK, FORWARDER_LOCK):
            stack.callback(FolderLock(folder, side, patience=5.0).close)
        heir.mkdir(mode=0o700, exist_ok=True)
        for journal in sorted(folder.glob(f"*{JOURNAL_SUFFIX}")):
            data = journal.with_suffix(DATA_SUFFIX)
            if data.exists():
                _copy(data, heir / data.name)
            journal.rename(heir / journal.name)
        for data in folder.glob(f"*{DATA_SUFFIX}"):
            data.unlink()
        for name in (LOCK_NAME, RECEIVER_LOCK, FORWARDER_LOCK):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _copy(data: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(data, copy)
    except OSError:
        # Not every file system has hard links.
        shutil.copyfile(data, copy)
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
