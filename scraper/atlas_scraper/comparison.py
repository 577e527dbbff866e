"""What documents say against what the dictionary has: new, agreeing, disagreeing.

`atlas-scrape compare` and the review page call `compare`. Evidence that the dictionary took from
the same documents does not count, or a statement would confirm itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from atlas_dictionary import Dictionary, Entry, Source
from atlas_dictionary.statements import parse_vr


class Standing(StrEnum):
    """How an element of the documents stands to the dictionary."""

    DISAGREEING = "disagreeing"
    """Both give a VR, and it is not the same."""
    COMPLETING = "completing"
    """The dictionary has the element without a VR."""
    NEW = "new"
    """The dictionary has no such element."""
    SILENT = "silent"
    """The dictionary has the element, the documents give no VR, or contradict each other."""
    UNOWNED = "without creator"
    """No document names the private creator: it cannot be compared, nor imported."""
    AGREEING = "agreeing"
    """Both give the same VR."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An element against the dictionary.

    Parameters
    ----------
    standing : Standing
    entry : Entry or None
        What the dictionary has, from these documents or others.
    witnesses : tuple of Source
        Who says so there, without these documents.
    differences : tuple of str
        VR and VM that differ, in words.
    """

    standing: Standing
    entry: Entry | None = None
    witnesses: tuple[Source, ...] = ()
    differences: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give the object of the report."""
        entry = self.entry
        return {
            "standing": self.standing.value,
            "differences": list(self.differences),
            "dictionary": None
            if entry is None
            else {
                "vr": entry.vr,
                "vm": entry.vm,
                "name": entry.name,
                "confidence": entry.confidence,
                "sources": [{"id": s.id, "stated": s.stated} for s in self.witnesses],
            },
        }


def compare(
    dictionary: Dictionary,
    element: tuple[str | None, int, int],
    vr: str | None,
    vm: str | None,
    documents: Collection[str],
) -> Comparison:
    """Compare one element with the dictionary.

    Parameters
    ----------
    dictionary : Dictionary
    element : tuple
        Private creator, group and offset.
    vr, vm : str or None
        What the documents give.
    documents : collection of str
        Their names, as the dictionary's details have them.
    """
    creator, group, offset = element
    if creator is None:
        return Comparison(Standing.UNOWNED)
    entry = dictionary.private(creator, group, offset)
    if entry is None:
        return Comparison(Standing.NEW)
    witnesses = tuple(source for source in entry.sources if not _is_from(source, documents))
    if not witnesses:
        return Comparison(Standing.NEW, entry)
    stated = {name for source in witnesses for name in parse_vr(source.stated)}
    differences = []
    if vr is None:
        standing = Standing.SILENT
    elif not stated:
        standing = Standing.COMPLETING
    elif vr in stated and vr in entry.vr.split(" or "):
        standing = Standing.AGREEING
    else:
        standing = Standing.DISAGREEING
        differences.append(f"VR {vr} here, {_said(witnesses)} there")
    if vm and entry.vm and vm != entry.vm:
        differences.append(f"VM {vm} here, {entry.vm} there")
    return Comparison(standing, entry, witnesses, tuple(differences))


def _is_from(source: Source, documents: Collection[str]) -> bool:
    """Whether every place that a source names is in these documents."""
    places = [place for place in source.detail.split("; ") if place]
    return bool(places) and all(
        any(place == name or place.startswith(f"{name} p. ") for name in documents)
        for place in places
    )


def _said(witnesses: tuple[Source, ...]) -> str:
    by_vr: dict[str, list[str]] = {}
    for source in witnesses:
        if source.stated != "UN":
            by_vr.setdefault(source.stated, []).append(source.id)
    return ", ".join(f"{vr} ({', '.join(ids)})" for vr, ids in by_vr.items())
