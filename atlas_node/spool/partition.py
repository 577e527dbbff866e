"""The folder of one worker: the files of its objects, as both of its processes touch them.

An object is ``<id>.dcm``, a DICOM file with the received bytes behind file meta information of
ours, and ``<id>.job``, its journal. The receiver makes both, data first; the forwarder appends to
the journal, and removes both, journal first. So a data file without a journal is never an accepted
object, and a journal is never without its data.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import mmap
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from atlas_node.errors import DamagedObjectError, SpoolError, UnreadableObjectError
from atlas_node.spool.entry import Entry, QueuedObject
from atlas_node.spool.journal import parse_journal
from atlas_node.spool.lock import FolderLock, sync_folder, unusable
from atlas_node.spool.reserve import write_with_reserve

DATA_SUFFIX: Final = ".dcm"
JOURNAL_SUFFIX: Final = ".job"
_IDENTIFIER: Final = re.compile("[0-9a-f]{16}-[0-9a-f]{6}")

_logger = logging.getLogger(__name__)


def is_identifier(text: str) -> bool:
    """Whether a text can be the identifier of an object: what a user types becomes a path."""
    return _IDENTIFIER.fullmatch(text) is not None


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
    side : str
        `RECEIVER_LOCK` or `FORWARDER_LOCK`: which of the two processes this is.
    patience : float
        Seconds to wait for another process to let that side go.

    Attributes
    ----------
    folder : Path
    unreadable : set of str
        Identifiers of objects whose journals the disk did not give back.

    Raises
    ------
    SpoolError
        When the folder cannot be used.
    """

    def __init__(self, folder: Path, side: str, patience: float = 0.0) -> None:
        self.folder = folder
        self.unreadable: set[str] = set()
        self._side = side
        self._finding = threading.Lock()
        self._lock = FolderLock(folder, side, patience)
        try:
            # The other side may have made it a moment ago, and may not have come to this yet.
            sync_folder(folder.parent)
            self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._lock.close()
            raise SpoolError(unusable(folder, error)) from error
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let the folder go; the objects stay."""
        os.close(self._null)
        os.close(self._fd)
        self._lock.close()

    def open(self, name: str, flags: int) -> int:
        """Open a file of the folder, which may have been removed and made again meanwhile.

        Raises
        ------
        OSError
            When it cannot be opened.
        SpoolError
            When the folder is gone.
        """
        try:
            return os.open(name, flags | os.O_CLOEXEC, 0o600, dir_fd=self._fd)
        except FileNotFoundError:
            if os.fstat(self._fd).st_nlink:
                raise
            self._find_again()
            return os.open(name, flags | os.O_CLOEXEC, 0o600, dir_fd=self._fd)

    def _find_again(self) -> None:
        """Go on in the folder that now has the place of the one we had, which was removed."""
        with self._finding:
            if os.fstat(self._fd).st_nlink:
                return
            if not self.folder.parent.is_dir():
                raise SpoolError(f"the spool {self.folder.parent} is gone; bring it back")
            lock = FolderLock(self.folder, self._side)
            try:
                sync_folder(self.folder.parent)
                found = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                lock.close()
                raise
            # In its place: another thread may be about to use the number.
            os.dup2(found, self._fd, inheritable=False)
            os.close(found)
            self._lock.close()
            self._lock = lock
            _logger.warning("the spool partition %s was removed and made again", self.folder)

    def names(self) -> list[str]:
        """Return the names of all files of the folder, in order of arrival.

        Raises
        ------
        SpoolError
            When it cannot be read.
        """
        try:
            if not os.fstat(self._fd).st_nlink:
                self._find_again()
            return sorted(os.listdir(self._fd))  # noqa: PTH208 - a descriptor, no path
        except OSError as error:
            raise SpoolError(unusable(self.folder, error)) from error

    def journals(self) -> list[str]:
        """Return the identifiers of all objects that have a journal, in order of arrival.

        Raises
        ------
        SpoolError
            When the folder cannot be read.
        """
        return [
            name.removesuffix(JOURNAL_SUFFIX)
            for name in self.names()
            if name.endswith(JOURNAL_SUFFIX)
        ]

    def sync(self) -> None:
        """Force the names of the folder to the disk.

        Raises
        ------
        OSError
            When that fails.
        """
        os.fsync(self._fd)

    def remove(self, object_id: str) -> None:
        """Remove what there is of an object.

        Raises
        ------
        OSError
            When a file cannot be removed.
        """
        for suffix in (JOURNAL_SUFFIX, DATA_SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(object_id + suffix, dir_fd=self._fd)

    def remove_torn(self) -> int:
        """Remove what is left of objects that were never accepted, or are finished.

        Either process may call this when it starts: an object that is arriving is locked by its
        receiver. What has not a name as the spool gives it is somebody else's.

        Returns
        -------
        int
            The latest time in the name of any file, in nanoseconds since the epoch.

        Raises
        ------
        SpoolError
            When the folder cannot be read.
        """
        names = [name for name in self.names() if is_identifier(name[:-4])]
        journals = {name[:-4] for name in names if name.endswith(JOURNAL_SUFFIX)}
        data = {name[:-4] for name in names if name.endswith(DATA_SUFFIX)}
        for object_id in journals | data:
            try:
                if object_id not in journals or self._is_torn(object_id):
                    self._remove_torn(object_id)
            except OSError as error:
                self._leave_alone(object_id, error)
        return max((int(it[:16], 16) for it in journals | data), default=0)

    def _remove_torn(self, object_id: str) -> None:
        try:
            file = self.open(object_id + DATA_SUFFIX, os.O_RDONLY)
        except FileNotFoundError:
            if self._is_torn(object_id):
                self.remove(object_id)
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have been accepted between the first look and the lock.
            if self._is_torn(object_id):
                self.remove(object_id)
        except BlockingIOError:
            pass
        finally:
            os.close(file)

    def _is_torn(self, object_id: str) -> bool:
        """Whether an object has no journal with a whole line."""
        try:
            return b"\n" not in self._journal(object_id)
        except FileNotFoundError:
            return True

    # The receiver

    def create(self, object_id: str) -> int:
        """Make the data file of an object that arrives, and lock it until it is closed.

        Raises
        ------
        OSError
            When it cannot be made.
        """
        while True:
            file = self.open(object_id + DATA_SUFFIX, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return file
            # A forwarder that just starts took it for one that is left over.
            os.close(file)

    # The forwarder

    def append(self, object_id: str, line: bytes) -> None:
        """Add a line to the journal of an object; on a full disk it gets the spool's reserve.

        Raises
        ------
        SpoolError
            When the journal cannot be written.
        """
        try:
            write_with_reserve(self.folder.parent, lambda: self._append(object_id, line))
        except OSError as error:
            raise SpoolError(
                f"cannot write the journal of {object_id}: {error.strerror}"
            ) from error

    def _append(self, object_id: str, line: bytes) -> None:
        file = self.open(object_id + JOURNAL_SUFFIX, os.O_WRONLY | os.O_APPEND)
        try:
            written = os.write(file, line)
            if written != len(line):
                # A full disk takes a part: the next line must not go on in its middle.
                os.ftruncate(file, os.lseek(file, 0, os.SEEK_CUR) - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)

    def read(self, entry: Entry) -> memoryview:
        """Map the received bytes of an object; they stay readable when it is removed.

        Raises
        ------
        DamagedObjectError
            When the file is missing or has not the size that was written.
        UnreadableObjectError
            When the disk does not give back all of it, or its file cannot be opened or mapped.
        SpoolError
            When no object can be read now.
        """
        name = entry.object_id + DATA_SUFFIX
        expected = entry.offset + entry.size
        try:
            file = self.open(name, os.O_RDONLY)
            try:
                size = os.fstat(file).st_size
                if size != expected:
                    raise DamagedObjectError(
                        f"{self.folder / name} has {size} bytes, expected {expected}"
                    )
                self._look_through(file, name, size)
                mapped = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(file)
        except OSError as error:
            kind: type[SpoolError] = UnreadableObjectError
            if isinstance(error, FileNotFoundError):
                kind = DamagedObjectError
            elif error.errno in (errno.EMFILE, errno.ENFILE) or not self._can_be_searched():
                kind = SpoolError
            raise kind(f"cannot read {self.folder / name}: {error.strerror or error}") from error
        return memoryview(mapped)[entry.offset :]

    def _can_be_searched(self) -> bool:
        """Whether files of the folder can be opened at all, as far as the folder goes."""
        try:
            os.stat(".", dir_fd=self._fd)
        except OSError:
            return False
        return True

    def _look_through(self, file: int, name: str, size: int) -> None:
        """Bring a file into memory, without copying it.

        A page that the disk does not give back is an error here. Touched in a mapping, it would
        be the end of the process (SIGBUS), and of each that takes its place.
        """
        done = 0
        while done < size:
            try:
                sent = os.sendfile(self._null, file, done, size - done)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOSYS):
                    return  # a file system that cannot do this
                raise UnreadableObjectError(
                    f"cannot read {self.folder / name} from byte {done} on: {error.strerror}"
                ) from error
            if not sent:
                raise DamagedObjectError(f"{self.folder / name} has {done} bytes, expected {size}")
            done += sent

    def load(self, object_id: str) -> QueuedObject | None:
        """Return an object from its journal; None when it is gone or not accepted yet.

        One whose journal cannot be read is none, either, and is `unreadable` from then on.

        Raises
        ------
        SpoolError
            When the folder is gone.
        """
        try:
            queued, _ = self._parse(object_id, self._journal(object_id))
        except FileNotFoundError:
            queued = None
        except OSError as error:
            self._leave_alone(object_id, error)
            return None
        self.unreadable.discard(object_id)
        return queued

    def has_journal(self, object_id: str) -> bool:
        """Whether an object has a journal, whatever is in it."""
        try:
            os.stat(object_id + JOURNAL_SUFFIX, dir_fd=self._fd)
        except FileNotFoundError:
            return False
        except OSError:
            # A disk that fails does not make it go away.
            return True
        return True

    def sweep(self, object_ids: Iterable[str]) -> Iterator[tuple[QueuedObject, str]]:
        """Put journals in order after a stop of any kind and yield what was accepted.

        One that a disk does not give back is `unreadable` and keeps no other from its place.

        Parameters
        ----------
        object_ids : iterable of str
            Of the journals.

        Yields
        ------
        queued : QueuedObject
        damage : str
            Empty; or what is wrong with its data file, as only a failing disk or a loss of
            power (with durability ``os``) leaves it.

        Raises
        ------
        SpoolError
            When the folder is gone.
        """
        for object_id in object_ids:
            try:
                journal = self._journal(object_id)
                queued, complete = self._parse(object_id, journal)
                if queued is None:
                    continue
                if complete < len(journal):
                    self._cut(object_id, complete)
                damage = self._damage(queued.entry)
            except FileNotFoundError:
                # A receiver has given up an object that it could not complete.
                continue
            except OSError as error:
                self._leave_alone(object_id, error)
                continue
            yield queued, damage

    def _parse(self, object_id: str, journal: bytes) -> tuple[QueuedObject | None, int]:
        """Return what a journal says and the length of its complete lines."""
        try:
            parsed = parse_journal(journal)
            if parsed and parsed[0].entry.object_id != object_id:
                raise ValueError("it is the journal of another object")
        except ValueError as error:
            # Not ours to judge: kept where it is for a person to look at.
            path = self.folder / (object_id + JOURNAL_SUFFIX)
            _logger.error("%s is left alone: %s", path, error)
            return None, 0
        return parsed or (None, 0)

    def _leave_alone(self, object_id: str, error: OSError) -> None:
        """Note that the disk does not give back an object, and say so once."""
        if object_id not in self.unreadable:
            self.unreadable.add(object_id)
            path = self.folder / (object_id + JOURNAL_SUFFIX)
            _logger.error("%s is left alone: %s", path, error.strerror or error)

    def _cut(self, object_id: str, length: int) -> None:
        file = self.open(object_id + JOURNAL_SUFFIX, os.O_RDWR)
        try:
            os.ftruncate(file, length)
        finally:
            os.close(file)

    def _journal(self, object_id: str) -> bytes:
        file = self.open(object_id + JOURNAL_SUFFIX, os.O_RDONLY)
        try:
            journal = os.read(file, 4096)
            if len(journal) == 4096:
                journal += os.read(file, os.fstat(file).st_size)
            return journal
        finally:
            os.close(file)

    def _damage(self, entry: Entry) -> str:
        name = entry.object_id + DATA_SUFFIX
        expected = entry.offset + entry.size
        try:
            size = os.stat(name, dir_fd=self._fd).st_size
        except FileNotFoundError:
            return f"the data file {name} is missing"
        if size != expected:
            return f"the data file {name} has {size} of {expected} bytes"
        return ""
