"""The process that reads documents, one after the other; `dispatch` starts and feeds it.

A hostile or broken PDF can hang, exhaust memory or crash the library that parses it. All of that
happens here and costs one document: the rows go to a file as they are found, the parent is told
of each page, and the memory of the process is bounded.
"""

import logging
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

from atlas_scraper.documents import Document
from atlas_scraper.emit import Element, json_line
from atlas_scraper.pages import UnreadableDocumentError
from atlas_scraper.scrape import Reject, scrape
from atlas_scraper.state import Tally

_TOLD_EVERY = 0.1
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Task:
    """One document, and the file for its rows."""

    document: Document
    place: Path


@dataclass(frozen=True, slots=True)
class Begun:
    """The process has started and taken its document: from here its time counts."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A page is done."""

    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Done:
    """A document is done; `tally.error` says what was wrong with it."""

    tally: Tally


def work(tasks: Connection, memory: int) -> None:
    """Read the documents that come through `tasks` until the other end is closed.

    Parameters
    ----------
    tasks : Connection
        Gives `Task`, takes `Begun`, `Turned` and `Done`.
    memory : int
        MiB of address space that the process may take.
    """
    # The parent decides when to stop; a key pressed in the terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # pdfminer warns of every flaw of every font.
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (memory * MIB, memory * MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: Task = tasks.recv()
            tasks.send(Begun())
            tasks.send(Done(read(task, tasks.send, memory)))


def read(task: Task, tell: Callable[[Turned], object], memory: int) -> Tally:
    """Read one document into its file; every fault of it becomes the tally's error."""
    tally = Tally(str(task.document.path))
    start = time.monotonic()
    with task.place.open("w", encoding="utf-8") as rows:
        told = 0.0

        def turned(page: int, pages: int, laid_out: bool) -> None:
            nonlocal told
            tally.pages, tally.pages_read = pages, tally.pages_read + laid_out
            # What was found stays, whatever the next page does to this process.
            rows.flush()
            now = time.monotonic()
            if now - told >= _TOLD_EVERY:
                told = now
                tell(Turned(page, pages))

        try:
            for found in scrape(task.document.path, turned):
                _write(rows, found, task.document.source, tally)
        except UnreadableDocumentError as error:
            tally.error = str(error)
        except MemoryError:
            tally.error = f"needs more than {memory} MiB of memory (--memory)"
        except (BrokenPipeError, ConnectionResetError):
            raise
        # One document may show a fault of ours; the others shall be read all the same.
        except Exception as error:
            tally.error = f"cannot be read, a fault of atlas-scrape: {type(error).__name__} {error}"
        tally.seconds = time.monotonic() - start
        rows.write(json_line({"document": tally.as_dict()}) + "\n")
    return tally


def _write(rows: TextIO, found: Element | Reject, source: str, tally: Tally) -> None:
    if isinstance(found, Element):
        tally.elements += 1
        line = {"element": found.as_dict() | {"source": source}}
    else:
        tally.rejects += 1
        line = {"reject": reject_dict(found) | {"source": source}}
    rows.write(json_line(line) + "\n")


def reject_dict(reject: Reject) -> dict[str, Any]:
    """Give the object of a line of the rejects file."""
    return {
        "source": reject.source,
        "page": reject.page,
        "table": reject.table,
        "reason": reject.reason,
        "text": reject.text,
        "box": [round(edge, 1) for edge in reject.box],
    }
