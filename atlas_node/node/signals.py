"""Signals as a queue that a process's main thread waits on.

Supervisor and workers take their orders from it. A signal mask would be simpler, but libraries
(numpy's BLAS) start threads when they are imported, and the kernel may hand a signal to any
thread that does not block it; a wakeup socket works whichever thread the signal meets.
"""

from __future__ import annotations

import select
import signal
import socket
from collections import deque
from types import FrameType


class SignalQueue:
    """Collects signals from now on; one a process, made in its main thread.

    Parameters
    ----------
    wanted : signal.Signals
        Which ones.
    """

    def __init__(self, *wanted: signal.Signals) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._pending: deque[signal.Signals] = deque()
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        for number in wanted:
            signal.signal(number, _leave_to_the_queue)

    def wait(self, timeout: float | None = None) -> signal.Signals | None:
        """Return the next signal, or None when there is none for `timeout` seconds."""
        if not self._pending and select.select([self._receiver], [], [], timeout)[0]:
            self._pending.extend(map(signal.Signals, self._receiver.recv(64)))
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        """Give the sockets back; signals do nothing from now on."""
        signal.set_wakeup_fd(-1)
        self._receiver.close()
        self._sender.close()


def _leave_to_the_queue(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: that a handler is there makes Python write to the wakeup socket."""
