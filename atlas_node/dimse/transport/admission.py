"""Who may have a connection while no association is granted on it, and who must make room.

Whoever reaches the port can open connections and say nothing on them. `server` asks here for each
newcomer. The rule: such connections never take the place of an association, and when there are
too many one of the address that has the most goes, so that a host crowds out itself alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

_FEWEST: Final = 16


def room_for_one_address(most_associations: int) -> int:
    """Return how many connections without an association one address may have.

    As many as there may be associations: a host that opens all of them at the same moment has so
    many before the first is granted.
    """
    return max(most_associations, _FEWEST)


def room_in_whole(most_associations: int) -> int:
    """Return how many connections without an association there may be."""
    return 2 * room_for_one_address(most_associations)


def one_to_close(newcomer: str, waiting: Sequence[str], most_associations: int) -> int | None:
    """Return which connection makes room for a newcomer; None when there is room.

    Parameters
    ----------
    newcomer : str
        Its address.
    waiting : sequence of str
        Addresses of the connections without an association, in the order in which they may go.
    most_associations : int
    """
    counts = Counter(waiting)
    if counts[newcomer] >= room_for_one_address(most_associations):
        return waiting.index(newcomer)
    if len(waiting) < room_in_whole(most_associations):
        return None
    most = max(counts.values())
    return next(number for number, it in enumerate(waiting) if counts[it] == most)
