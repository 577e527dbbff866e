"""What the dictionary says of one private element, made ready for the walks.

`scope` keeps one `Definition` for each element of a block that it has met. Most elements have one
candidate, and most of their values are seen to fit at a glance: a length, or one pattern over the
encoded bytes. Whatever is not seen so is left to `choice` and `verify`, which give reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from atlas_dictionary import Entry
from atlas_node.annotate.verify import Multiplicity, fixed_length, multiplicity, sure_match
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


@dataclass(frozen=True, slots=True)
class Definition:
    """One element of a private block.

    Attributes
    ----------
    entry : atlas_dictionary.Entry
    candidates : tuple of Candidate
        Heaviest first; ``UN`` is none.
    vm : Multiplicity or None
    sure_length : int
        A value of this length fits the only candidate; -1: none is sure by its length.
    sure_match : callable or None
        A value of even length that it matches, as ``sure_match(data, start, stop)``, fits the
        only candidate; the pattern knows no value longer than a 16-bit length can say.
    code : bytes
        The only candidate's VR as a short header has it; empty for a long one.
    decoded : Choice
        The choice of the only candidate.
    """

    entry: Entry
    candidates: tuple[Candidate, ...]
    vm: Multiplicity | None
    sure_length: int
    sure_match: Callable[[Any, int, int], Any] | None
    code: bytes
    decoded: Choice


def define(entry: Entry) -> Definition:
    """Make a dictionary entry ready."""
    weights: dict[str, float] = {}
    for candidate in entry.candidates:
        # A candidate for certain equipment alone says nothing of all the rest.
        if candidate.vr != "UN" and candidate.condition is None:
            weights[candidate.vr] = weights.get(candidate.vr, 0) + candidate.weight
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0] != entry.vr, pair[0]))
    candidates = tuple(Candidate(*pair) for pair in ordered)
    vm = multiplicity(entry.vm)
    vr = candidates[0].vr if len(candidates) == 1 else "UN"
    short = vr not in _LONG
    return Definition(
        entry,
        candidates,
        vm,
        sure_length=fixed_length(vr, vm) if short else -1,
        sure_match=sure_match(vr, vm) if short else None,
        code=vr.encode("ascii") if short else b"",
        decoded=Choice(vr, ElementStatus.DECODED, ""),
    )
