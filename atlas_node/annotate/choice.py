"""Which of the dictionary's candidates becomes the VR of a `UN` element, and why none does.

Both walks ask it once for each element. The law it keeps: bytes and dictionary must agree. The
candidates that the bytes fit are left; among several the evidence must be clear, or the element is
ambiguous and stays `UN`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from atlas_node.annotate.definition import Choice, Definition, Equipment
from atlas_node.model import ElementStatus

_NO_ENTRY: Final = Choice("UN", ElementStatus.UNKNOWN, "the dictionary has no entry for it")
_NO_VR: Final = Choice("UN", ElementStatus.UNKNOWN, "the dictionary names it without a VR")


def settled(definition: Definition | None) -> Choice | None:
    """Return the choice that no value can change; None where the value has a say."""
    if definition is None:
        return _NO_ENTRY
    return None if definition.candidates or definition.conditional else _NO_VR


def choose(
    definition: Definition | None,
    remark: str,
    equipment: Callable[[], Equipment],
    misfit_of: Callable[[str], str],
) -> Choice:
    """Choose the VR of one element.

    Parameters
    ----------
    definition : Definition or None
        None when the dictionary has no entry, or no block is reserved.
    remark : str
        What the search for the block had to say; it ends up in the record.
    equipment : callable
        Returns the device, for evidence that depends on it.
    misfit_of : callable
        Says why the bytes do not fit a VR; empty when they do.
    """
    if definition is None:
        return Choice("UN", ElementStatus.UNKNOWN, remark) if remark else _NO_ENTRY
    candidates = definition.candidates
    if definition.conditional:
        candidates = definition.candidates_for(equipment())
    if not candidates:
        return _NO_VR
    reasons = {candidate.vr: misfit_of(candidate.vr) for candidate in candidates}
    fitting = [candidate for candidate in candidates if not reasons[candidate.vr]]
    if not fitting:
        why = "; ".join(f"not {vr}: {reason}" for vr, reason in reasons.items())
        return Choice("UN", ElementStatus.REFUSED, why)
    if len(fitting) > 1 and fitting[0].weight <= fitting[1].weight:
        names = " and ".join(candidate.vr for candidate in fitting)
        return Choice(
            "UN", ElementStatus.AMBIGUOUS, f"the value fits {names}, the sources disagree"
        )
    return Choice(fitting[0].vr, ElementStatus.DECODED, remark)


def undefined_length_misfit(vr: str) -> str:
    """Say why `vr` does not fit a `UN` element of undefined length (PS3.5 6.2.2, CP-246)."""
    return "" if vr == "SQ" else "its undefined length makes it a sequence"
