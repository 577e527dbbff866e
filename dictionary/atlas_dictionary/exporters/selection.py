"""What is exported, and what comes out: entries chosen from a dictionary, texts of files.

Shared by the exporters. `Selection.private_elements` gives the keys that the dictionaries of other
programs have, one private element of one spelling of its creator; the rest is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Entry
from atlas_dictionary.keys import PRIVATE

UNKNOWN_VM = "1-n"
"""Value multiplicity for programs that want one where no source gives it: any number."""

_NEVER_PRIVATE = (0x0001, 0x0003, 0x0005, 0x0007, 0xFFFF)
"""Odd groups that no private element may have."""


@dataclass(frozen=True, slots=True)
class Export:
    """The outcome of an export.

    Attributes
    ----------
    files : mapping of str to str
        Text by file name; one name, the empty one, where the form is a single file.
    entries : int
        Number of entries written; one under several spellings of its creator counts each time.
    notes : tuple of str
        What was left out and why, a line each.
    """

    files: Mapping[str, str]
    entries: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Entries to export.

    Attributes
    ----------
    entries : tuple of Entry
        In the order of the dictionary.
    spellings : mapping of str to tuple of str
        Of each creator, as `Dictionary.spellings`.
    """

    entries: tuple[Entry, ...]
    spellings: Mapping[str, tuple[str, ...]]

    def private_elements(self, notes: LeftOut) -> Iterator[tuple[str, Entry]]:
        """Yield spelling of the creator and entry of every private element.

        Parameters
        ----------
        notes : LeftOut
            Is told of entries that name no private element.
        """
        for entry in self.entries:
            if entry.creator is None:
                continue
            if entry.key.names_block:
                notes.add("names a block as a whole")
                continue
            if not repeats(entry) and (not entry.group & 1 or entry.group in _NEVER_PRIVATE):
                notes.add("group that no private element may have (PS3.5 7.8)")
                continue
            for spelling in self.spellings[entry.creator]:
                yield spelling, entry


@dataclass(slots=True)
class LeftOut:
    """Counts what an export leaves out, by reason."""

    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, reason: str) -> None:
        """Count one entry."""
        self.reasons[reason] += 1

    def notes(self) -> tuple[str, ...]:
        """Return one line a reason."""
        return tuple(f"left out {count}: {reason}" for reason, count in self.reasons.items())


def select(dictionary: Dictionary, creator: str | None = None) -> Selection:
    """Return all of `dictionary`, or the private elements of `creator`, which may have ``*``."""
    return Selection(tuple(dictionary.search(creator=creator)), dictionary.spellings())


def single_vr(entry: Entry) -> str:
    """Return the VR of `entry` as two letters: ``UN`` where there is none, or several."""
    return "UN" if entry.ambiguous else entry.vr


def repeats(entry: Entry) -> bool:
    """Return whether the private `entry` is in a repeating group, such as 60xx."""
    return entry.key.mask != PRIVATE
