"""The storage commitment transactions on the disk, one file each, shared by all processes.

Receivers add a scanner's request and an archive's report, the relay does the rest. A file is
written beside its name, forced to the disk and renamed, under a lock that the kernel lets go with
its process: whatever is killed, a transaction is as it was before or after a step. The rule: what
`add` or `update` has returned is durable. Names come from a digest, never from the network.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from atlas_node.errors import SpoolError, SpoolFullError
from atlas_node.spool.lock import FolderLock, sync_folder, unusable
from atlas_node.spool.transaction import Transaction, from_bytes, to_bytes, transaction_id_of

FOLDER: Final = "commitment"
MOST_TRANSACTIONS: Final = 10_000
MOST_BYTES: Final = 128 * 2**20

_SUFFIX: Final = ".json"
_NEW: Final = ".new"
_DAMAGED: Final = ".damaged"
_CLAIM: Final = ".claim"
_PATIENCE: Final = 30.0
_RECENT: Final = 1.0

_Stamp = tuple[int, int]

_logger = logging.getLogger(__name__)


class CommitmentStore:
    """The transactions of a spool; for any thread of any process.

    Parameters
    ----------
    spool : Path
        Folder of the spool.
    """

    def __init__(self, spool: Path) -> None:
        self.folder = spool / FOLDER
        self._known: dict[str, tuple[_Stamp, Transaction]] = {}
        self._seen = 0
        self._looking = threading.Lock()

    def add(self, transaction: Transaction) -> Transaction:
        """Keep a new transaction; when this returns it is accepted.

        Returns
        -------
        Transaction
            The one that is kept under this identifier: the given one, or an earlier one.

        Raises
        ------
        SpoolFullError
            When as many are kept as can be.
        SpoolError
            When it cannot be written.
        """
        with self._locked():
            earlier = self._read(transaction.transaction_id)
            if earlier is not None:
                return earlier
            content = to_bytes(transaction)
            sizes = [entry.stat().st_size for entry in self._files()]
            if len(sizes) >= MOST_TRANSACTIONS or sum(sizes) + len(content) > MOST_BYTES:
                raise SpoolFullError(
                    f"{self.folder} holds {len(sizes)} storage commitment transactions in "
                    f"{sum(sizes)} bytes, at most {MOST_TRANSACTIONS} and {MOST_BYTES} are kept"
                )
            self._write(transaction.transaction_id, content)
            return transaction

    def get(self, identifier: str) -> Transaction | None:
        """Return a transaction, or None when it is not there.

        Raises
        ------
        SpoolError
            When it cannot be read.
        """
        try:
            return self._read(identifier)
        except OSError as error:
            raise SpoolError(unusable(self.folder, error)) from error

    def find(self, our_uid: str) -> Transaction | None:
        """Return the transaction for which an archive was asked under a Transaction UID of ours.

        Raises
        ------
        SpoolError
            When it cannot be read.
        """
        identifier = transaction_id_of(our_uid)
        transaction = self.get(identifier) if identifier else None
        if transaction is None:
            return None
        asked = any(our_uid in enquiry.transaction_uids for enquiry in transaction.enquiries)
        return transaction if asked else None

    def update(
        self, identifier: str, change: Callable[[Transaction], Transaction | None]
    ) -> Transaction | None:
        """Change a transaction as it stands now, or remove it.

        Parameters
        ----------
        identifier : str
        change : callable
            Gets the transaction and returns what it shall be; None removes it.

        Returns
        -------
        Transaction or None
            What it is now; None when it is gone.

        Raises
        ------
        SpoolError
            When it cannot be written; it is as it was.
        """
        with self._locked():
            before = self._read(identifier)
            if before is None:
                return None
            after = change(before)
            if after is None:
                self._path(identifier).unlink()
                self._path(identifier, _CLAIM).unlink(missing_ok=True)
                sync_folder(self.folder)
            elif after != before:
                self._write(identifier, to_bytes(after))
            return after

    def transactions(self) -> list[Transaction]:
        """Return all transactions, in order of arrival; cheap when nothing has changed.

        Raises
        ------
        SpoolError
            When the folder cannot be read.
        """
        with self._looking:
            try:
                self._look()
            except OSError as error:
                raise SpoolError(unusable(self.folder, error)) from error
            found = [transaction for _, transaction in self._known.values()]
        return sorted(found, key=lambda it: (it.received_at, it.transaction_id))

    @contextlib.contextmanager
    def claim(self, identifier: str) -> Iterator[bool]:
        """Have a transaction to oneself while its scanner is told.

        Yields
        ------
        bool
            False when another thread or process has it, or it is gone.
        """
        if not self._path(identifier).exists():
            yield False
            return
        try:
            lock = FolderLock(self.folder, identifier + _CLAIM)
        except SpoolError:
            yield False
            return
        try:
            yield True
        finally:
            if not self._path(identifier).exists():
                self._path(identifier, _CLAIM).unlink(missing_ok=True)
            lock.close()

    def sweep(self) -> None:
        """Put the folder in order after a stop of any kind.

        What processes that were killed have left is removed; a file that cannot be read is set
        aside for a person to look at.

        Raises
        ------
        SpoolError
            When the folder cannot be put in order.
        """
        with self._locked():
            for path in self.folder.iterdir():
                torn = path.name.endswith(_NEW)
                if torn or (path.suffix == _CLAIM and not path.with_suffix(_SUFFIX).exists()):
                    path.unlink(missing_ok=True)
                elif path.suffix == _SUFFIX and self._read(path.stem) is None:
                    path.replace(path.with_suffix(_DAMAGED))

    def _look(self) -> None:
        try:
            changed = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._known.clear()
            return
        # Another change in the same tick of the clock would leave the time as it is.
        if changed == self._seen and time.time_ns() - changed > _RECENT * 1e9:
            return
        self._seen = changed
        known: dict[str, tuple[_Stamp, Transaction]] = {}
        for entry in self._files():
            identifier = entry.name.removesuffix(_SUFFIX)
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                stamp = (status.st_ino, status.st_mtime_ns)
                before = self._known.get(identifier)
                if before is not None and before[0] == stamp:
                    known[identifier] = before
                elif (transaction := self._read(identifier)) is not None:
                    known[identifier] = (stamp, transaction)
        self._known = known

    def _files(self) -> list[os.DirEntry[str]]:
        with os.scandir(self.folder) as entries:
            return [entry for entry in entries if entry.name.endswith(_SUFFIX)]

    def _read(self, identifier: str) -> Transaction | None:
        path = self._path(identifier)
        try:
            return from_bytes(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            _logger.error("%s is left alone: %s", path, error)
            return None

    def _write(self, identifier: str, content: bytes) -> None:
        path = self._path(identifier)
        new = path.with_name(path.name + _NEW)
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(self.folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FolderLock(self.folder, patience=_PATIENCE)
        try:
            yield
        except OSError as error:
            raise SpoolError(unusable(self.folder, error)) from error
        finally:
            lock.close()

    def _path(self, identifier: str, suffix: str = _SUFFIX) -> Path:
        return self.folder / (identifier + suffix)
