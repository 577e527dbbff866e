"""Elements of private creators that lay out their blocks as another creator does.

A vendor that renames itself, or numbers its creators anew, often keeps the layout: what Toshiba
wrote as ``TOSHIBA_MEC_MR3^10`` Canon writes as ``CANON_MEC_MR3^10``. Where two creators give many
elements the same VR, what one has and the other lacks is inferred, and marked so. Used by
``make_sources.py``, which keeps the result as a table of its own; nothing is inferred where a
source states a VR.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from atlas_dictionary.entry import Entry, Flags
from atlas_dictionary.keys import ElementKey
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import SourceInfo, SourceTable, Statement

ENOUGH_SHARED: Final = 20
"""From so many elements on that two creators share, these tell whether their layout is the same."""
ENOUGH_VRS: Final = 4
"""They have so many VRs: a list of which all is CS agrees with any other such list."""
_MOST_DIFFERING: Final = 0.01

Layout = dict[tuple[int, int], Entry]
"""The elements of a creator that have one VR, by tag and mask."""


def infer(tables: Iterable[SourceTable], info: SourceInfo) -> SourceTable:
    """Return what is inferred from `tables`, as the table of the source `info`.

    Where siblings of a creator give an element different VRs nothing is inferred.
    """
    layouts: dict[str, Layout] = defaultdict(dict)
    stated: set[ElementKey] = set()
    for entry in resolve(tables).entries:
        if entry.creator is None or entry.key.names_block or not entry.candidates:
            continue
        stated.add(entry.key)
        if not entry.ambiguous:
            layouts[entry.creator][entry.key.tag, entry.key.mask] = entry
    found: dict[ElementKey, list[Entry]] = defaultdict(list)
    for creator, sibling in _alike(layouts):
        for (tag, mask), entry in layouts[sibling].items():
            key = ElementKey(creator, tag, mask)
            if key not in stated:
                found[key].append(entry)
    statements = tuple(
        _statement(key, entries)
        for key, entries in found.items()
        if len({entry.vr for entry in entries}) == 1
    )
    return SourceTable(info, statements)


def _alike(layouts: dict[str, Layout]) -> Iterable[tuple[str, str]]:
    """Yield every creator with each of its siblings."""
    large = sorted(creator for creator, layout in layouts.items() if len(layout) >= ENOUGH_SHARED)
    for one, other in combinations(large, 2):
        shared = [
            (entry.vr, layouts[other][place].vr)
            for place, entry in layouts[one].items()
            if place in layouts[other]
        ]
        differing = sum(vr != other_vr for vr, other_vr in shared)
        if (
            len(shared) >= ENOUGH_SHARED
            and len({vr for vr, _ in shared}) >= ENOUGH_VRS
            and differing <= _MOST_DIFFERING * len(shared)
        ):
            yield one, other
            yield other, one


def _statement(key: ElementKey, entries: list[Entry]) -> Statement:
    first = entries[0]
    return Statement(
        key=key,
        vrs=(first.vr,),
        vm=first.vm,
        keyword=first.keyword,
        name=first.name,
        flags=Flags.INFERRED,
        detail="as " + ", ".join(str(entry.creator) for entry in entries),
    )
