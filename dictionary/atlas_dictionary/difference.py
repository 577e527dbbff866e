"""What changed from one dictionary to another: for a new version of a source, or of one's own file.

``atlas-dict diff`` prints it. Entries are the same when creator (folded), tag and mask are; what a
reader of objects acts on is compared, not the weights behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from atlas_dictionary.creator import fold
from atlas_dictionary.entry import Candidate, Entry

FIELDS = ("vr", "vm", "keyword", "name", "description", "flags", "candidates")
"""What is compared, in the order in which it is told. Of the candidates the VRs count, and the
conditions."""


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that both dictionaries have, and that differs.

    Attributes
    ----------
    before, after : Entry
    """

    before: Entry
    after: Entry

    @property
    def fields(self) -> dict[str, tuple[str, str]]:
        """Each field that differs: as it was, as it is."""
        pairs = ((f, _shown(self.before, f), _shown(self.after, f)) for f in FIELDS)
        return {field: (was, now) for field, was, now in pairs if was != now}

    def to_json(self) -> dict[str, Any]:
        """Return key and differing fields, ready for JSON."""
        key = self.after.key
        fields = {name: {"before": was, "after": now} for name, (was, now) in self.fields.items()}
        return {
            "group": key.group_text,
            "element": key.element_text,
            "creator": key.creator,
            "fields": fields,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What two dictionaries do not share.

    Attributes
    ----------
    added, removed : tuple of Entry
    changed : tuple of Change
    """

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as ``atlas-dict diff --json`` prints it."""
        return {
            "added": [entry.to_json() for entry in self.added],
            "removed": [entry.to_json() for entry in self.removed],
            "changed": [change.to_json() for change in self.changed],
        }


def compare(before: Iterable[Entry], after: Iterable[Entry]) -> Difference:
    """Return what `after` has, has not, and has otherwise than `before`.

    Examples
    --------
    >>> from atlas_dictionary import open_dictionary
    >>> compare(open_dictionary(), open_dictionary())
    Difference(added=(), removed=(), changed=())
    """
    old = {_identity(entry): entry for entry in before}
    added, changed = [], []
    for entry in after:
        was = old.pop(_identity(entry), None)
        if was is None:
            added.append(entry)
        elif Change(was, entry).fields:
            changed.append(Change(was, entry))
    return Difference(tuple(added), tuple(old.values()), tuple(changed))


def _identity(entry: Entry) -> tuple[bytes, int, int]:
    return fold((entry.creator or "").encode("utf-8")), entry.key.tag, entry.key.mask


def _shown(entry: Entry, field: str) -> str:
    if field == "flags":
        return (entry.flags.name or "").replace("|", ", ").lower()
    if field == "candidates":
        return ", ".join(sorted(map(_candidate, entry.candidates)))
    return str(getattr(entry, field))


def _candidate(candidate: Candidate) -> str:
    held = candidate.condition
    if held is None:
        return candidate.vr
    return " ".join(filter(None, (candidate.vr, held.manufacturer, held.model, held.software)))
