"""A disk whose power fails: what may be left of a folder at any moment, by the rules of POSIX.

`Disk.recording` notes every write, truncation, rename, removal and sync below a folder while a
test works on it. `Disk.after` makes what a loss of power at one of these moments may leave behind:
all that was synced, and of the rest any part. Bytes that were not synced may be missing from some
byte on, or be zeros; names that were not synced, of files and of folders, may be there or not, each
for itself. A folder that is not there has nothing in it, whatever was synced.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass
class _File:
    """A file, whatever its names: what was done to it, in order.

    Each change is the offset and bytes of a write, or the length and None of a truncation.
    """

    changes: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Changed:
    file: _File
    count: int


@dataclass(frozen=True)
class _Synced:
    file: _File
    count: int


@dataclass(frozen=True)
class _Named:
    path: str
    file: _File | None


@dataclass(frozen=True)
class _Folder:
    path: str
    is_made: bool


@dataclass(frozen=True)
class _FolderSynced:
    folder: str
    until: int


@dataclass(frozen=True)
class Mark:
    """Something that the test itself notes, such as an answer to the sender."""

    what: Any


class Disk:
    """Everything that was done below `root`, in order."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.events: list[Any] = []
        self._lock = threading.RLock()
        self._files: dict[tuple[int, int], _File] = {}
        self._real = {name: getattr(os, name) for name in _CALLS}

    def mark(self, what: Any) -> None:
        with self._lock:
            self.events.append(Mark(what))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note what this process does below the folder."""
        with ExitStack() as stack:
            for name in _CALLS:
                stack.enter_context(mock.patch.object(os, name, getattr(self, f"_{name}")))
            yield
        self._compare()

    def after(self, moment: int, folder: Path, chance: random.Random) -> list[Any]:
        """Make in `folder` what may be left when the power fails after so many events.

        Returns
        -------
        list
            What the test had noted until then.
        """
        names, noted = self._left_names(moment, chance)
        for path, file in names.items():
            target = folder / Path(path).relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._left_bytes(file, moment, chance))
        return noted

    def _left_names(self, moment: int, chance: random.Random) -> tuple[dict[str, _File], list[Any]]:
        durable: set[int] = set()
        noted = []
        for event in self.events[:moment]:
            if isinstance(event, Mark):
                noted.append(event.what)
            elif isinstance(event, _FolderSynced):
                durable |= {
                    number
                    for number, it in enumerate(self.events[: event.until])
                    if isinstance(it, _Named | _Folder)
                    and it.path.rpartition("/")[0] == event.folder
                }
        names: dict[str, _File] = {}
        folders = {str(self.root)}
        share = chance.choice((0.0, 0.5, 1.0))
        for number, event in enumerate(self.events[:moment]):
            if not isinstance(event, _Named | _Folder):
                continue
            if number not in durable and chance.random() >= share:
                continue
            if isinstance(event, _Folder):
                (folders.add if event.is_made else folders.discard)(event.path)
            elif event.file is None:
                names.pop(event.path, None)
            else:
                names[event.path] = event.file
        return {path: it for path, it in names.items() if self._is_in(path, folders)}, noted

    def _is_in(self, path: str, folders: set[str]) -> bool:
        """Whether every folder on the way to a file is there."""
        above = (str(it) for it in Path(path).parents if it.is_relative_to(self.root))
        return all(it in folders for it in above)

    def _left_bytes(self, file: _File, moment: int, chance: random.Random) -> bytes:
        made = synced = 0
        for event in self.events[:moment]:
            if isinstance(event, _Changed) and event.file is file:
                made = event.count
            elif isinstance(event, _Synced) and event.file is file:
                synced = max(synced, event.count)
        certain = _content(file.changes[:synced])
        whole = _content(file.changes[:made])
        if len(whole) < len(certain) or whole[: len(certain)] != certain:
            return chance.choice((certain, whole))  # it was cut or overwritten, or not yet
        end = chance.choice((len(certain), len(whole), chance.randint(len(certain), len(whole))))
        filled = bytes(len(whole) - end) if chance.random() < 0.3 else b""
        return whole[:end] + filled

    def _compare(self) -> None:
        """Make sure that nothing was changed behind our back."""
        last: dict[str, _File] = {}
        for event in self.events:
            if isinstance(event, _Named):
                last.pop(event.path, None)
                if event.file is not None:
                    last[event.path] = event.file
        there = {str(it) for it in self.root.rglob("*") if it.is_file()}
        assert there == last.keys(), f"not recorded: {sorted(there ^ last.keys())}"
        for path, file in last.items():
            assert Path(path).read_bytes() == _content(file.changes), f"not recorded: {path}"

    # The calls, each recorded after it succeeded

    def _below(self, path: Any, dir_fd: int | None) -> str | None:
        text = os.fsdecode(path)
        if dir_fd is not None and not text.startswith("/"):
            text = f"{_path_of(dir_fd)}/{text}"
        text = str(Path(text).absolute())
        return text if text.startswith(f"{self.root}/") else None

    def _of(self, fd: int) -> _File | None:
        found = os.fstat(fd)
        return self._files.get((found.st_dev, found.st_ino))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        with self._lock:
            below = self._below(path, dir_fd)
            new = below is not None and flags & os.O_CREAT and not os.path.lexists(below)
            fd: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
            if below is not None and new:
                found = os.fstat(fd)
                self._files[found.st_dev, found.st_ino] = file = _File()
                self.events.append(_Named(below, file))
            elif below is not None and flags & os.O_TRUNC:
                self._note(self._of(fd), 0, None)
            return fd

    def _note(self, file: _File | None, offset: int, data: bytes | None) -> None:
        if file is not None:
            file.changes.append((offset, data))
            self.events.append(_Changed(file, len(file.changes)))

    def _write(self, fd: int, data: Any) -> int:
        with self._lock:
            file = self._of(fd)
            if file is None:
                return int(self._real["write"](fd, data))
            count: int = self._real["write"](fd, data)
            end = os.lseek(fd, 0, os.SEEK_CUR)
            self._note(file, end - count, bytes(memoryview(data)[:count]))
            return count

    def _writev(self, fd: int, buffers: Any) -> int:
        return self._write(fd, b"".join(buffers))

    def _pwrite(self, fd: int, data: Any, offset: int) -> int:
        with self._lock:
            count: int = self._real["pwrite"](fd, data, offset)
            self._note(self._of(fd), offset, bytes(memoryview(data)[:count]))
            return count

    def _ftruncate(self, fd: int, length: int) -> None:
        with self._lock:
            self._real["ftruncate"](fd, length)
            self._note(self._of(fd), length, None)

    def _sync(self, name: str, fd: int) -> None:
        with self._lock:
            file, until = self._of(fd), len(self.events)
            count = len(file.changes) if file else 0
            folder = _path_of(fd)
        self._real[name](fd)  # what comes meanwhile is not promised
        with self._lock:
            if file is not None:
                self.events.append(_Synced(file, count))
            else:
                self.events.append(_FolderSynced(folder, until))

    def _fsync(self, fd: int) -> None:
        self._sync("fsync", fd)

    def _fdatasync(self, fd: int) -> None:
        self._sync("fdatasync", fd)

    def _posix_fallocate(self, fd: int, offset: int, length: int) -> None:
        with self._lock:
            self._real["posix_fallocate"](fd, offset, length)
            self._note(self._of(fd), offset + length, None)

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        with self._lock:
            self._real["mkdir"](path, mode, dir_fd=dir_fd)
            if (below := self._below(path, dir_fd)) is not None:
                found = Path(below).stat()
                self._files.pop((found.st_dev, found.st_ino), None)
                self.events.append(_Folder(below, is_made=True))

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        with self._lock:
            self._real["rmdir"](path, dir_fd=dir_fd)
            if (below := self._below(path, dir_fd)) is not None:
                self.events.append(_Folder(below, is_made=False))

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        with self._lock:
            self._real["unlink"](path, dir_fd=dir_fd)
            if (below := self._below(path, dir_fd)) is not None:
                self.events.append(_Named(below, None))

    def _move(self, name: str, source: Any, target: Any, **where: int | None) -> None:
        with self._lock:
            old = self._below(source, where.get("src_dir_fd"))
            new = self._below(target, where.get("dst_dir_fd"))
            self._real[name](source, target, **where)
            if new is not None:
                found = Path(new).stat()
                file = self._files[found.st_dev, found.st_ino]
                self.events.append(_Named(new, file))
            if old is not None and name != "link":
                self.events.append(_Named(old, None))

    def _rename(self, source: Any, target: Any, **where: int | None) -> None:
        self._move("rename", source, target, **where)

    def _replace(self, source: Any, target: Any, **where: int | None) -> None:
        self._move("replace", source, target, **where)

    def _link(self, source: Any, target: Any, **where: int | None) -> None:
        self._move("link", source, target, **where)


_CALLS = (
    "open", "write", "writev", "pwrite", "ftruncate", "fsync", "fdatasync", "unlink", "rename",
    "replace", "link", "mkdir", "rmdir", "posix_fallocate",
)  # fmt: skip


def _path_of(fd: int) -> str:
    return str(Path(f"/proc/self/fd/{fd}").readlink())


def _content(changes: list[tuple[int, bytes | None]]) -> bytes:
    content = bytearray()
    for offset, data in changes:
        if data is None:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
        else:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
    return bytes(content)
