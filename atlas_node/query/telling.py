"""How values of the index are told: in which order, and in which VR where they have several.

`AttributeIndex` makes a `Told` of the rows that it finds for an attribute of an entity; the answer
to a query and the indexing of an object with several of them use the same rule for the VR.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from atlas_node.query.matching import NUMERIC

_LONGEST_LO: Final = 64


class Told(NamedTuple):
    """The values that an entity has for an attribute.

    Attributes
    ----------
    vr : str
        Empty where there are no values.
    values : list of str
    is_whole : bool
        Whether these are all; else there are more, which are too long or too many to be told.
    """

    vr: str
    values: list[str]
    is_whole: bool = True


NOTHING: Final = Told("", [])


class Row(NamedTuple):
    """A value as the index has it; without a VR it stands for one that is not kept."""

    key_id: int
    vr: str
    text: str
    number: float | None


def told(rows: Iterable[Row], *, in_order: bool, is_whole: bool = True) -> Told:
    """Return values as they come, or each once, in ascending order.

    Parameters
    ----------
    rows : iterable of Row
        Of one attribute.
    in_order : bool
        Whether they come in the order of the attribute and have its repeats.
    is_whole : bool
        Whether these are all rows.
    """
    rows = list(rows)
    kept = [row for row in rows if row.vr]
    is_whole = is_whole and len(kept) == len(rows)
    if not kept:
        return Told("", [], is_whole)
    vr = common_vr({row.vr for row in kept}, (row.text for row in kept))
    return Told(vr, [row.text for row in kept] if in_order else _each_once(vr, kept), is_whole)


def _each_once(vr: str, rows: Sequence[Row]) -> list[str]:
    """Return values in ascending order, numbers as numbers, without those that are equal."""
    ordered = sorted(rows, key=_order)
    if vr in NUMERIC:
        different = {row.text if row.number is None else row.number: row for row in ordered}
        return [row.text for row in different.values()]
    return list(dict.fromkeys(row.text for row in ordered))


def common_vr(vrs: Collection[str], texts: Iterable[str]) -> str:
    """Return a VR for values that have several: implementations differ in it.

    Parameters
    ----------
    vrs : collection of str
        At least one.
    texts : iterable of str
        The values.
    """
    if len(vrs) == 1:
        return next(iter(vrs))
    if all(vr in NUMERIC for vr in vrs):
        return next((vr for vr in ("DS", "FD", "FL") if vr in vrs), "IS" if "IS" in vrs else "SV")
    return "LO" if all(len(text) <= _LONGEST_LO for text in texts) else "UC"


def _order(row: Row) -> tuple[float, str]:
    """Sort values as numbers where they are numbers, as text otherwise."""
    return math.inf if row.number is None else row.number, row.text
