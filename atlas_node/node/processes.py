"""How the supervisor starts the other processes: each is forked from one that has imported all.

Importing what a receiver needs takes a second and more; a fork takes milliseconds, and the memory
of what was imported is shared. `warm_up` starts the fork server, which imports `preload` while the
supervisor goes on, and `start_process` has it fork. The rule: no signal that stops or reloads a
node reaches any process but the supervisor. A terminal, `timeout` and some service managers send
it to all processes of a group, and the orders of the others come from the supervisor alone.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess
from typing import Any, Final

SUPERVISORS_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""The signals that are orders to the node; blocked in every process but the supervisor."""

_PRELOAD: Final = ["__main__", "atlas_node.node.preload"]

_ENVIRONMENT: Final = {
    # Numpy's BLAS would start a thread for each core, none of which survives a fork.
    "OPENBLAS_NUM_THREADS": "1",
    # Each association has threads of its own, and glibc a heap for each thread. What is left in
    # them by buffers of associations that have ended is not given back: a receiver would grow for
    # hours. Python's lock lets one thread allocate at a time anyway.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
"""What the libraries read when a process starts, where the administrator has set nothing else."""

_context = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Start the fork server when it does not run; it goes on importing by itself."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _context.set_forkserver_preload(_PRELOAD)
    with _blocked(SUPERVISORS_SIGNALS):
        resource_tracker.ensure_running()
        # Starting the tracker has unblocked some of them.
        signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISORS_SIGNALS)
        forkserver.ensure_running()


def allow_files() -> None:
    """Let this process and those that it starts have as many files open as they ever may.

    A shell gives 1024 although the administrator allows more, and an association takes several.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Where the kernel allows less by now, or a sandbox nothing, the node does with what it has.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def start_process(
    run: Callable[..., None], name: str, arguments: tuple[Any, ...]
) -> ForkServerProcess:
    """Start a process and return it; it ends with the supervisor.

    Parameters
    ----------
    run : callable
        What it is, a function of a module.
    name : str
    arguments : tuple
        Can be handed to another process; with the sockets and pipes in them.
    """
    process = _context.Process(target=run, args=arguments, name=name, daemon=True)
    # A fork server that was killed is started again by the first process that needs it.
    warm_up()
    process.start()
    return process


@contextmanager
def _blocked(signals: frozenset[signal.Signals]) -> Iterator[None]:
    """Hold back signals, which what is started meanwhile inherits."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
