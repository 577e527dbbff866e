"""A slow disk for every process that Python starts with this folder in PYTHONPATH.

`tests/fault/test_slow_disk.py` starts a node so. Each write into a regular file and each sync
takes its time, one after the other within a process, as a disk with one head does them; while the
file of ATLAS_TEST_DISK_STALLS exists, nothing is done at all. The values are ATLAS_TEST_DISK_RATE,
in bytes a second, and ATLAS_TEST_DISK_SYNC, in seconds; 0: no delay.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RATE = float(os.environ.get("ATLAS_TEST_DISK_RATE", "0"))
_SYNC = float(os.environ.get("ATLAS_TEST_DISK_SYNC", "0"))
_STALLS = Path(os.environ.get("ATLAS_TEST_DISK_STALLS", "/nonexistent"))
_head = threading.Lock()
# The lock of a process that forks in the middle of a write would stay locked in the other.
os.register_at_fork(
    before=_head.acquire, after_in_parent=_head.release, after_in_child=_head.release
)


def _take(seconds: float) -> None:
    with _head:
        while _STALLS.exists():
            time.sleep(0.01)
        if seconds:
            time.sleep(seconds)


def _slow_write(real: Callable[..., int], size: Callable[[Any], int]) -> Callable[..., int]:
    def write(fd: int, data: Any) -> int:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            _take(size(data) / _RATE if _RATE else 0.0)
        return real(fd, data)

    return write


def _slow_sync(real: Callable[[Any], None]) -> Callable[[Any], None]:
    def sync(fd: Any) -> None:
        _take(_SYNC)
        real(fd)

    return sync


os.write = _slow_write(os.write, len)
os.writev = _slow_write(os.writev, lambda buffers: sum(map(len, buffers)))
os.fsync = _slow_sync(os.fsync)
os.fdatasync = _slow_sync(os.fdatasync)
