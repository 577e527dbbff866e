"""What the dictionary says of one data element: an `Entry` with the evidence it rests on.

The reader makes these from the file, the compiler from source tables; the annotation engine, the
viewer and the command line read them. All are immutable and may be shared between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from fnmatch import fnmatchcase
from typing import Any

from atlas_dictionary.keys import ElementKey


class Flags(IntFlag):
    """Properties of an entry; the values are those of the file (FORMAT.md, ENTR)."""

    RETIRED = 1 << 0
    """Retired by the standard or by the vendor."""
    INFERRED = 1 << 1
    """The VR was inferred from a layout or a neighbour, not stated by a source."""
    OBSERVED = 1 << 2
    """The VR was seen in explicit VR objects written by the vendor."""
    SAFE = 1 << 3
    """Safe to keep when de-identifying (PS3.15 table E.3.10-1)."""
    AMBIGUOUS = 1 << 4
    """No single VR: the best candidates weigh the same and no source decides."""
    DISAGREEMENT = 1 << 5
    """Sources give more than one VR."""
    TEXT_AGAINST_BINARY = 1 << 6
    """Sources disagree whether the value is text or binary."""
    SEQUENCE_AGAINST_OTHER = 1 << 7
    """Sources disagree whether the value is a sequence."""


NO_FLAGS = Flags(0)

_PUBLISHED = frozenset(
    {
        "dcmtk",
        "dicom-private-dicts",
        "dicom3tools",
        "gdcm",
        "gdcm-table",
        "posda",
        "pydicom",
        "siblings",
    }
)
"""Dictionaries of private elements that others published, by their identifiers as sources."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who says so.

    Attributes
    ----------
    id : str
        Identifier of the source table, such as ``pydicom``.
    detail : str
        Where in the source, such as a page; or empty.
    stated : str
        The VR as this source gives it: one, several joined with ``" or "``, or ``UN``.
    """

    id: str
    detail: str = ""
    stated: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """For which equipment a candidate holds: shell patterns, compared without case.

    Attributes
    ----------
    manufacturer : str
        Pattern for (0008,0070) Manufacturer; empty matches everything, as below.
    model : str
        Pattern for (0008,1090) Manufacturer's Model Name.
    software : str
        Pattern for (0018,1020) Software Versions.
    """

    manufacturer: str = ""
    model: str = ""
    software: str = ""

    def holds(self, manufacturer: str, model: str, software: str) -> bool:
        """Return whether an object of this equipment meets every pattern that is given."""
        pairs = (
            (self.manufacturer, manufacturer),
            (self.model, model),
            (self.software, software),
        )
        return all(
            not pattern or fnmatchcase(value.casefold(), pattern.casefold())
            for pattern, value in pairs
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One VR that sources give, with the weight of those that give it.

    Attributes
    ----------
    vr : str
        Two letters; never ``UN``.
    weight : int
        Sum of the weights of the sources that give it (docs/dictionary.md).
    condition : Condition or None
        For which equipment it holds; None: for all.
    """

    vr: str
    weight: int
    condition: Condition | None = None


def heaviest(candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
    """Return the VRs of the candidates of the greatest weight: several where the weights tie.

    Candidates that hold for some equipment only are left out, unless there are no others.
    """
    general = [c for c in candidates if c.condition is None] or list(candidates)
    top = max((c.weight for c in general), default=0)
    return tuple(dict.fromkeys(c.vr for c in general if c.weight == top))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the dictionary knows of one element.

    Attributes
    ----------
    key : ElementKey
        What it describes: creator, group and element.
    vr : str
        The VR that was chosen. ``UN`` where no source gives a usable one. Where `ambiguous`, the
        VRs that weigh the same, joined as in PS3.6: ``US or SS``.
    vm : str
        Value multiplicity as in PS3.6, such as ``1-n``; empty where unknown.
    keyword, name, description : str
    candidates : tuple of Candidate
        Every VR that a source gives, heaviest first.
    sources : tuple of Source
    confidence : float
        That `vr` is right, 0 to 1; 0 where it is ``UN``.
    flags : Flags
    """

    key: ElementKey
    vr: str
    vm: str
    keyword: str
    name: str
    description: str
    candidates: tuple[Candidate, ...]
    sources: tuple[Source, ...]
    confidence: float
    flags: Flags

    @property
    def creator(self) -> str | None:
        """Private creator as the dictionary spells it; None for a public element."""
        return self.key.creator

    @property
    def group(self) -> int:
        """Group number; its free digits are 0 in a repeating group."""
        return self.key.tag >> 16

    @property
    def element(self) -> int:
        """Offset in the block, 0 to 255, of a private element; element number of a public one."""
        return self.key.tag & 0xFFFF

    @property
    def retired(self) -> bool:
        """Whether the standard or the vendor retired it."""
        return bool(self.flags & Flags.RETIRED)

    @property
    def ambiguous(self) -> bool:
        """Whether no single VR is chosen: look at `candidates` and at the value."""
        return bool(self.flags & Flags.AMBIGUOUS)

    @property
    def vm_sure(self) -> bool:
        """Whether a value that contradicts `vm` is wrong, rather than `vm`.

        Where published dictionaries agree that an element has several values, a fixed number of
        them, 23 of 73 were seen with another number; where they agree on one value, 1 of 1,025.
        What was counted in vendors' files, and what a user's own dictionary says, is sure.
        """
        if self.vm == "1" or self.flags & Flags.OBSERVED:
            return True
        return not any(source.id in _PUBLISHED for source in self.sources)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as ``atlas-dict lookup --json`` prints it."""
        return {
            "group": self.key.group_text,
            "element": self.key.element_text,
            "creator": self.creator,
            "vr": self.vr,
            "vm": self.vm,
            "keyword": self.keyword,
            "name": self.name,
            "description": self.description,
            "sources": [{"id": s.id, "detail": s.detail, "stated": s.stated} for s in self.sources],
            "candidates": [_candidate_json(c) for c in self.candidates],
            "confidence": self.confidence,
            "retired": self.retired,
            "flags": [f.name.lower() for f in self.flags if f.name],
        }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    record: dict[str, Any] = {"vr": candidate.vr, "weight": candidate.weight}
    if candidate.condition is not None:
        condition = candidate.condition
        fields = ("manufacturer", "model", "software")
        record["condition"] = {f: getattr(condition, f) for f in fields if getattr(condition, f)}
    return record
