"""What a courier remembers of the objects that a destination has not taken yet.

Order is kept within a series: when an object fails, those of its series that arrived later wait
until it is sent or dead, and all other series go on. An object that is itself at fault holds up
nothing: the order is that of the objects that can be stored. Where an object may be at fault and
fails again and again, the next of its series shows it: the series goes on when that one is stored.

The rule has an end: where an object is dead that held up its series, the order of the series is
lost anyway, and its other objects no longer wait for each other, or they would fail one after the
other for weeks.

An object to which the destination gave no answer may be at fault, or the destination is. Until it
answers for an object the two cannot be told apart: what has failed goes after all others then,
so that an object that is bad cannot be the one that is tried again and again in their place.

Nothing of this is kept on disk: after a start everything is due in its order of arrival.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final

_MOST_SERIES: Final = 4096


class Fault(Enum):
    """What a failure says of who is at fault.

    Attributes
    ----------
    OBJECT
        The object, and no other.
    UNCLEAR
        The object perhaps: it is refused without a word of why, or the destination stores others.
    DESTINATION
        The destination, as far as can be told.
    """

    OBJECT = "object"
    UNCLEAR = "unclear"
    DESTINATION = "destination"


class Setbacks:
    """The objects that failed at one destination, and the series that wait for them."""

    def __init__(self) -> None:
        self._stored = 0
        # For each object that failed: its series, and how many objects were stored by then.
        self._failed: dict[str, tuple[str, int]] = {}
        self._first: dict[str, set[str]] = {}
        self._doubted: set[str] = set()
        self._out_of_order: dict[str, None] = {}
        self._unanswered: set[str] = set()

    def ahead_of(self, object_id: str, series: str) -> str | None:
        """Return the object that must be sent before `object_id`; None when it may go."""
        failed = self._first.get(series, ())
        first = min(failed, default=object_id)
        if first >= object_id:
            return None
        return None if len(failed) == 1 and first in self._doubted else first

    def failed(self, object_id: str, series: str, *, doubted: bool = False) -> None:
        """Note that an object will be tried again.

        Parameters
        ----------
        object_id : str
        series : str
            Those of it that arrived later wait; an empty one holds up no other object.
        doubted : bool
            Let the series wait only while another of its objects fails as well.
        """
        self._forget(object_id)
        self._failed[object_id] = (series, self._stored)
        if series and series not in self._out_of_order:
            self._first.setdefault(series, set()).add(object_id)
            if doubted:
                self._doubted.add(object_id)

    def unanswered(self, object_id: str) -> bool:
        """Note that the destination broke down over an object.

        Returns
        -------
        bool
            Whether it did so over another one, too, since it answered last: the destination is at
            fault then, as far as can be told.
        """
        self._unanswered.add(object_id)
        return len(self._unanswered) > 1

    def answered(self) -> None:
        """Note that the destination answered for an object: it is well."""
        self._unanswered.clear()

    def last(self) -> Collection[str]:
        """Return the objects that are to be tried after all others; none while it answers."""
        return self._failed.keys() if self._unanswered else ()

    def give_up_order(self, series: str) -> None:
        """Let the objects of a series pass each other from now on."""
        self._first.pop(series, None)
        if series:
            self._out_of_order[series] = None
            if len(self._out_of_order) > _MOST_SERIES:
                del self._out_of_order[next(iter(self._out_of_order))]

    def ended(self, object_id: str, *, stored: bool = False) -> None:
        """Forget an object: it is sent, dead, or gone."""
        self._stored += stored
        self._forget(object_id)

    def _forget(self, object_id: str) -> None:
        self._doubted.discard(object_id)
        series, _ = self._failed.pop(object_id, ("", 0))
        waiting = self._first.get(series)
        if waiting is not None:
            waiting.discard(object_id)
            if not waiting:
                del self._first[series]

    def others_stored(self, object_id: str) -> bool:
        """Whether the destination has stored another object since this one failed last."""
        _, stored = self._failed.get(object_id, ("", self._stored))
        return self._stored > stored
