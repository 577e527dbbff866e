"""From the texts of a row to an element of the output, and to its line of JSON.

`scrape` calls `element` once the creator is known. Absent facts are None: a VR that the document
does not give, or leaves open, stays so, and the reasons say why.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from atlas_scraper.doubts import Doubt
from atlas_scraper.layouts.fields import Fields
from atlas_scraper.representation import read_vm, read_vr

_CERTAIN = 0.99
# Status codes such as A700, B007 and C001 (PS3.7 annex C) look like groups from here on.
_FIRST_GROUP_OF_CODES = 0xA000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: file, page (from 1), table on the page (from 1), box in points."""

    source: str
    page: int
    table: int | None
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Element:
    """One private data element of one row of a document.

    Parameters
    ----------
    group : int
        Group number.
    offset : int
        Element number within the block, 00 to FF.
    creator, vr, vm, name, description : str or None
        What the document says; None for what it does not say.
    place : Place
        Where it says it.
    doubts : tuple of Doubt
        What makes the row less than certain.
    details : tuple of str
        Problems in the words of the document, such as a VR that is none.
    """

    group: int
    offset: int
    creator: str | None
    vr: str | None
    vm: str | None
    name: str | None
    description: str | None
    place: Place
    doubts: tuple[Doubt, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, int, str | None]:
        """Group, element within the block, creator."""
        return self.group, self.offset, self.creator

    @property
    def confidence(self) -> float:
        """From 0 to 1, the product of the doubts' factors."""
        return round(_CERTAIN * prod(doubt.factor for doubt in self.doubts), 2)

    def as_dict(self) -> dict[str, Any]:
        """Give the object of the output."""
        return {
            "group": f"{self.group:04x}",
            "element": f"xx{self.offset:02x}",
            "creator": self.creator,
            "vr": self.vr,
            "vm": self.vm,
            "name": self.name,
            "description": self.description,
            "source": self.place.source,
            "page": self.place.page,
            "table": self.place.table,
            "confidence": self.confidence,
            "reasons": [doubt.reason for doubt in self.doubts] + list(self.details),
            "box": [round(edge, 1) for edge in self.place.box],
        }


def element(
    fields: Fields, creator: str | None, place: Place, doubts: Sequence[Doubt]
) -> Element | str:
    """Conclude an element from its texts; a reason instead when the number can be none."""
    tag = fields.tag
    if tag.offset is None or tag.in_no_block:
        return "an element number outside the blocks 10 to FF (PS3.5 7.8.1)"
    if tag.group >= _FIRST_GROUP_OF_CODES and creator is None and not fields.vr:
        return "a status code or another number, with neither VR nor creator beside it"
    vr, vr_problem = read_vr(fields.vr)
    vm, vm_problem = read_vm(fields.vm)
    found = {
        Doubt.NO_HEADING: not fields.headed,
        Doubt.BAD_VR: vr_problem is not None,
        Doubt.NO_VR: vr is None and vr_problem is None,
        Doubt.BAD_VM: vm_problem is not None,
        Doubt.NO_NAME: not fields.name,
        Doubt.NO_BLOCK: tag.block == 0,
        Doubt.REPAIRED_TAG: tag.repaired,
    }
    return Element(
        group=tag.group,
        offset=tag.offset,
        creator=creator,
        vr=vr,
        vm=vm,
        name=fields.name or None,
        description=fields.description or None,
        place=place,
        doubts=(*doubts, *(doubt for doubt, holds in found.items() if holds)),
        details=tuple(problem for problem in (vr_problem, vm_problem) if problem),
    )


def json_line(value: Mapping[str, Any]) -> str:
    """Give one line of JSON; control characters and lone surrogates come out escaped."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return line
