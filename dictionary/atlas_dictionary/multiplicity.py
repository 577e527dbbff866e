"""Value multiplicity (PS3.6) of an entry: what a dictionary says, widened to what vendors wrote.

Called by `resolution`. A consumer refuses a value whose number of values contradicts the VM, so a
VM that is too narrow costs real values; dictionaries often say 1 for what they saw once.
"""

from __future__ import annotations

ENOUGH_FILES = 3
"""From so many files on, the numbers of values seen in them are taken for all that there are."""
_NARROW = 3
"""A range of at most so many more values than its least stays a range; a wider one is open."""


def widen(stated: str, seen: str, files: int) -> str:
    """Return the narrowest VM of PS3.6 that allows what is stated and what was seen.

    Parameters
    ----------
    stated : str
        VM that a dictionary gives; empty where none does.
    seen : str
        Least and greatest number of values in files that the vendor wrote, ``1`` or ``3-35``;
        empty where there were none. An element without a value does not count.
    files : int
        How many such files; fewer than 3 that contradict a dictionary, or have no word of one
        beside them, make the VM ``1-n``.

    Examples
    --------
    >>> widen("1", "3-35", 70), widen("4", "1", 8), widen("", "3", 8), widen("3-3n", "3-9", 8)
    ('1-n', '1-4', '3', '3-3n')
    >>> widen("1", "2", 1), widen("1", "", 0)
    ('1-n', '1')
    """
    if not seen:
        return stated
    least, most = _bounds(seen)
    if stated:
        if most is not None and fits(stated, seen):
            return stated
        low, high = _bounds(stated)
        least = min(least, low)
        most = None if high is None or most is None else max(most, high)
    if files < ENOUGH_FILES or most is None or most - least > _NARROW:
        return "1-n"
    return str(least) if least == most else f"{least}-{most}"


def either(one: str, other: str) -> str:
    """Return the narrowest VM of PS3.6 that allows what two dictionaries state.

    Where they differ, each has counted the values of its own objects.

    Examples
    --------
    >>> either("1", "2"), either("3", "3-3n"), either("6", "1"), either("", "2")
    ('1-2', '3-3n', '1-n', '2')
    """
    if not one or not other or one == other:
        return one or other
    for wider, narrower in ((one, other), (other, one)):
        if _covers(wider, narrower):
            return wider
    (low, high), (other_low, other_high) = _bounds(one), _bounds(other)
    if high is None or other_high is None:
        return "1-n"
    low, high = min(low, other_low), max(high, other_high)
    return f"{low}-{high}" if high - low <= _NARROW else "1-n"


def fits(vm: str, seen: str) -> bool:
    """Return whether a VM allows the numbers of values that were seen, ``3`` or ``3-35``."""
    low, high = _bounds(seen)
    return _allows(vm, low) and (high is None or _allows(vm, high))


def _covers(vm: str, other: str) -> bool:
    """Return whether `vm` allows whatever `other` does."""
    (_, high), (low, most) = _bounds(vm), _bounds(other)
    if most is None:
        return high is None and _allows(vm, low) and _step(other) % _step(vm) == 0
    return _allows(vm, low) and _allows(vm, most) and (low == most or _step(vm) == 1)


def _step(vm: str) -> int:
    """Return by how much the number of values grows where there is no greatest."""
    last = vm.partition("-")[2]
    return int(last[:-1] or 1) if last.endswith("n") else 1


def _bounds(vm: str) -> tuple[int, int | None]:
    """Return least and greatest number of values; None where there is no greatest."""
    first, _, last = vm.partition("-")
    return int(first), None if last.endswith("n") else int(last or first)


def _allows(vm: str, count: int) -> bool:
    low, high = _bounds(vm)
    return count >= low and (high is None or count <= high) and (count - low) % _step(vm) == 0
