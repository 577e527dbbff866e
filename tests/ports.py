"""TCP ports for the tests' nodes and peers, drawn so that no two tests of a run share one.

A test may hold a port for seconds before it listens on it, or never listen: a port drawn at random,
or by the kernel, would sooner or later be another test's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket
from collections.abc import Iterator

# The highest lies below the range that outgoing connections take.
_LOWEST, _HIGHEST = 12_000, 32_000


def _own_share() -> Iterator[int]:
    """Ports in turn, of which no other process of this test run draws any."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(_LOWEST + number, _HIGHEST, processes)
    begin = random.SystemRandom().randrange(len(share))
    return itertools.cycle([*share[begin:], *share[:begin]])


_ports = _own_share()


def free_port() -> int:
    """A port that nothing listens on, and that no other test of this run is given."""
    while True:
        port = next(_ports)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def listens(port: int) -> bool:
    """Whether a process listens on a port by now; it notices the question as a connection."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
