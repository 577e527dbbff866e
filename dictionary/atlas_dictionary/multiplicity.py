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
        if _allows(stated, least) and most is not None and _allows(stated, most):
            return stated
        low, high = _bounds(stated)
        least = min(least, low)
        most = None if high is None or most is None else max(most, high)
    if files < ENOUGH_FILES or most is None or most - least > _NARROW:
        return "1-n"
    return str(least) if least == most else f"{least}-{most}"


def _bounds(vm: str) -> tuple[int, int | None]:
    """Return least and greatest number of values; None where there is no greatest."""
    first, _, last = vm.partition("-")
    return int(first), None if last.endswith("n") else int(last or first)


def _allows(vm: str, count: int) -> bool:
    low, high = _bounds(vm)
    step = int(vm.partition("-")[2][:-1] or 1) if high is None else 1
    return count >= low and (high is None or count <= high) and (count - low) % step == 0
