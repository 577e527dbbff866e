"""The spool before the workers start: one node alone, and no partition without a worker.

The supervisor calls `prepare_spool` and holds the lock that it returns as long as it runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.spool.lock import (
    FORWARDER_LOCK,
    LOCK_NAME,
    RECEIVER_LOCK,
    FolderLock,
    make_folder,
    sync_folder,
    unusable,
)
from atlas_node.spool.orders import hand_over_orders
from atlas_node.spool.partition import DATA_SUFFIX, JOURNAL_SUFFIX, is_identifier, partitions
from atlas_node.spool.reserve import give_up_when_full, is_full, keep_reserve, write_with_reserve

_logger = logging.getLogger(__name__)


def prepare_spool(spool: Path, workers: int) -> FolderLock:
    """Take a spool for this node, and move objects of partitions without a worker to partition 0.

    A full disk is no reason not to start: what is in the spool has to leave it.

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
        _probe_or_say_full(spool)
        # What is free may be enough for the probe and too little for the log and the workers.
        give_up_when_full(spool)
        keep_reserve(spool)
        for number, folder in partitions(spool).items():
            if number >= workers:
                hand_over_orders(spool, number, heir=0)
                _adopt(folder, spool / "0")
            elif number:
                _disown(folder, spool / "0")
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
        make_folder(spool)
        _probe(spool)
    except OSError as error:
        raise SpoolError(unusable(spool, error)) from error
    try:
        FolderLock(spool).close()
    except SpoolError:
        return True
    return False


def _probe_or_say_full(spool: Path) -> None:
    try:
        write_with_reserve(spool, lambda: _probe(spool))
    except OSError as error:
        if not is_full(error):
            raise
        _logger.error(
            "the disk of the spool %s is full: objects are refused with 0xA700 until it has room; "
            "what is in the spool is delivered",
            spool,
        )


def _probe(spool: Path) -> None:
    probe = spool / f"probe-{os.getpid()}"
    try:
        probe.write_bytes(b"\0")
    finally:
        probe.unlink(missing_ok=True)


def _adopt(folder: Path, heir: Path) -> None:
    """Move every object of `folder` to `heir`; cut short anywhere, nothing accepted is lost.

    A power failure counts, too: names in `heir` are on the disk before those in `folder` go, and
    the journals there are gone before the data goes. In between, an object is in both.
    """
    with contextlib.ExitStack() as stack:
        # A worker that is still ending has the partition a moment longer.
        for side in (RECEIVER_LOCK, FORWARDER_LOCK):
            stack.callback(FolderLock(folder, side, patience=5.0).close)
        make_folder(heir)
        journals = sorted(it for it in folder.glob(f"*{JOURNAL_SUFFIX}") if is_identifier(it.stem))
        for journal in journals:
            data = journal.with_suffix(DATA_SUFFIX)
            if data.exists():
                _copy(data, heir / data.name)
            _copy(journal, heir / journal.name)
        sync_folder(heir)
        for journal in journals:
            journal.unlink()
        sync_folder(folder)
        for data in folder.glob(f"*{DATA_SUFFIX}"):
            if is_identifier(data.stem):
                data.unlink()
        for name in (LOCK_NAME, RECEIVER_LOCK, FORWARDER_LOCK):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _disown(folder: Path, heir: Path) -> None:
    """Remove from `heir` what a takeover that is no longer wanted had copied there of `folder`."""
    both = [it for it in folder.glob(f"*{JOURNAL_SUFFIX}") if (heir / it.name).exists()]
    for journal in both:
        (heir / journal.name).unlink()
    if both:
        # The data is swept as that of an object that has no journal.
        sync_folder(heir)


def _copy(file: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(file, copy)
    except OSError:
        # Not every file system has hard links.
        shutil.copyfile(file, copy)
        with copy.open("rb+") as opened:
            os.fsync(opened.fileno())
