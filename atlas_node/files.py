"""Annotate DICOM files on disk: a file to a file, or a tree to a tree.

``atlas-node annotate`` calls it. The rule is the node's own: whatever cannot be annotated is
passed on unchanged and reported, and the rest goes on. A file is written beside its final name
and renamed, so that no half-written file ever carries that name.
"""

from __future__ import annotations

import mmap
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_node.annotate import Annotator
from atlas_node.encoding.part10 import split_file, with_transfer_syntax
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from atlas_node.errors import AtlasError, MalformedStreamError
from atlas_node.model import ElementRecord, ElementStatus, Policy

_NOTHING_COUNTED = {"private": 0, **{status.value: 0 for status in ElementStatus}}


class FileError(AtlasError):
    """A file or folder cannot be read or written."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file; `to_json` gives the report of ``atlas-node annotate``."""

    file: str
    sop_instance_uid: str
    transfer_syntax: str
    changed: bool
    error: str | None
    counts: dict[str, int]
    elements: tuple[ElementRecord, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "file": self.file,
            "sop_instance_uid": self.sop_instance_uid,
            "transfer_syntax": self.transfer_syntax,
            "changed": self.changed,
            "error": self.error,
            "counts": self.counts,
            "elements": [element.to_json() for element in self.elements],
        }


def pairs_of(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Return each file to read with the file to write, in the order of their names.

    Raises
    ------
    FileError
        When `source` does not exist, is a tree and `target` a file, or holds `target`.
    """
    if source.is_file():
        return [(source, target / source.name if target.is_dir() else target)]
    if not source.is_dir():
        raise FileError(f"{source}: no such file or folder")
    if target.exists() and not target.is_dir():
        raise FileError(f"{target}: is a file; a tree of files needs a folder to go to")
    if target.resolve().is_relative_to(source.resolve()):
        raise FileError(f"{target}: lies inside {source}; choose a folder outside of it")
    found = sorted(path for path in source.rglob("*") if path.is_file())
    return [(path, target / path.relative_to(source)) for path in found]


def annotate_file(
    annotator: Annotator,
    source: Path,
    target: Path,
    policy: Policy,
    *,
    records: bool = True,
    explicit: bool = False,
) -> FileReport:
    """Annotate one file.

    Parameters
    ----------
    annotator : Annotator
    source, target : Path
        May be the same file, which is replaced as a whole. Folders of `target` are made.
    policy : Policy
    records : bool
        Whether the report shall hold a record of every private element.
    explicit : bool
        Write an object in implicit VR, which has no place for a VR, in explicit VR little endian.

    Raises
    ------
    FileError
        When `source` cannot be read or `target` cannot be written.
    """
    try:
        with _mapped(source) as data:
            report, pieces = _annotated(annotator, str(source), data, policy, records, explicit)
            _write(target, pieces)
    except OSError as error:
        raise FileError(f"{error.filename or source}: {error.strerror or error}") from error
    return report


@contextmanager
def read_data_set(path: Path) -> Iterator[tuple[memoryview, str]]:
    """Give the encoded data set of a DICOM file and its transfer syntax.

    Raises
    ------
    FileError
        When the file cannot be read or is no DICOM file.
    """
    try:
        with _mapped(path) as data:
            part10 = split_file(data)
            if not part10.transfer_syntax_uid:
                raise FileError(f"{path}: its file meta information has no transfer syntax")
            yield data[part10.offset :], part10.transfer_syntax_uid
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except MalformedStreamError as error:
        raise FileError(f"{path}: {error}") from error


def _annotated(
    annotator: Annotator,
    name: str,
    data: memoryview,
    policy: Policy,
    records: bool,
    explicit: bool,
) -> tuple[FileReport, list[bytes | memoryview]]:
    try:
        part10 = split_file(data)
    except MalformedStreamError as error:
        return FileReport(name, "", "", False, str(error), _NOTHING_COUNTED, ()), [data]
    if not part10.transfer_syntax_uid:
        reason = "the file meta information has no transfer syntax (0002,0010)"
        return FileReport(name, part10.sop_instance_uid, "", False, reason, _NOTHING_COUNTED, ()), [
            data
        ]
    syntax, header = part10.transfer_syntax_uid, data[: part10.offset]
    converted = explicit and syntax == IMPLICIT_VR_LITTLE_ENDIAN
    annotation = annotator.annotate(
        data[part10.offset :], syntax, policy, EXPLICIT_VR_LITTLE_ENDIAN if converted else None
    )
    if annotation.transfer_syntax_uid != syntax:
        header = memoryview(with_transfer_syntax(header, annotation.transfer_syntax_uid))
    report = FileReport(
        file=name,
        sop_instance_uid=annotation.identity.sop_instance_uid or part10.sop_instance_uid,
        transfer_syntax=syntax,
        changed=annotation.changed,
        error=annotation.error,
        counts=annotation.counts,
        elements=annotation.elements() if records else (),
    )
    return report, [header, *annotation.pieces]


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """Give a file's bytes without reading them all; the map closes with its last view."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size:
            yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        else:
            yield memoryview(b"")


def _write(target: Path, pieces: list[bytes | memoryview]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:64]}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
        temporary.chmod(_mode(target))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """Return the permissions of a file that is replaced, or those of a new one."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def annotate_tree(
    annotator: Annotator,
    pairs: list[tuple[Path, Path]],
    policy: Policy,
    *,
    records: bool = True,
    explicit: bool = False,
) -> Iterator[FileReport]:
    """Annotate many files one after the other; a file that fails does not stop the rest."""
    for source, target in pairs:
        try:
            yield annotate_file(
                annotator, source, target, policy, records=records, explicit=explicit
            )
        except FileError as error:
            yield FileReport(str(source), "", "", False, str(error), _NOTHING_COUNTED, ())
