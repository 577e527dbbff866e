"""The audit trail: who changed what, and who signed in, one JSON object a line.

`Site.audited` and `Site.note` add to it, the status page and ``atlas-node access trail`` read its
end. A change has two lines: that it is meant, on the disk before anything is changed, and how it
ended. It is a file of its own, not a table of the log: the viewer may stand over a log that it
cannot write, and a log that expires, moves or is damaged takes no trail with it. Lines are only
ever added, each in one write; whoever rotates the file may move it at any time.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from atlas_node.config import Config
from atlas_node.errors import AtlasError

_LONGEST_TEXT: Final = 1000
_BLOCK: Final = 65536

INTENT: Final = "intent"
OUTCOME: Final = "outcome"


class AuditError(AtlasError):
    """The audit trail cannot be read or written."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change or sign-in.

    Attributes
    ----------
    at : str
        When, ISO 8601 in UTC.
    node : str
        AE title of the node.
    who, role, how : str
        The visitor, and by what it was known: ``session``, ``token``, ``basic`` or ``local``.
    address : str
        Where the request came from.
    action : str
        Such as ``delivery.retry``.
    subject : str
        What was changed, such as the identifier of an object; never a patient's value.
    detail : str
        More of it, and how it ended.
    change : str
        What the two lines of one change share; empty where there is but one.
    stage : str
        ``intent`` or ``outcome`` of a change, else empty.
    """

    at: str
    node: str
    who: str
    role: str
    how: str
    address: str
    action: str
    subject: str
    detail: str
    change: str = ""
    stage: str = ""


_FIELDS: Final = {field.name: field.default for field in fields(AuditEntry)}


def audit_path(config: Config) -> Path:
    """Return where the trail of a node is."""
    return config.web.audit or config.spool.path.with_name("audit.jsonl")


class AuditTrail:
    """The file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Make sure that the trail can be written.

        Raises
        ------
        AuditError
        """
        os.close(self._open())

    def add(self, entry: AuditEntry) -> None:
        """Add a line; it is on the disk when this returns.

        Raises
        ------
        AuditError
        """
        cut = {name: text[:_LONGEST_TEXT] for name, text in asdict(entry).items()}
        line = json.dumps(cut, separators=(",", ":")).encode("ascii") + b"\n"
        file = self._open()
        try:
            if _is_torn(file):
                line = b"\n" + line
            # In one piece: another process may add to the same file.
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        except OSError as error:
            raise self._failed(error) from None
        finally:
            os.close(file)

    def newest(self, limit: int) -> list[AuditEntry]:
        """Return at most so many entries, the newest first; lines that are none are left out.

        Of a change it is how it ended; that it was meant, where no outcome was written.

        Raises
        ------
        AuditError
        """
        found: list[AuditEntry] = []
        ended: set[str] = set()
        try:
            for line in self._lines_backwards():
                entry = _entry(line)
                if entry is None or (entry.stage == INTENT and entry.change in ended):
                    continue
                if entry.stage == OUTCOME:
                    ended.add(entry.change)
                found.append(entry)
                if len(found) >= limit:
                    break
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed(error) from None
        return found

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            return os.open(self._path, flags, 0o640)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> AuditError:
        return AuditError(
            f"audit trail {self._path}: {error.strerror}: check its folder and permissions, or "
            "give web.audit another place"
        )

    def _lines_backwards(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            rest = b""
            while end:
                begin = max(0, end - _BLOCK)
                file.seek(begin)
                first, *lines = (file.read(end - begin) + rest).split(b"\n")
                yield from reversed(lines)
                # What is longer than a block was not written by us.
                rest, end = first[:_BLOCK], begin
            yield rest


def now() -> str:
    """Return the time as an entry has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _is_torn(file: int) -> bool:
    """Whether the last line has no end, for the disk was full or the machine stopped."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _entry(line: bytes) -> AuditEntry | None:
    try:
        read = json.loads(line)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    texts = {name: read.get(name, default) for name, default in _FIELDS.items()}
    return AuditEntry(**texts) if all(isinstance(it, str) for it in texts.values()) else None
