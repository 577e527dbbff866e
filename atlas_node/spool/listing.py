"""The spool as a command sees it from outside: read-only, without a lock, while a node runs.

`atlas-node queue` calls this. An object that is finished while it is being read is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.spool.entry import QueuedObject, parse_journal
from atlas_node.spool.partition import JOURNAL_SUFFIX, partitions

_logger = logging.getLogger(__name__)


def read_queue(spool: Path) -> Iterator[QueuedObject]:
    """Yield the objects in a spool, in order of arrival.

    Parameters
    ----------
    spool : Path
        Folder of the spool. One that does not exist is an empty spool.

    Raises
    ------
    SpoolError
        When a folder or file of it cannot be read.
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
            if queued is not None:
                yield queued
    except OSError as error:
        raise SpoolError(f"cannot read the spool {spool}: {error.strerror or error}") from error


def read_queued_object(spool: Path, object_id: str) -> QueuedObject | None:
    """Return one object of a spool, or None when it is not there."""
    return next((it for it in read_queue(spool) if it.entry.object_id == object_id), None)


def _read(journal: Path) -> QueuedObject | None:
    try:
        parsed = parse_journal(journal.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        _logger.warning("%s is left out: %s", journal, error)
        return None
    return parsed[0] if parsed else None
