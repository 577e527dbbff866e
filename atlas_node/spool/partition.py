"""One worker's folder of the spool: the files of each object, in the order that makes them safe.

An object is ``<id>.dcm``, a DICOM file with the received bytes behind file meta information of
ours, and ``<id>.job``, its journal. The data file is complete before the journal is begun, and
on removal the journal goes first; so a data file without a journal is never an accepted object,
and a journal is never without its data. Names come from the spool's clock alone.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord
from atlas_node.spool.entry import Entry, QueuedObject, delivery_line, entry_line, parse_journal

Buffer = bytes | bytearray | memoryview

DATA_SUFFIX: Final = ".dcm"
JOURNAL_SUFFIX: Final = ".job"
LOCK_NAME: Final = "lock"

_logger = logging.getLogger(__name__)


class FolderLock:
    """An exclusive lock on a folder, held until it is closed or the process ends.

    Raises
    ------
    SpoolError
        When the folder cannot be written, or another process holds it for longer than
        `patience` seconds.
    """

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(unusable(folder, error)) from error
        give_up = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= give_up:
                    os.close(self._file)
                    raise SpoolError(
                        f"the spool {folder} is in use by another node; "
                        "stop that one or set spool.path to another folder"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._file)


def unusable(path: Path, error: OSError) -> str:
    """Return one line that says why `path` cannot be used."""
    return f"cannot write the spool {path}: {error.strerror or error}"


def partitions(spool: Path) -> dict[int, Path]:
    """Return the partition folders of a spool by their number."""
    if not spool.is_dir():
        return {}
    return {int(path.name): path for path in sorted(spool.iterdir()) if path.name.isdecimal()}


class Partition:
    """The files of one partition; every method may be called from any thread.

    Parameters
    ----------
    folder : Path
        Its folder; made when it is missing.
    durability : {"os", "fsync"}
        Whether writes are left to the page cache or forced to the disk.
    patience : float
        Seconds to wait for another process to let the folder go.

    Raises
    ------
    SpoolError
        When the folder cannot be used.
    """

    def __init__(
        self, folder: Path, durability: Literal["os", "fsync"], *, patience: float = 0.0
    ) -> None:
        self.folder = folder
        self._fsync = durability == "fsync"
        self._lock = FolderLock(folder, patience)

    def close(self) -> None:
        """Let the folder go; the objects stay."""
        self._lock.close()

    def write(self, entry: Entry, header: bytes, data: Buffer) -> None:
        """Write an object; when this returns it is accepted.

        Raises
        ------
        SpoolError
            When it cannot be written. Nothing of it is left then.
        """
        data_path, journal_path = self._data(entry.object_id), self._journal(entry.object_id)
        try:
            _write_new(data_path, (header, data), self._fsync)
            _write_new(journal_path, (entry_line(entry),), self._fsync)
            if self._fsync:
                self._sync_folder()
        except OSError as error:
            for path in (journal_path, data_path):
                try:
                    path.unlink(missing_ok=True)
                except OSError as second:
                    # The sweep at the next start takes what is left of it.
                    _logger.warning("cannot remove %s: %s", path, second.strerror)
            raise SpoolError(unusable(data_path, error)) from error

    def append(self, object_id: str, record: DeliveryRecord) -> None:
        """Add the state of a delivery to the journal of an object.

        Raises
        ------
        OSError
            When the journal cannot be written.
        """
        line = delivery_line(record)
        file = os.open(self._journal(object_id), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            if os.write(file, line) != len(line):
                # A full disk takes a part: without this the next line would go on in its middle.
                os.ftruncate(file, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._fsync:
                os.fdatasync(file)
        finally:
            os.close(file)

    def remove(self, object_id: str) -> None:
        """Remove an object that needs nothing more.

        Raises
        ------
        OSError
            When a file cannot be removed.
        """
        self._journal(object_id).unlink(missing_ok=True)
        self._data(object_id).unlink(missing_ok=True)

    def read(self, entry: Entry) -> memoryview:
        """Map the received bytes of an object; they stay readable when it is removed.

        Raises
        ------
        SpoolError
            When the file is missing or has not the size that was written.
        """
        path = self._data(entry.object_id)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != entry.offset + entry.size:
                    raise SpoolError(
                        f"{path} has {size} bytes, expected {entry.offset + entry.size}"
                    )
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise SpoolError(f"cannot read {path}: {error.strerror or error}") from error
        return memoryview(mapped)[entry.offset :]

    def sweep(self) -> Iterator[tuple[QueuedObject, str]]:
        """Put the folder in order after a stop of any kind and yield what was accepted.

        Yields
        ------
        queued : QueuedObject
            In order of arrival.
        damage : str
            Empty; or what is wrong with its data file, as only a failing disk or a loss of
            power (with durability ``os``) leaves it.

        Raises
        ------
        SpoolError
            When the folder cannot be read or put in order.
        """
        try:
            paths = sorted(self.folder.iterdir())
            accepted = {path.stem for path in paths if path.suffix == JOURNAL_SUFFIX}
            for path in paths:
                if path.suffix == DATA_SUFFIX and path.stem not in accepted:
                    path.unlink()
                elif path.suffix == JOURNAL_SUFFIX:
                    queued = self._recover(path)
                    if queued is not None:
                        yield queued, self._damage(queued.entry)
        except OSError as error:
            raise SpoolError(unusable(self.folder, error)) from error

    def _recover(self, journal_path: Path) -> QueuedObject | None:
        journal = journal_path.read_bytes()
        try:
            parsed = parse_journal(journal)
            if parsed and parsed[0].entry.object_id != journal_path.stem:
                raise ValueError("it is the journal of another object")
        except ValueError as error:
            # Not ours to judge: kept where it is for a person to look at.
            _logger.error("%s is left alone: %s", journal_path, error)
            return None
        if parsed is None:
            self.remove(journal_path.stem)
            return None
        queued, complete = parsed
        if complete < len(journal):
            os.truncate(journal_path, complete)
        return queued

    def _damage(self, entry: Entry) -> str:
        path = self._data(entry.object_id)
        expected = entry.offset + entry.size
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return f"the data file {path.name} is missing"
        if size != expected:
            return f"the data file {path.name} has {size} of {expected} bytes"
        return ""

    def _data(self, object_id: str) -> Path:
        return self.folder / (object_id + DATA_SUFFIX)

    def _journal(self, object_id: str) -> Path:
        return self.folder / (object_id + JOURNAL_SUFFIX)

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_new(path: Path, parts: Sequence[Buffer], fsync: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(file, rest) :]
        if fsync:
            os.fsync(file)
    finally:
        os.close(file)
