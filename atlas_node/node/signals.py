"""Signals as a queue that a process's main thread waits on.

The supervisor takes its orders from it; the other processes get no signals. A signal mask would be
simpler, but libraries (numpy's BLAS) start threads when they are imported, and the kernel may hand
a signal to any thread that does not block it; a wakeup socket works whichever thread it meets.
"""

from __future__ import annotations

import signal
import socket
from collections import deque
from collections.abc import Iterable
from multiprocessing.connection import Connection, wait
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

    def wait(
        self, timeout: float | None = None, others: Iterable[Connection | int] = ()
    ) -> signal.Signals | None:
        """Return the next signal.

        Parameters
        ----------
        timeout : float or None
            Seconds to wait for it; None: for ever.
        others : iterable of Connection or int
            Connections and descriptors; the wait ends when something can be read from one.

        Returns
        -------
        signal.Signals or None
            None when there was none.
        """
        if not self._pending and self._receiver in wait([self._receiver, *others], timeout):
            self._pending.extend(map(signal.Signals, self._receiver.recv(64)))
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        """Give the sockets back; signals do nothing from now on."""
        signal.set_wakeup_fd(-1)
        self._receiver.close()
        self._sender.close()


def _leave_to_the_queue(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: that a handler is there makes Python write to the wakeup socket."""
