"""The dictionary of a site: the table of entries that its operators made in the viewer.

`entry` adds to it, `coverage` takes out of it. It is a table as docs/dictionary.md has them, the
topmost layer of the node's dictionary. The rule: the file is replaced whole, and only by one that
the dictionary library has opened.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from atlas_dictionary import DictionaryError
from atlas_dictionary.compiler import read_source
from atlas_dictionary.creator import encode, fold, trim
from atlas_dictionary.keys import parse_key
from atlas_dictionary.layers import open_file
from atlas_dictionary.statements import (
    SourceInfo,
    SourceTable,
    Statement,
    parse_vm,
    parse_vr,
    require_usable,
)
from atlas_dictionary.tables import write_table
from atlas_node.errors import AtlasError

_LONGEST_CREATOR: Final = 64
_LONGEST_NAME: Final = 200
_MOST: Final = 20_000


class SiteDictionaryError(AtlasError):
    """The file of the site's entries cannot be read or written."""


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """One entry.

    Attributes
    ----------
    creator : str
    key : str
        Such as ``(0019,xx0a)``.
    vr, vm, name : str
        The VM is empty where any number of values will do.
    provenance : str
        By whom it was made, and when.
    """

    creator: str
    key: str
    vr: str
    vm: str
    name: str
    provenance: str


class SiteDictionary:
    """The file.

    Parameters
    ----------
    path : Path
        Need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[SiteEntry, ...]:
        """Return all entries.

        Raises
        ------
        SiteDictionaryError
        """
        return tuple(_entry(statement) for statement in self._read())

    def find(self, creator: str, key: str) -> SiteEntry | None:
        """Return the entry of an element, or None.

        Raises
        ------
        SiteDictionaryError
        """
        named = _folded(creator), key
        return next((it for it in self.entries() if (_folded(it.creator), it.key) == named), None)

    def add(self, statement: Statement) -> SiteEntry | None:
        """Put an entry in; return the one of the same element that it replaces.

        Raises
        ------
        SiteDictionaryError
        """
        with self._locked():
            rest, replaced = self._without(statement.key.creator or "", str(statement.key))
            if len(rest) >= _MOST:
                raise SiteDictionaryError(f"{self.path}: it has {_MOST} entries already")
            self._write((*rest, statement))
        return replaced

    def remove(self, creator: str, key: str) -> SiteEntry | None:
        """Take an entry out and return it; None when there is none.

        Raises
        ------
        SiteDictionaryError
        """
        with self._locked():
            rest, removed = self._without(creator, key)
            if removed is not None:
                self._write(rest)
        return removed

    def _without(self, creator: str, key: str) -> tuple[tuple[Statement, ...], SiteEntry | None]:
        named = _folded(creator), key
        statements = self._read()
        rest = tuple(it for it in statements if _named(it) != named)
        found = next((_entry(it) for it in statements if _named(it) == named), None)
        return rest, found

    def _read(self) -> tuple[Statement, ...]:
        if not self.path.exists():
            return ()
        try:
            table = read_source(self.path)
        except DictionaryError as error:
            raise SiteDictionaryError(f"{error}: mend it by hand, or move the file away") from None
        return table.statements

    def _write(self, statements: tuple[Statement, ...]) -> None:
        info = SourceInfo(
            "site", title="Entries made in the viewer", origin="the operators of this node",
            version=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z", licence="of the site",
        )  # fmt: skip
        text = write_table(SourceTable(info, statements))
        made = self.path.with_name(f".{self.path.stem}.new{self.path.suffix}")
        try:
            with made.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            # What the node could not open must not take the place of what it can.
            open_file(made)
            made.replace(self.path)
        except DictionaryError as error:
            raise SiteDictionaryError(f"the entry cannot be used: {error}") from None
        except OSError as error:
            raise SiteDictionaryError(
                f"{self.path}: cannot be written: {error.strerror}: check its folder, or give "
                "dictionary.site another place"
            ) from None
        finally:
            made.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other viewers of this node from changing the file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SiteDictionaryError(
                f"{self.path.parent}: cannot be used: {error.strerror}: give dictionary.site "
                "another place"
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def statement_of(
    creator: str, group: str, element: str, vr: str, vm: str, name: str, by: str
) -> Statement:
    """Return the entry that a form describes.

    Parameters
    ----------
    creator, group, element, vr, vm, name : str
        As they were typed; the element as `keys.parse_key` takes it.
    by : str
        Who made it.

    Raises
    ------
    ValueError
        It cannot be one of a private element with just one VR; the message begins with the field.
    """
    creator, name = trim(creator), " ".join(name.split())
    if not creator:
        raise ValueError("creator: a private element is known by its private creator")
    if len(creator) > _LONGEST_CREATOR or encode(creator) is None or not creator.isprintable():
        raise ValueError(f"creator: expected at most {_LONGEST_CREATOR} characters of an LO")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"name: expected at most {_LONGEST_NAME} printable characters")
    try:
        key = parse_key(group, element, creator)
        require_usable(key, name)
    except DictionaryError as error:
        raise ValueError(f"element: {error}") from None
    if key.names_block or "x" in key.group_text or not key.tag & 0x10000:
        raise ValueError("element: expected one element of an odd group, such as 0019 and xx0a")
    try:
        vrs = parse_vr(vr)
    except DictionaryError:
        vrs = ()
    if len(vrs) != 1:
        raise ValueError("vr: expected one VR such as DS")
    try:
        multiplicity = parse_vm(vm)
    except DictionaryError:
        raise ValueError("vm: expected a VM such as 1, 1-3 or 1-n, or nothing for any") from None
    detail = f"site, by {' '.join(by.split())}, {datetime.now(UTC):%Y-%m-%d}"
    return Statement(key, vrs, multiplicity, name=name, detail=detail)


def _entry(statement: Statement) -> SiteEntry:
    return SiteEntry(
        statement.key.creator or "", str(statement.key), statement.stated_vr, statement.vm,
        statement.name, statement.detail,
    )  # fmt: skip


def _named(statement: Statement) -> tuple[bytes, str]:
    return _folded(statement.key.creator or ""), str(statement.key)


def _folded(creator: str) -> bytes:
    return fold(creator.encode("utf-8", "surrogatepass"))
