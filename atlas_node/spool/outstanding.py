"""Which of some instances still have to go to a destination, in any partition of a spool.

The storage commitment relay asks before it asks an archive: one that has not got an instance yet
would report it missing. Journals are read without a lock. One look through the whole spool finds
the journals concerned; from then on only these are read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.spool.entry import QueuedObject
from atlas_node.spool.journal import parse_journal
from atlas_node.spool.partition import JOURNAL_SUFFIX, partitions


class Outstanding:
    """Journals of objects that a destination has not got yet; it only gets fewer.

    Parameters
    ----------
    destination : str
    journals : sequence of Path
    """

    def __init__(self, destination: str, journals: list[Path]) -> None:
        self._destination = destination
        self._journals = journals

    def left(self) -> int:
        """Return how many are left at most; 0 when there are none.

        Raises
        ------
        SpoolError
            When the spool cannot be read.
        """
        while self._journals and not _waits(self._journals[-1], self._destination):
            self._journals.pop()
        return len(self._journals)


def outstanding(
    spool: Path, destination: str, wanted: Mapping[str, Collection[str]]
) -> dict[str, Outstanding]:
    """Look through a spool for what `destination` has not got yet.

    Parameters
    ----------
    spool : Path
        Folder of the spool.
    destination : str
    wanted : mapping of str to collection of str
        SOP Instance UIDs by any key of the caller's.

    Returns
    -------
    dict of str to Outstanding
        By the keys of `wanted`.

    Raises
    ------
    SpoolError
        When the spool cannot be read.
    """
    keys: dict[str, list[str]] = {}
    for key, instances in wanted.items():
        for uid in instances:
            keys.setdefault(uid, []).append(key)
    found: dict[str, list[Path]] = {key: [] for key in wanted}
    try:
        journals = [
            journal
            for folder in partitions(spool).values()
            for journal in folder.iterdir()
            if journal.suffix == JOURNAL_SUFFIX
        ]
    except OSError as error:
        raise SpoolError(f"cannot read the spool {spool}: {error.strerror or error}") from error
    for journal in journals:
        queued = _read(journal)
        if queued is None or not _is_due(queued, destination):
            continue
        for key in keys.get(queued.entry.envelope.sop_instance_uid, ()):
            found[key].append(journal)
    return {key: Outstanding(destination, journals) for key, journals in found.items()}


def _waits(journal: Path, destination: str) -> bool:
    queued = _read(journal)
    return queued is not None and _is_due(queued, destination)


def _is_due(queued: QueuedObject, destination: str) -> bool:
    delivery = queued.deliveries.get(destination)
    return delivery is not None and not delivery.final


def _read(journal: Path) -> QueuedObject | None:
    """Return the object of a journal; None when it is gone, or no journal of this version."""
    try:
        parsed = parse_journal(journal.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise SpoolError(f"cannot read {journal}: {error.strerror or error}") from error
    return parsed[0] if parsed else None
