"""Where an association's own loop is parked while another thread exchanges a message on it.

pynetdicom looks at a flag that the loop sets before it waits and clears after; when the loop's
thread is delayed between the two, it is taken for parked, goes on, and takes the response out of
the queue. `requestor` and `acceptor` put a `Checkpoint` in the place of pynetdicom's event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_LOOK_EVERY: Final = 0.1


class Checkpoint:
    """Stops a loop for another thread.

    `clear` returns when the loop has seen that it must stop, so that pynetdicom's own ``send_...``
    methods and ``release`` are safe.

    Parameters
    ----------
    loop : threading.Thread
        The association.
    patience : float
        Seconds to wait for the loop to come by; it may be at work in a handler.
    wake : callable
        Makes a loop come by that waits for something to do.
    """

    def __init__(
        self,
        loop: threading.Thread,
        patience: float,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._wake = wake
        self._changed = threading.Condition()
        self._open = True
        self._parked = False

    def is_set(self) -> bool:
        """Whether the loop may go on."""
        return self._open

    def set(self) -> None:
        """Let the loop go on."""
        with self._changed:
            self._open, self._parked = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the loop, and wait until it has stopped or its thread has ended.

        Raises
        ------
        TimeoutError
            When it does not come by.
        """
        give_up = time.monotonic() + self._patience
        with self._changed:
            self._open = False
            if self._loop is threading.current_thread():
                return
            self._wake()
            while not self._parked and self._loop.is_alive():
                if time.monotonic() > give_up:
                    self._open = True
                    raise TimeoutError("the association is busy with another message")
                self._changed.wait(_LOOK_EVERY)

    def wait(self) -> None:
        """Wait until the loop may go on; called by the loop itself."""
        with self._changed:
            while not self._open:
                self._parked = True
                self._changed.notify_all()
                self._changed.wait()
