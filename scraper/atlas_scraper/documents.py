"""Which documents a command was given: files, folders searched for `.pdf`, lists of paths.

The commands call `find_documents`. Each document gets the name by which its rows know it: the
name of its file, or, where several files share one, as much of the path as tells them apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Document:
    """One PDF: where it lies, and the `source` of its rows."""

    path: Path
    source: str


def find_documents(given: Iterable[Path]) -> list[Document]:
    """Give the documents in the order given, those of a folder by name; none twice."""
    paths = list(dict.fromkeys(_files(given)))
    return [Document(p, source) for p, source in zip(paths, _names(paths), strict=True)]


def read_list(lines: TextIO) -> list[Path]:
    """Give the paths of a list, one a line; empty lines and lines that begin with # are none."""
    stripped = (line.rstrip("\r\n") for line in lines)
    return [Path(line) for line in stripped if line.strip() and not line.startswith("#")]


def _files(given: Iterable[Path]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(
                p for p in path.rglob("*") if p.suffix.lower() == ".pdf" and p.is_file()
            )
        else:
            yield path


def _names(paths: Sequence[Path]) -> list[str]:
    """Give each path its last part, and one part more as long as two share it."""
    parts = [path.absolute().parts for path in paths]
    depths = [1] * len(paths)
    while True:
        names = ["/".join(p[-depth:]) for p, depth in zip(parts, depths, strict=True)]
        shared = {name for name, count in Counter(names).items() if count > 1}
        longer = [
            depth + (name in shared and depth < len(p))
            for name, depth, p in zip(names, depths, parts, strict=True)
        ]
        if longer == depths:
            return names
        depths = longer
