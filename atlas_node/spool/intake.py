"""The receiving side of a partition: from the first bytes of an object to its acceptance.

A receiver process has one `Intake`; the transport writes what comes from the network into an
`Arrival`, straight into its file. The rule: the data file is complete before the journal is
begun, and the journal has its newline before `Arrival.commit` returns; only then may 0x0000 be
answered. Names come from the spool's clock alone.
"""

from __future__ import annotations

import logging
import mmap
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from atlas_node.config import SpoolSettings
from atlas_node.encoding.part10 import file_header
from atlas_node.encoding.pieces import Buffer
from atlas_node.errors import SpoolError
from atlas_node.model import Envelope
from atlas_node.spool.doorbell import Doorbell
from atlas_node.spool.entry import Entry, Recipient
from atlas_node.spool.group_commit import GroupCommit
from atlas_node.spool.journal import entry_line
from atlas_node.spool.limits import Room
from atlas_node.spool.lock import RECEIVER_LOCK, unusable
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.partition import JOURNAL_SUFFIX, Partition

_PATIENCE: Final = 10.0
_LINE_EVERY: Final = 10.0
_NEW: Final = os.O_CREAT | os.O_EXCL

_logger = logging.getLogger(__name__)


class Intake:
    """Takes objects into the partition of one worker; for any number of threads.

    Parameters
    ----------
    settings : SpoolSettings
    partition : int
        Number of the worker.
    occupancy : Occupancy
        Shared by all workers.
    doorbell : Doorbell
        Of this worker.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    SpoolError
        When the partition cannot be used or another process receives into it.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        partition: int,
        occupancy: Occupancy,
        doorbell: Doorbell,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._doorbell = doorbell
        self._occupancy = occupancy
        self._number = partition
        self._fsync = settings.durability == "fsync"
        self._files = Partition(settings.path / str(partition), RECEIVER_LOCK, _PATIENCE)
        self._folder = GroupCommit(self._files.sync)
        self._room = Room(settings.limits, occupancy, partition, str(self._files.folder))
        self._suffix = f"{partition & 0xFF:02x}{secrets.token_hex(2)}"
        self._lock = threading.Lock()
        self._refusal_said = float("-inf")
        self._last_ns = self._files.remove_torn()
        # A receiver before this one may have been killed when it had accepted an object and not
        # yet rung for it.
        occupancy.miss(partition)

    def close(self) -> None:
        """Let another process receive into the partition; what is in it stays."""
        self._files.close()

    def begin(self, envelope: Envelope) -> Arrival:
        """Make place for an object of which nothing has been read yet.

        Raises
        ------
        SpoolFullError
            When a limit of `spool.limits` is reached.
        SpoolError
            When the spool cannot be written.
        """
        room = self._set_aside()
        object_id = self._new_id()
        try:
            file = self._files.create(object_id)
        except SpoolError as error:
            self._room.give_back(room)
            self._say(error)
            raise
        except OSError as error:
            self._room.give_back(room)
            raise self._unusable(error) from error
        return Arrival(self, object_id, envelope, file, room)

    def _set_aside(self, size: int = 0, before: int = 0) -> int:
        try:
            return self._room.set_aside(size, before)
        except SpoolError as error:
            self._say(error)
            raise

    def _unusable(self, error: OSError) -> SpoolError:
        refusal = SpoolError(unusable(self._files.folder, error))
        self._say(refusal)
        return refusal

    def _say(self, refusal: SpoolError) -> None:
        """Say why objects are refused, once for many."""
        now = time.monotonic()
        if now - self._refusal_said >= _LINE_EVERY:
            self._refusal_said = now
            _logger.error("refusing objects with 0xA700: %s", refusal)

    def _new_id(self) -> str:
        """Return an identifier that sorts after every earlier one of this partition."""
        with self._lock:
            self._last_ns = max(self._last_ns + 1, int(self._clock() * 1e9))
            return f"{self._last_ns:016x}-{self._suffix}"

    def _accept(self, entry: Entry, room: int, *, sync: bool) -> None:
        """Write the journal of an object whose data file is complete, and tell of it."""
        line = entry_line(entry)
        journal = self._files.open(entry.object_id + JOURNAL_SUFFIX, os.O_WRONLY | _NEW)
        try:
            written = os.write(journal, line)
            while written < len(line):
                written += os.write(journal, line[written:])
            if sync:
                os.fsync(journal)
        finally:
            os.close(journal)
        if sync:
            self._folder.commit()
        self._room.fill(entry.size, room)
        if not self._doorbell.ring(entry.object_id):
            self._occupancy.miss(self._number)
            # The forwarder may have emptied the pipe before it could see the mark.
            self._doorbell.ring(entry.object_id)


class Arrival:
    """One object while it is being received, by one thread.

    After an error of `write` or `commit` only `abandon` is allowed.

    Attributes
    ----------
    object_id : str
        The spool's own identifier, in order of arrival.
    envelope : Envelope
    size : int
        Bytes of the data set so far.
    """

    __slots__ = ("_file", "_header", "_intake", "_offset", "_room", "envelope", "object_id", "size")

    def __init__(
        self, intake: Intake, object_id: str, envelope: Envelope, file: int, room: int
    ) -> None:
        self.object_id = object_id
        self.envelope = envelope
        self.size = 0
        self._intake = intake
        self._file = file
        self._room = room
        self._header = file_header(
            sop_class_uid=envelope.sop_class_uid,
            sop_instance_uid=envelope.sop_instance_uid,
            transfer_syntax_uid=envelope.transfer_syntax_uid,
            source_ae=envelope.calling_ae,
        )
        self._offset = len(self._header)

    def write(self, data: Buffer) -> None:
        """Append bytes of the data set.

        Raises
        ------
        SpoolFullError
            When a limit of `spool.limits` is reached.
        SpoolError
            When the spool cannot be written.
        """
        self._grow(len(data))
        try:
            if self._header:
                self._write_header(data)
            else:
                written = os.write(self._file, data)
                if written != len(data):
                    self._write_rest(memoryview(data)[written:])
        except OSError as error:
            raise self._intake._unusable(error) from error

    def beginning(self, length: int) -> bytes:
        """Return the first bytes of the data set, at most `length` of what was written so far.

        Raises
        ------
        SpoolError
            When they cannot be read.
        """
        try:
            return os.pread(self._begun(), min(length, self.size), self._offset)
        except OSError as error:
            raise self._intake._unusable(error) from error

    def data(self) -> memoryview:
        """Map what was written so far.

        Raises
        ------
        SpoolError
            When it cannot be mapped.
        """
        try:
            file = self._begun()
            return memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))[self._offset :]
        except OSError as error:
            raise self._intake._unusable(error) from error

    def commit(self, recipients: Sequence[Recipient], *, is_copy: bool = False) -> str:
        """Accept the object: when this returns it is durable, and the sender may be told so.

        Parameters
        ----------
        recipients : sequence of Recipient
            Where it goes; none: it is only recorded in the log.
        is_copy : bool
            Whether the object stays where it came from, so that a loss of power may take it here:
            it is not synced then, whatever `spool.durability` says.

        Returns
        -------
        str
            The identifier of the object.

        Raises
        ------
        SpoolError
            When it cannot be written.
        """
        entry = Entry(self.object_id, self.envelope, self.size, self._offset, tuple(recipients))
        sync = self._intake._fsync and not is_copy
        try:
            file = self._begun()
            if sync:
                os.fdatasync(file)
            self._intake._accept(entry, self._room, sync=sync)
        except OSError as error:
            raise self._intake._unusable(error) from error
        self._room = -1
        # Not before the journal is there: it is the lock that says that the object arrives.
        self._close()
        return self.object_id

    def abandon(self) -> None:
        """Remove what was written; nothing happens to an object that was accepted."""
        if self._room < 0:
            return
        intake = self._intake
        intake._room.give_back(self._room)
        self._room = -1
        try:
            self._close()
            intake._files.remove(self.object_id)
        except OSError as error:
            # The next start of a receiver takes what is left of it.
            _logger.warning("cannot remove %s: %s", self.object_id, error.strerror)

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _grow(self, count: int) -> None:
        self.size += count
        if self.size > self._room:
            self._room = self._intake._set_aside(self.size, self._room)

    def _begun(self) -> int:
        """Return the descriptor of the file, in which there is the header at least."""
        if self._header:
            self._write_header(b"")
        return self._file

    def _write_header(self, data: Buffer) -> None:
        header, self._header = self._header, b""
        written = os.writev(self._file, (header, data))
        if written < len(header) + len(data):
            self._write_rest(memoryview(header)[written:])
            self._write_rest(memoryview(data)[max(0, written - len(header)) :])

    def _write_rest(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._file, rest) :]
