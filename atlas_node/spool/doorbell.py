"""How a receiver tells the forwarder of its partition that an object has been accepted.

A pipe that the supervisor makes, with both ends open there, so that either process can be started
again. A record is the identifier of an object and a newline, far below PIPE_BUF and therefore
whole. What counts is on the disk: a record only says where to look, one that is stale, doubled or
lost does no harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from multiprocessing.reduction import DupFd
from typing import Any, Final

_CAPACITY: Final = 1 << 20
_READ: Final = 1 << 16


class Doorbell:
    """The pipe between the two processes of one worker; it can be handed to a child process.

    A record that finds the pipe full is dropped and `ring` says so; the receiver then makes its
    mark in `Occupancy`, and the forwarder looks through its folder.
    """

    def __init__(self, ends: tuple[int, int] | None = None) -> None:
        if ends is None:
            ends = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            # A short pipe works too, it only sends the forwarder to look through its folder.
            with contextlib.suppress(OSError):
                fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _CAPACITY)
        self._out, self._in = ends
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._rest = b""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (DupFd(self._out), DupFd(self._in))

    def ring(self, object_id: str) -> bool:
        """Tell of an object; False when the pipe is full."""
        try:
            os.write(self._in, object_id.encode("ascii") + b"\n")
        except BlockingIOError:
            return False
        return True

    def listen(self, timeout: float) -> list[str]:
        """Return the identifiers that were rung, waiting at most `timeout` seconds for one."""
        if not self._poll.poll(timeout * 1000):
            return []
        try:
            *records, self._rest = (self._rest + os.read(self._out, _READ)).split(b"\n")
        except BlockingIOError:
            return []
        return [record.decode("ascii", "replace") for record in records]

    def close(self) -> None:
        """Close both ends in this process."""
        os.close(self._out)
        os.close(self._in)


def _rebuilt(reader: Any, writer: Any) -> Doorbell:
    return Doorbell((reader.detach(), writer.detach()))
