"""The spool as a command sees it from outside: read-only, without a lock, while a node runs.

`atlas-node queue` calls this. An object that is finished while it is being read is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.spool.entry import QueuedObject
from atlas_node.spool.journal import parse_journal
from atlas_node.spool.partition import JOURNAL_SUFFIX, is_identifier, partitions

_logger = logging.getLogger(__name__)


def read_queue(spool: Path, *, finished: bool = False) -> Iterator[QueuedObject]:
    """Yield the objects in a spool, in order of arrival.

    Parameters
    ----------
    spool : Path
        Folder of the spool. One that does not exist is an empty spool.
    finished : bool
        Those that are finished and kept for a time, instead of those that are not.

    Raises
    ------
    SpoolError
        When a folder of it cannot be read.
    """
    try:
        journals = [
            journal
            for folder in partitions(spool).values()
            for journal in folder.iterdir()
            if journal.suffix == JOURNAL_SUFFIX
        ]
        for journal in sorted(journals, key=lambda path: path.name):
            queued = _read(journal)
            if queued is not None and (queued.finished_at is not None) is finished:
                yield queued
    except OSError as error:
        raise SpoolError(f"cannot read the spool {spool}: {error.strerror or error}") from error


def read_queued_object(spool: Path, object_id: str) -> QueuedObject | None:
    """Return one object of a spool, finished or not, or None when it is not there.

    Raises
    ------
    SpoolError
        When it cannot be read.
    """
    if not is_identifier(object_id):
        return None
    try:
        for folder in partitions(spool).values():
            queued = _read(folder / (object_id + JOURNAL_SUFFIX))
            if queued is not None:
                return queued
    except OSError as error:
        raise SpoolError(f"cannot read the spool {spool}: {error.strerror or error}") from error
    return None


def _read(journal: Path) -> QueuedObject | None:
    try:
        parsed = parse_journal(journal.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        _logger.warning("%s is left out: %s", journal, why or error)
        return None
    return parsed[0] if parsed else None
