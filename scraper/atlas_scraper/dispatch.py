"""Many documents in several processes: who reads what, how long, and what when one dies.

The command calls `dispatch`. Each worker (`worker.work`) has one document at a time and a pipe.
A document that takes too long costs its worker, which is killed and replaced; a worker that dies,
by the kernel's hand or a crash in the PDF library, costs the document that it held and no other.
"""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess

from atlas_scraper.state import Tally
from atlas_scraper.worker import Begun, Done, Task, Turned, work

_DOCUMENTS_PER_WORKER = 50
"""After so many a worker is replaced: what the libraries cache must not add up."""
_START_SECONDS = 60.0
"""What a process may take to start, on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may take.

    Parameters
    ----------
    seconds : float
        Time, from when a worker begins with it.
    memory : int
        MiB of address space of the worker.
    """

    seconds: float = 600.0
    memory: int = 3072


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    served: int = 0
    task: Task | None = None
    began: float = 0.0
    until: float = 0.0
    turned: Turned | None = None


def dispatch(
    tasks: Sequence[Task],
    jobs: int,
    limits: Limits,
    watch: Callable[[Task, Turned], None] = lambda _task, _turned: None,
) -> Iterator[tuple[Task, Tally]]:
    """Read all documents; give each with what came of it, as they get done.

    Parameters
    ----------
    tasks : sequence of Task
        In the order in which they are begun.
    jobs : int
        How many processes.
    limits : Limits
    watch : callable, optional
        Told of the pages, some ten times a second for each worker.
    """
    waiting = deque(tasks)
    context = multiprocessing.get_context("spawn")
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.task for worker in workers):
            busy = sum(worker.task is not None for worker in workers)
            while len(workers) < min(jobs, busy + len(waiting)):
                workers.append(_start(context, limits))
            for worker in workers:
                if worker.task is None and waiting:
                    _give(worker, waiting.popleft(), limits)
            _await(workers)
            for worker in list(workers):
                task = worker.task
                tally = _listen(worker, watch, limits)
                if tally is None or task is None:
                    continue
                yield task, tally
                worker.task = None
            for worker in [worker for worker in workers if _is_spent(worker)]:
                _end(worker)
                workers.remove(worker)
    finally:
        for worker in workers:
            _end(worker)


def _start(context: SpawnContext, limits: Limits) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, limits.memory), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _is_spent(worker: _Worker) -> bool:
    idle = worker.task is None
    return idle and (worker.served >= _DOCUMENTS_PER_WORKER or not worker.process.is_alive())


def _give(worker: _Worker, task: Task, limits: Limits) -> None:
    worker.task, worker.turned = task, None
    worker.began = time.monotonic()
    worker.until = worker.began + _START_SECONDS + limits.seconds
    worker.served += 1
    try:
        worker.pipe.send(task)
    except OSError:
        # It died while it was idle; `_listen` finds the pipe closed and says so.
        return


def _await(workers: Sequence[_Worker]) -> None:
    """Wait until a worker has something to say or the time of a document is over."""
    busy = [worker for worker in workers if worker.task]
    left = min(worker.until for worker in busy) - time.monotonic()
    wait([worker.pipe for worker in busy], max(0.0, left))


def _listen(worker: _Worker, watch: Callable[[Task, Turned], None], limits: Limits) -> Tally | None:
    """Take what a worker has to say; give the tally when its document is done, well or ill."""
    task = worker.task
    if task is None:
        return None
    try:
        while worker.pipe.poll():
            message: Begun | Turned | Done = worker.pipe.recv()
            if isinstance(message, Done):
                return message.tally
            if isinstance(message, Begun):
                worker.began = time.monotonic()
                worker.until = worker.began + limits.seconds
            else:
                worker.turned = message
                watch(task, message)
    # A worker that is killed in the middle of a message leaves one that is none.
    except (EOFError, OSError):
        worker.process.join()
        return _tally(worker, task, _death(worker.process.exitcode))
    if time.monotonic() < worker.until:
        return None
    worker.process.kill()
    worker.process.join()
    return _tally(
        worker, task, f"not done after {limits.seconds:g} seconds, given up (--time-limit)"
    )


def _tally(worker: _Worker, task: Task, error: str) -> Tally:
    turned = worker.turned
    if turned is not None:
        error += f", on a page after {turned.page} of {turned.pages}"
    return Tally(
        str(task.document.path),
        pages=turned.pages if turned else 0,
        seconds=time.monotonic() - worker.began,
        error=error,
    )


def _death(status: int | None) -> str:
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        cause = "; out of memory?" if -status in (signal.SIGKILL, signal.SIGABRT) else ""
        return f"its process died of {name}{cause}"
    return f"its process ended with status {status}"


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    if worker.task is not None:
        worker.process.kill()
    worker.process.join()
    worker.process.close()
