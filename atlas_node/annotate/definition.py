"""What the dictionary says of one private element, made ready for the walks.

`scope` keeps one `Definition` for each element of a block that it has met. Most elements have one
candidate, and most of their values are seen to fit at a glance; what is not is left to `choice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from atlas_dictionary import Condition, Entry
from atlas_node.annotate.glance import Glance, glance
from atlas_node.annotate.verify import Multiplicity, multiplicity
from atlas_node.model import ElementStatus


class Candidate(NamedTuple):
    """One VR that the dictionary holds possible, with the weight of its evidence."""

    vr: str
    weight: float


class Choice(NamedTuple):
    """The VR that an element gets, ``UN`` where it stays as it is, and why."""

    vr: str
    status: ElementStatus
    reason: str


class Equipment(NamedTuple):
    """What an object says of the device that made it; empty where it says nothing."""

    manufacturer: str
    model: str
    software: str


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One element of a private block; equal to itself alone, so that it is quick as a key.

    Attributes
    ----------
    entry : atlas_dictionary.Entry
    candidates : tuple of Candidate
        Those that hold for all equipment, heaviest first; ``UN`` is none.
    conditional : tuple
        Candidates that hold for certain equipment, each with its condition.
    vm : Multiplicity or None
    glance : Glance or None
        How to see that a value fits the leading candidate: the only one, or one strictly heavier
        than the rest. None where there is no such candidate, or no such way.
    decoded : Choice
        The choice of the leading candidate.
    sources : tuple of str
        Identifiers of the sources that the entry rests on.
    """

    entry: Entry
    candidates: tuple[Candidate, ...]
    conditional: tuple[tuple[Candidate, Condition], ...]
    vm: Multiplicity | None
    glance: Glance | None
    decoded: Choice
    sources: tuple[str, ...]

    def candidates_for(self, equipment: Equipment) -> tuple[Candidate, ...]:
        """Return the candidates for one device, heaviest first."""
        held = [c for c, condition in self.conditional if condition.holds(*equipment)]
        return _ordered([*self.candidates, *held], self.entry.vr) if held else self.candidates


def define(entry: Entry) -> Definition:
    """Make a dictionary entry ready."""
    usable = [candidate for candidate in entry.candidates if candidate.vr != "UN"]
    candidates = _ordered(
        [Candidate(c.vr, c.weight) for c in usable if c.condition is None], entry.vr
    )
    conditional = tuple(
        (Candidate(c.vr, c.weight), c.condition) for c in usable if c.condition is not None
    )
    vm = multiplicity(entry.vm) if entry.vm_sure else None
    # The heaviest candidate is the choice wherever it fits, whatever else would fit too.
    leads = len(candidates) == 1 or (len(candidates) > 1 and candidates[0][1] > candidates[1][1])
    vr = candidates[0].vr if leads and not conditional else "UN"
    return Definition(
        entry,
        candidates,
        conditional,
        vm,
        glance(vr, vm),
        Choice(vr, ElementStatus.DECODED, ""),
        tuple(dict.fromkeys(source.id for source in entry.sources)),
    )


def _ordered(candidates: list[Candidate], preferred: str) -> tuple[Candidate, ...]:
    """Return one candidate a VR, the weights added up, heaviest first."""
    weights: dict[str, float] = {}
    for vr, weight in candidates:
        weights[vr] = weights.get(vr, 0) + weight
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0] != preferred, pair[0]))
    return tuple(Candidate(*pair) for pair in ordered)
