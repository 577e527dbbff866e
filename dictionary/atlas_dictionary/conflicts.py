"""What the sources of a dictionary disagree on: elements to which they give different VRs.

Called by ``atlas-dict conflicts``, and by whoever looks for elements that need better evidence. It
reads what `resolution` kept: every VR with its weight, and every source with the VR it states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Entry, Flags

_KINDS = {
    Flags.SEQUENCE_AGAINST_OTHER: "sequence against other",
    Flags.TEXT_AGAINST_BINARY: "text against binary",
}
SAME_KIND = "same kind"
"""Kind of a conflict between text and text, or between binary and binary."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An element on whose VR the sources disagree.

    Attributes
    ----------
    entry : Entry
        With the VR that was chosen, all candidates and all sources.
    kind : str
        The gravest that holds: ``sequence against other``, ``text against binary`` or
        ``same kind``.
    """

    entry: Entry
    kind: str

    @property
    def stated(self) -> dict[str, tuple[str, ...]]:
        """Each VR as stated, ``UN`` left out, with the ids of the sources that state it."""
        said: dict[str, dict[str, None]] = {}
        for source in self.entry.sources:
            if source.stated != "UN":
                said.setdefault(source.stated, {})[source.id] = None
        return {vr: tuple(ids) for vr, ids in said.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the conflict as ``atlas-dict conflicts --json`` prints it."""
        record = self.entry.to_json()
        return {
            "group": record["group"],
            "element": record["element"],
            "creator": record["creator"],
            "name": record["name"],
            "kind": self.kind,
            "vr": record["vr"],
            "ambiguous": self.entry.ambiguous,
            "confidence": record["confidence"],
            "candidates": record["candidates"],
            "stated": {vr: list(ids) for vr, ids in self.stated.items()},
        }


def conflicts(dictionary: Dictionary) -> Iterator[Conflict]:
    """Yield the elements of `dictionary` on whose VR its sources disagree, in their order."""
    for entry in dictionary:
        if Flags.DISAGREEMENT in entry.flags:
            kinds = (kind for flag, kind in _KINDS.items() if flag in entry.flags)
            yield Conflict(entry, next(kinds, SAME_KIND))
