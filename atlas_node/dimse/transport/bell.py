"""What rings when something has happened on an association: for one who waits, or polls.

An association's own thread waits for it; while it serves a request that it passes on to another
peer it polls two sockets, and takes the bell's descriptor along.
"""

from __future__ import annotations

import contextlib
import os
import threading


class Bell(threading.Event):
    """An event that can be polled, too, from `open` to `close`."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._descriptor = -1

    def set(self) -> None:
        """Ring; any thread may call this."""
        super().set()
        # The descriptor's number may be another file's once it is closed.
        with self._guard:
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def open(self) -> int:
        """Return the descriptor, which is readable when the bell has rung."""
        with self._guard:
            if self._descriptor < 0:
                self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            return self._descriptor

    def hush(self) -> None:
        """Make the descriptor unreadable until the bell rings again."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        with self._guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1
