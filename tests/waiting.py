"""Waiting for what another thread or process does.

A test asks until it is so. The time after which it gives up judges nothing: it is far longer than
anything takes, also on a machine that does much else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

LONG = 60.0
_PAUSE = 0.01


def wait_until(done: Callable[[], Any], timeout: float = LONG) -> Any:
    """Ask until the answer is yes, and return it."""
    give_up = time.monotonic() + timeout
    while not (found := done()):
        assert time.monotonic() < give_up, f"not so after {timeout:g} s"
        time.sleep(_PAUSE)
    return found
