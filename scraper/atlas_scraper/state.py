"""What is done already: a folder that keeps the rows of each document, so that a run may stop.

`dispatch` asks it where a worker shall write, and tells it what came of that; the command then
puts all together. A document is known by its name and content and by the code that reads it: a
changed document or another version of the scraper is read anew. A file counts only when its last
line says that the document was read to its end, so that a torn one is as good as none.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Self

from atlas_scraper.documents import Document

_BLOCK = 1 << 20
_LIBRARIES = ("pdfplumber", "pdfminer.six", "pypdfium2")
_LAST_LINE = 1 << 16


class StateError(Exception):
    """The folder cannot be used; the message names it."""


@dataclass(slots=True)
class Tally:
    """What came out of one document; `error` is None when it was read to its end."""

    file: str
    pages: int = 0
    pages_read: int = 0
    elements: int = 0
    rejects: int = 0
    seconds: float = 0.0
    resumed: bool = False
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the object of the report."""
        return asdict(self) | {"seconds": round(self.seconds, 2)}


class State:
    """The folder, held for one process as long as the context lasts.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    keep : bool
        Leave the folder when the context ends well; otherwise it is removed.
    """

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self._folder = folder
        self._keep = keep
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._close()
            raise StateError(
                f"{self._folder}: another atlas-scrape is at work there; wait for it, or write"
                " to another file"
            ) from None
        except OSError as error:
            self._close()
            raise StateError(f"{self._folder}: cannot be used: {error.strerror}") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Removed under the lock: a second run then finds either all of the folder or none.
        if kind is None and not self._keep:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def place(self, document: Document) -> Path:
        """Give the file for the rows of a document; it may exist, see `finished`.

        Raises
        ------
        OSError
            The document cannot be read.
        """
        digest = hashlib.sha256(f"{_reader()}\n{document.source}\n".encode("utf-8", "replace"))
        with document.path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return self._folder / f"{digest.hexdigest()[:40]}.jsonl"


def finished(place: Path, document: Document) -> Tally | None:
    """Give the tally of a document that an earlier run read to its end; None without one."""
    try:
        with place.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LAST_LINE))
            last = file.read().splitlines()[-1]
        tally = Tally(**json.loads(last)["document"])
    except (OSError, IndexError, KeyError, TypeError, ValueError):
        return None
    tally.file, tally.resumed = str(document.path), True
    return tally if tally.error is None else None


def rows_of(place: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give ``element`` or ``reject`` and the object, for each row that was written whole."""
    try:
        file = place.open("rb")
    except OSError:
        return
    with file:
        for line in file:
            try:
                ((kind, row),) = json.loads(line).items()
            except ValueError:
                return
            if kind != "document":
                yield kind, row


@cache
def _reader() -> str:
    """Give a digest of the code that reads: the package and the libraries that it reads with."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for module in sorted(package.rglob("*.py")):
        digest.update(module.read_bytes())
    for library in _LIBRARIES:
        try:
            digest.update(f"{library} {version(library)}\n".encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()
