"""Where commands write: a file that appears when it is whole, standard output, or a device."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from atlas_scraper.rows import RowsError

STDOUT = Path("-")


def is_plain(path: Path) -> bool:
    """Whether `path` is a file or can become one: no standard output, device or pipe."""
    return path != STDOUT and (path.is_file() or not path.exists())


def require_writable(path: Path) -> None:
    """Refuse before an hour of work what could not be written after it.

    Raises
    ------
    RowsError
        `path` is a folder, or lies in none that can be written to.
    """
    if path == STDOUT or (path.exists() and not path.is_dir() and not path.is_file()):
        return
    if path.is_dir():
        raise RowsError(f"{path}: cannot be written: it is a folder")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise RowsError(f"{path}: cannot be written: {path.parent} is no folder to write in")


@contextmanager
def sink(path: Path) -> Iterator[TextIO]:
    """Open `path` for writing; a file takes the place of an old one when all is written.

    Raises
    ------
    RowsError
        It cannot be written.
    """
    try:
        if path == STDOUT:
            yield sys.stdout
        elif not is_plain(path):
            with path.open("w", encoding="utf-8") as file:
                yield file
        else:
            fresh = path.with_name(f"{path.name}.new")
            try:
                with fresh.open("w", encoding="utf-8") as file:
                    yield file
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RowsError(f"{path}: cannot be written: {error.strerror}") from None
