"""How much evidence stands behind each VR of one element, and how sure the chosen one is.

Called by `resolution`. A consumer writes a VR only where one that fits the bytes outweighs the
others that do, so the weights keep the order of trust: what the vendor was seen to write, then
what another toolkit passed on, then how many dictionaries that did not copy each other say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from atlas_dictionary.entry import Candidate, Condition, Flags, heaviest
from atlas_dictionary.multiplicity import ENOUGH_FILES
from atlas_dictionary.statements import SourceInfo, Statement

Evidence = Sequence[tuple[SourceInfo, Statement]]
"""Statements of one key: what vendors were seen to write, then the rest, by rank of the source."""

_OBSERVED, _SELDOM_OBSERVED, _PASSED_ON, _INFERRED = 0.99, 0.95, 0.90, 0.80
"""Confidence in a VR that the vendor wrote, in fewer files than 3, that a toolkit passed on, and
that no source states."""


def weigh(evidence: Evidence) -> tuple[Candidate, ...]:
    """Return every VR with its weight: those that hold everywhere first, then the heaviest.

    - Dictionaries: the sum over families of sources, each with the weight of its heaviest member.
      What a later edition of a dictionary corrected weighs nothing.
    - A VR that the vendor was seen to write weighs at least what its source says, 10 for ours,
      however many files had it: where a vendor writes two, none of them is a slip.
    - A VR in files that another toolkit wrote anew counts only where no dictionary has it, so that
      the toolkit must have read it in the vendor's file: half of that.
    - A candidate with a condition weighs as many as the files it was seen in.
    """
    by_family: dict[tuple[str, Condition | None], dict[str, int]] = defaultdict(dict)
    corrected = {info.id for info, statement in evidence if statement.vrs}
    for info, statement in evidence:
        if info.kind == "dictionary" or statement.condition is not None:
            weight = 0 if info.successor in corrected else statement.weight or info.weight
            for vr in statement.vrs:
                said = by_family[vr, statement.condition]
                family = info.family or info.id
                # A family that repeats itself counts once.
                said[family] = max(said.get(family, 0), weight)
    weights = {key: sum(said.values()) for key, said in by_family.items()}
    for vr, least in _observed(evidence, {vr for vr, held in by_family if held is None}):
        weights[vr, None] = max(weights.get((vr, None), 0), least)
    found = [Candidate(vr, weight, held) for (vr, held), weight in weights.items()]
    # The sort is stable: among equals the VR of the earliest source comes first.
    order = {vr: n for n, vr in enumerate(_vrs_in_order(evidence))}
    found.sort(key=lambda c: order[c.vr])
    return tuple(sorted(found, key=lambda c: (c.condition is not None, -c.weight)))


def choose(candidates: tuple[Candidate, ...], evidence: Evidence) -> tuple[str, ...]:
    """Return the VR of the entry; several where nothing decides, none where there is no VR.

    Between equals the first source that names just one of them decides, unless vendors were seen
    to write them all.
    """
    tied = heaviest(candidates)
    if len(tied) < 2 or vendor_files(evidence).keys() >= set(tied):
        return tied
    by_source: dict[str, set[str]] = defaultdict(set)
    for info, statement in evidence:
        by_source[info.id].update(set(statement.vrs) & set(tied))
    for named in by_source.values():
        if len(named) == 1:
            return tuple(named)
    return tied


def confidence(
    vrs: tuple[str, ...], candidates: tuple[Candidate, ...], evidence: Evidence
) -> float:
    """Return how sure the VR is, 0 to 1.

    Where the vendor wrote it: the share of the vendor's files that have it, times 0.99, or 0.95
    for fewer than 3 files. Otherwise its share of all weight, less where little stands behind it:
    one dictionary alone gives 0.90, two that are independent 0.97, three 0.99. A VR that is only
    inferred gets 0.80.
    """
    if not vrs:
        return 0.0
    seen = vendor_files(evidence)
    files = seen.get(vrs[0], 0)
    if files:
        sure = _OBSERVED if files >= ENOUGH_FILES else _SELDOM_OBSERVED
        return round(files / sum(seen.values()) * sure, 2)
    general = [c for c in candidates if c.condition is None] or list(candidates)
    behind = sum(c.weight for c in general if c.vr == vrs[0])
    share = behind / sum(c.weight for c in general)
    behind_it = [(info, statement) for info, statement in evidence if vrs[0] in statement.vrs]
    if all(Flags.INFERRED in statement.flags for _, statement in behind_it):
        return round(share * _INFERRED, 2)
    if all(info.kind != "dictionary" for info, _ in behind_it):
        return round(share * _PASSED_ON, 2)
    return round(share * (1 - 0.1 / behind**2), 2)


def vendor_files(evidence: Evidence) -> dict[str, int]:
    """Return the VRs that the vendor was seen to write, with the number of files."""
    seen: dict[str, int] = {}
    for info, statement in evidence:
        if is_vendors(info, statement) and statement.condition is None:
            for vr in statement.vrs:
                seen[vr] = seen.get(vr, 0) + statement.weight
    return seen


def is_vendors(info: SourceInfo, statement: Statement) -> bool:
    """Return whether the statement tells what a vendor was seen to write."""
    return info.kind == "observed" and Flags.OBSERVED in statement.flags


def _observed(evidence: Evidence, in_dictionaries: set[str]) -> Iterator[tuple[str, int]]:
    """Yield VRs of observations with the least that they weigh."""
    for info, statement in evidence:
        if info.kind != "observed" or statement.condition is not None:
            continue
        for vr in statement.vrs:
            if is_vendors(info, statement):
                yield vr, info.weight
            elif vr not in in_dictionaries:
                yield vr, info.weight // 2


def _vrs_in_order(evidence: Evidence) -> Iterable[str]:
    return dict.fromkeys(vr for _, statement in evidence for vr in statement.vrs)
