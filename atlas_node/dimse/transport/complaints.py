"""Log lines about connections that come to nothing, at a bounded rate.

Whoever reaches the port can make such connections, thousands a second; the process log must not
grow with them. `server`, `acceptor` and `provider` complain here. The rule: a line names the
peer's address and what was expected, and never quotes what the peer sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

MOST: Final = 10
"""Lines in a `PERIOD`."""
PERIOD: Final = 60.0

_logger = logging.getLogger(__name__)


class Complaints:
    """Counts what is said and what is left out; any thread may call it.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since = float("-inf")
        self._said = 0
        self._left_out = 0

    def say(self, address: str, why: str) -> None:
        """Warn of a connection, unless there have been many."""
        with self._lock:
            now = self._clock()
            if now - self._since >= PERIOD:
                self._since, self._said = now, 0
            if self._said == MOST:
                self._left_out += 1
                return
            self._said += 1
            last, left_out, self._left_out = self._said == MOST, self._left_out, 0
        if left_out:
            why += f"; {left_out} more before it were not logged"
        if last:
            why += f"; more of them are not logged for {PERIOD:g} s from the first"
        _logger.warning("connection from %s %s", address, why)


say_failed: Final = Complaints().say
"""Warn of a connection to this process."""
