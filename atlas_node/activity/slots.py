r"""The file in which one process publishes: written in place, read by anybody, never locked.

It has the magic ``ATLASACT`` and two slots of equal size, which are written in turn. A slot is a
sequence number, the length of its text, the CRC-32 of number and text, and the text; numbers are
little endian.
The rule: the file has its full size from the start, so that it can be written on a full disk, and
a reader takes the slot with the higher number of those that are whole, so that a writer that is
killed in the middle spoils nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import Final

MAGIC: Final = b"ATLASACT"
SLOT: Final = 1 << 17
_HEAD: Final = struct.Struct("<QII")
LONGEST: Final = SLOT - _HEAD.size
"""Bytes that a text may have."""


class SlotFile:
    """The writing side; one process has it.

    Parameters
    ----------
    path : Path
        Made when it is missing, with its folder.

    Raises
    ------
    OSError
        When it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            newest = _newest(self._file)
            os.posix_fallocate(self._file, 0, len(MAGIC) + 2 * SLOT)
            os.pwrite(self._file, MAGIC, 0)
        except OSError:
            os.close(self._file)
            raise
        self.found = newest[1] if newest else None
        self._number = newest[0] if newest else 0

    def write(self, text: bytes) -> None:
        """Publish a text.

        Raises
        ------
        OSError
            When it cannot be written.
        ValueError
            When it is longer than `LONGEST`.
        """
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} bytes are to be published, at most {LONGEST} can be")
        number = self._number + 1
        head = _HEAD.pack(number, len(text), _checksum(number, text))
        os.pwrite(self._file, head + text, _begin(number))
        self._number = number

    def close(self) -> None:
        """Give the file back; what was published stays."""
        os.close(self._file)


def read_slots(path: Path) -> bytes | None:
    """Return what was published last; None where there is nothing that can be read."""
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            newest = _newest(file)
        finally:
            os.close(file)
        return newest[1] if newest else None
    return None


def _newest(file: int) -> tuple[int, bytes] | None:
    if os.pread(file, len(MAGIC), 0) != MAGIC:
        return None
    heads = []
    for parity in (0, 1):
        head = os.pread(file, _HEAD.size, _begin(parity))
        if len(head) == _HEAD.size:
            heads.append(_HEAD.unpack(head))
    for number, length, checksum in sorted(heads, reverse=True):
        if number and length <= LONGEST:
            text = os.pread(file, length, _begin(number) + _HEAD.size)
            if len(text) == length and _checksum(number, text) == checksum:
                return number, text
    return None


def _checksum(number: int, text: bytes) -> int:
    return zlib.crc32(text, zlib.crc32(number.to_bytes(8, "little")))


def _begin(number: int) -> int:
    return len(MAGIC) + number % 2 * SLOT
