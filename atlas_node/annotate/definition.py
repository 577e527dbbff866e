"""What the dictionary says of one private element, made ready for the walks.

`scope` keeps one `Definition` for each element of a block that it has met. Most elements have one
candidate, and most of their values are seen to fit at a glance: a length, or one pattern over the
encoded bytes. Whatever is not seen so is left to `choice` and `verify`, which give reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from atlas_dictionary import Condition, Entry
from atlas_node.annotate.verify import Multiplicity, multiplicity, sure_lengths, sure_match
from atlas_node.encoding.vr import LONG_FORM
from atlas_node.model import ElementStatus

_LONG: Final = frozenset(vr.decode() for vr in LONG_FORM)


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


@dataclass(frozen=True, slots=True)
class Definition:
    """One element of a private block.

    Attributes
    ----------
    entry : atlas_dictionary.Entry
    candidates : tuple of Candidate
        Those that hold for all equipment, heaviest first; ``UN`` is none.
    conditional : tuple
        Candidates that hold for certain equipment, each with its condition.
    vm : Multiplicity or None
    sure_lengths : frozenset of int
        A value of such a length fits the leading candidate.
    sure_match : callable or None
        A value of even length that it matches, as ``sure_match(data, start, stop)``, fits the
        leading candidate, unless it is longer than a 16-bit length can say.
    code : bytes
        The leading candidate's VR as a short header has it; empty for a long one.
    decoded : Choice
        The choice of the leading candidate: the only one, or one strictly heavier than the rest.
    """

    entry: Entry
    candidates: tuple[Candidate, ...]
    conditional: tuple[tuple[Candidate, Condition], ...]
    vm: Multiplicity | None
    sure_lengths: frozenset[int]
    sure_match: Callable[[Any, int, int], Any] | None
    code: bytes
    decoded: Choice

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
    vm = multiplicity(entry.vm)
    # The heaviest candidate is the choice wherever it fits, whatever else would fit too.
    leads = len(candidates) == 1 or (len(candidates) > 1 and candidates[0][1] > candidates[1][1])
    vr = candidates[0].vr if leads and not conditional else "UN"
    short = vr not in _LONG
    return Definition(
        entry,
        candidates,
        conditional,
        vm,
        sure_lengths=sure_lengths(vr, vm) if short else frozenset(),
        sure_match=sure_match(vr, vm) if short else None,
        code=vr.encode("ascii") if short else b"",
        decoded=Choice(vr, ElementStatus.DECODED, ""),
    )


def _ordered(candidates: list[Candidate], preferred: str) -> tuple[Candidate, ...]:
    """Return one candidate a VR, the weights added up, heaviest first."""
    weights: dict[str, float] = {}
    for vr, weight in candidates:
        weights[vr] = weights.get(vr, 0) + weight
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0] != preferred, pair[0]))
    return tuple(Candidate(*pair) for pair in ordered)
