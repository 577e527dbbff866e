"""Which of some instances a destination has not got, in any partition of a spool.

The storage commitment relay asks before it asks an archive: one that has not got an instance yet
would report it missing, and one that has an older object under the same UID would commit to that.
Journals are read without a lock. One look through the whole spool finds the journals concerned;
from then on only these are read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord
from atlas_node.spool.entry import QueuedObject
from atlas_node.spool.journal import parse_journal
from atlas_node.spool.partition import JOURNAL_SUFFIX, partitions


class Outstanding:
    """Journals of objects that a destination has not got; there come no more of them.

    Parameters
    ----------
    destination : str
    """

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._journals: list[Path] = []
        self._dead: list[Path] = []

    def add(self, journal: Path, delivery: DeliveryRecord) -> None:
        """Take the journal of a delivery that is waited for, or dead."""
        (self._dead if delivery.final else self._journals).append(journal)

    def left(self) -> int:
        """Return for how many is waited at most; 0 when for none.

        Raises
        ------
        SpoolError
            When the spool cannot be read.
        """
        while self._journals:
            found = _read(self._journals[-1])
            delivery = found.deliveries.get(self._destination) if found else None
            if delivery is not None and not delivery.final:
                break
            journal = self._journals.pop()
            if delivery is not None and not delivery.settled:
                self._dead.append(journal)
        return len(self._journals)

    def dead(self) -> frozenset[str]:
        """Return the SOP Instance UIDs of those that nobody waits for and that it has not got.

        Raises
        ------
        SpoolError
            When the spool cannot be read.
        """
        found = filter(None, map(_read, self._dead))
        return frozenset(
            it.entry.envelope.sop_instance_uid
            for it in found
            if not it.deliveries[self._destination].settled
        )


def outstanding(
    spool: Path, destination: str, wanted: Mapping[str, Collection[str]]
) -> dict[str, Outstanding]:
    """Look through a spool for what `destination` has not got.

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
    found = {key: Outstanding(destination) for key in wanted}
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
        delivery = queued.deliveries.get(destination) if queued else None
        if queued is None or delivery is None or delivery.settled:
            continue
        for key in keys.get(queued.entry.envelope.sop_instance_uid, ()):
            found[key].add(journal, delivery)
    return found


def _read(journal: Path) -> QueuedObject | None:
    """Return the object of a journal; None when it is gone, or no journal of this version."""
    try:
        parsed = parse_journal(journal.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise SpoolError(f"cannot read {journal}: {error.strerror or error}") from error
    return parsed[0] if parsed else None
