"""From statements to entries: all sources merged, a VR chosen by stated rules.

Called by `compiler`. For every key, each VR that a source gives becomes a candidate that weighs as
much as the evidence for it (`weighing`); nothing that a source says is dropped. The VR of the entry
is the heaviest candidate; where none is, and no source decides, the entry is ambiguous. `UN` is no
usable VR and never a candidate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from atlas_dictionary.creator import fold
from atlas_dictionary.entry import NO_FLAGS, Entry, Flags, Source
from atlas_dictionary.keys import ElementKey, sort_key
from atlas_dictionary.keywords import clean_name, derive_keyword, valid_keyword
from atlas_dictionary.multiplicity import ENOUGH_FILES, either, fits, widen
from atlas_dictionary.statements import TEXT_VRS, WHOLE_VRS, SourceInfo, SourceTable, Statement
from atlas_dictionary.weighing import Evidence, choose, confidence, is_vendors, weigh


@dataclass(frozen=True, slots=True)
class Resolved:
    """Entries of several sources as one dictionary.

    Attributes
    ----------
    entries : tuple of Entry
        Private ones by creator, group and offset, then public ones by tag.
    spellings : dict of str to tuple of str
        Every spelling of each creator that the sources use.
    sources : tuple of SourceInfo
        In their order.
    merged : int
        Statements that joined an entry which the same source had already described.
    """

    entries: tuple[Entry, ...]
    spellings: dict[str, tuple[str, ...]]
    sources: tuple[SourceInfo, ...]
    merged: int


def resolve(tables: Iterable[SourceTable]) -> Resolved:
    """Merge the statements of `tables`, the earlier of which win where weights tie.

    Creators that differ only in case or spacing become one (`atlas_dictionary.creator.fold`); it
    is spelled as most statements do, all spellings are kept.
    """
    tables = tuple(tables)
    names = _common_names(tables)
    evidence: dict[ElementKey, list[tuple[SourceInfo, Statement]]] = defaultdict(list)
    for table in tables:
        for statement in table.statements:
            key = statement.key
            if key.creator is not None:
                key = ElementKey(names[key.creator], key.tag, key.mask)
            evidence[key].append((table.info, statement))
    for said in evidence.values():
        said.sort(key=lambda pair: not is_vendors(*pair))
    entries = tuple(_entry(key, evidence[key]) for key in sorted(evidence, key=sort_key))
    spellings: dict[str, list[str]] = defaultdict(list)
    for spelling in sorted(names):
        spellings[names[spelling]].append(spelling)
    merged = sum(len(said) - len({info.id for info, _ in said}) for said in evidence.values())
    return Resolved(
        entries=entries,
        spellings={name: tuple(spellings[name]) for name in sorted(spellings)},
        sources=tuple(table.info for table in tables),
        merged=merged,
    )


def _common_names(tables: Sequence[SourceTable]) -> dict[str, str]:
    """Return for each spelling of a creator the one that stands for all that fold alike."""
    counts = Counter(
        s.key.creator for table in tables for s in table.statements if s.key.creator is not None
    )
    alike: dict[bytes, list[str]] = defaultdict(list)
    for spelling in counts:
        alike[fold(spelling.encode("utf-8"))].append(spelling)
    common = {}
    for spellings in alike.values():
        chosen = min(spellings, key=lambda s: (-counts[s], s))
        common.update(dict.fromkeys(spellings, chosen))
    return common


def _entry(key: ElementKey, evidence: Evidence) -> Entry:
    candidates = weigh(evidence)
    vrs = choose(candidates, evidence)
    flags = NO_FLAGS
    for _, statement in evidence:
        flags |= statement.flags
    flags |= _disagreement(evidence)
    if len(vrs) > 1:
        flags |= Flags.AMBIGUOUS
    name, keyword = _naming(evidence)
    return Entry(
        key=key,
        vr=" or ".join(vrs) or "UN",
        vm=_multiplicity(vrs, evidence),
        keyword=keyword,
        name=name,
        description=next((s.description for _, s in evidence if s.description), ""),
        candidates=candidates,
        sources=_sources(evidence),
        confidence=confidence(vrs, candidates, evidence),
        flags=flags,
    )


def _sources(evidence: Evidence) -> tuple[Source, ...]:
    """Return who says what: a source once for each VR that it states, with all its places."""
    details: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for info, statement in evidence:
        details[info.id, statement.stated_vr][statement.detail] = None
    return tuple(
        Source(name, "; ".join(filter(None, places)), stated)
        for (name, stated), places in details.items()
    )


def _naming(evidence: Evidence) -> tuple[str, str]:
    """Return name and keyword, of the first source that has a name which says something."""
    for _, statement in evidence:
        name = clean_name(statement.name)
        if name:
            return name, valid_keyword(statement.keyword) or derive_keyword(name)
    keyword = next(filter(None, (valid_keyword(s.keyword) for _, s in evidence)), "")
    return keyword, keyword


def _multiplicity(vrs: tuple[str, ...], evidence: Evidence) -> str:
    """Return the VM that dictionaries state, widened to the values that were seen.

    Asked are those that give the VR, then any. Of several that differ the first is right that
    allows what was seen in enough files, otherwise each is: they counted different objects. A
    sequence has the VM 1, however many items a source counts; another value that cannot be one of
    several (PS3.5 6.4) has it unless a dictionary says otherwise.
    """
    if vrs == ("SQ",):
        return "1"
    stated = [s for info, s in evidence if s.vm and info.kind == "dictionary"]
    vms = [s.vm for s in stated if set(s.vrs) & set(vrs)] or [s.vm for s in stated]
    if vrs and WHOLE_VRS.issuperset(vrs):
        return reduce(either, vms, "") or "1"
    files: dict[str, int] = {}
    for info, said in evidence:
        if info.kind == "observed" and said.condition is None and set(said.vrs) & set(vrs):
            files[said.vm] = files.get(said.vm, 0) + said.weight
    seen = [numbers for numbers in files if numbers]
    vm = ""
    if sum(files[numbers] for numbers in seen) >= ENOUGH_FILES:
        vm = next((vm for vm in vms if all(fits(vm, numbers) for numbers in seen)), "")
    vm = vm or reduce(either, vms, "")
    for numbers in seen:
        vm = widen(vm, numbers, files[numbers])
    return vm


def _disagreement(evidence: Evidence) -> Flags:
    """Return the flags that tell in what the sources contradict each other.

    A source that leaves a choice (``US or SS``) contradicts only who names a third VR.
    """
    stated = [frozenset(s.vrs) for _, s in evidence if s.vrs]
    if not stated or frozenset.intersection(*stated):
        return NO_FLAGS
    vrs = frozenset.union(*stated)
    flags = Flags.DISAGREEMENT
    if vrs & TEXT_VRS and vrs - TEXT_VRS - {"SQ"}:
        flags |= Flags.TEXT_AGAINST_BINARY
    if "SQ" in vrs:
        flags |= Flags.SEQUENCE_AGAINST_OTHER
    return flags
