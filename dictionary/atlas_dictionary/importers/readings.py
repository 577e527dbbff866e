"""What an importer collects as it goes through a published file: statements, notes, a count.

A published dictionary has slips: a VM with the mark of a footnote, a VR that is none, a missing
quote. The importers keep what can be read of such a line and note the rest with file and line; a
line that makes no statement is counted, and told apart: one that is not of the form is a fault, one
that names no private element is not. Nothing goes without a note.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlas_dictionary.creator import trim
from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.keys import ElementKey, parse_key
from atlas_dictionary.statements import (
    SourceInfo,
    SourceTable,
    Statement,
    parse_vm,
    parse_vr,
    require_usable,
)

_BLOCK = re.compile(r"(?:xx|00|10)?[0-9a-f]{2}|10xx", re.ASCII | re.IGNORECASE)


def read_bytes(path: Path) -> bytes:
    """Return the content of `path`.

    Raises
    ------
    DictionaryError
        When it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be read: {error.strerror}") from None


class Readings:
    """The statements of one source in the making, read line by line.

    Parameters
    ----------
    path : Path
        The published file; notes name it.
    data : bytes
        Its content.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.statements: list[Statement] = []
        self.notes: list[str] = []
        self.faults: list[str] = []
        self._line = 0
        self._unread = 0

    @contextmanager
    def line(self, number: int) -> Iterator[None]:
        """Read the line `number`; a `DictionaryError` means that it cannot be, and is noted."""
        self._line = number
        try:
            yield
        except DictionaryError as error:
            self._unread += 1
            self.note(f"{error}: left out")
            if not isinstance(error, UnusableLineError):
                self.faults.append(self.notes[-1])

    def note(self, text: str) -> None:
        """Note what this line has that was left out, or read in another way than it stands."""
        self.notes.append(f"{self.path}, line {self._line}: {text}")

    def key(self, group: str, element: str, owner: str, name: str = "") -> ElementKey:
        """Return the key of a private element that has the name `name`.

        Raises
        ------
        UnusableLineError
            Where it is none: no creator, an even group, the element that reserves the block.
        DictionaryError
            Where group or element has digits that are none.
        """
        creator = trim(owner)
        key = parse_key(group, element, creator or "-")
        if not creator:
            raise UnusableLineError(f"({group},{element}) has no private creator")
        require_usable(key, name)
        if not _BLOCK.fullmatch(element.strip()):
            self.note(f"element {element} of {creator!r} is read as {key.element_text}")
        return key

    def vrs(self, text: str) -> tuple[str, ...]:
        """Return the VRs in `text`; none, and a note, where it has none of PS3.5 6.2."""
        try:
            return parse_vr(text)
        except DictionaryError as error:
            self.note(f"{error}: left empty")
            return ()

    def vm(self, text: str) -> str:
        """Return the VM in `text`; empty, and a note, where it has another form."""
        try:
            return parse_vm(text)
        except DictionaryError as error:
            self.note(f"{error}: left empty")
            return ""

    def table(self) -> SourceTable:
        """Return what was collected as the table of a source that is named after its file."""
        info = SourceInfo(
            id=self.path.stem,
            title=self.path.name,
            sha256=hashlib.sha256(self.data).hexdigest(),
            statements=len(self.statements),
            unread=self._unread,
        )
        return SourceTable(info, tuple(self.statements), tuple(self.notes), tuple(self.faults))
