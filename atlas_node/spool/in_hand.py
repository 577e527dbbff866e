"""Which objects a forwarder works on, written where it is found when the process ends over one.

`Spool.reading` has an object in hand here while its bytes are worked on. What was in hand when a
process was killed is suspected by the one that takes its place: as long as there are suspects,
objects are worked on one at a time, so that the next death shows which one it was. An object over
which the process has ended three times in a row is refused. The rule: this costs microseconds an
object, and where it cannot be written it stops nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from atlas_node.errors import DamagedObjectError

IN_HAND_FILE: Final = "in-hand"

_ENOUGH: Final = 3
_RECORD: Final = 64
_RECORDS: Final = 256
_NOTHING: Final = b" " * (_RECORD - 1) + b"\n"

_logger = logging.getLogger(__name__)


class InHand:
    """The objects that one forwarder works on; for any number of threads.

    A record is a line of 64 bytes: how often the process has ended over an object, and the
    object's identifier. Suspects come first; a process that has one in hand writes a second
    record of it, with a mark.

    Parameters
    ----------
    file : Path
        Where it is written; one forwarder has it at a time.
    """

    def __init__(self, file: Path) -> None:
        self._suspected: dict[str, int] = {}
        self._alone = threading.Lock()
        self._file = -1
        try:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._suspected = _suspected(os.pread(self._file, _RECORD * _RECORDS, 0))
            # All of it: to write over it later takes no room on the disk.
            records = [_record(it, deaths) for it, deaths in self._suspected.items()]
            records += [_NOTHING] * (_RECORDS - len(records))
            os.pwrite(self._file, b"".join(records), 0)
        except OSError as error:
            _logger.warning("cannot write %s: %s", file, error.strerror or error)
        self._free = list(range(_RECORDS - 1, len(self._suspected) - 1, -1))
        self._more = itertools.count(_RECORDS)

    def close(self) -> None:
        """Let the file go."""
        if self._file >= 0:
            os.close(self._file)

    def forget_all_but(self, kept: Container[str]) -> None:
        """Suspect only objects that are still there."""
        self._suspected = {it: deaths for it, deaths in self._suspected.items() if it in kept}

    @contextlib.contextmanager
    def hold(self, object_id: str) -> Iterator[None]:
        """Have an object in hand.

        Raises
        ------
        DamagedObjectError
            When the process has ended over it again and again.
        """
        deaths = self._suspected.get(object_id, 0)
        if deaths >= _ENOUGH:
            raise DamagedObjectError(
                f"the forwarder was killed {deaths} times in a row while it worked on {object_id}"
            )
        # A copy: another thread may clear a suspect at this moment.
        in_doubt = any(it < _ENOUGH for it in tuple(self._suspected.values()))
        with self._alone if in_doubt else contextlib.nullcontext():
            try:
                place = self._free.pop()
            except IndexError:
                place = next(self._more)
            self._write(place, _record(object_id, deaths, b"*"))
            try:
                yield
            finally:
                self._write(place, _NOTHING)
                self._free.append(place)
                # It outlived this one.
                self._suspected.pop(object_id, None)

    def _write(self, place: int, record: bytes) -> None:
        with contextlib.suppress(OSError):
            os.pwrite(self._file, record, place * _RECORD)


def _record(object_id: str, deaths: int, mark: bytes = b" ") -> bytes:
    text = b"%s %d %s" % (mark, deaths, object_id.encode("ascii"))
    return text.ljust(_RECORD - 1)[: _RECORD - 1] + b"\n"


def _suspected(written: bytes) -> dict[str, int]:
    """Return over which objects a process has ended, and how often, by what it has left."""
    found: dict[str, int] = {}
    for line in written.splitlines():
        mark, *fields = line[:1], *line[1:].split()
        if mark == b"*" and len(fields) == 2 and fields[0].isdigit():
            found[fields[1].decode("ascii", "replace")] = int(fields[0]) + 1
    return found
