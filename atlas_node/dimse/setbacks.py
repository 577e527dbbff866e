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
from dataclasses import dataclass
from enum import Enum
from typing import Final

_MOST_SERIES: Final = 4096
# Failures of an object that may be at fault, until the next of its series is tried.
_DOUBTED_AFTER: Final = 3


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


@dataclass(frozen=True, slots=True)
class _Setback:
    """What is known of an object that failed.

    Attributes
    ----------
    series : str
        Empty where it holds up no other object.
    stored : int
        How many objects the destination had stored by then.
    failures : int
        How often it failed, for whatever reason.
    unclear : int
        How often it may have been at fault.
    doubted : bool
        Whether its series waits for it only while another object of it fails as well.
    """

    series: str = ""
    stored: int = 0
    failures: int = 0
    unclear: int = 0
    doubted: bool = False


_NONE: Final = _Setback()


class Setbacks:
    """The objects that failed at one destination, and the series that wait for them.

    Methods that change what waits return the objects behind which nothing needs to wait any more.
    """

    def __init__(self) -> None:
        self._stored = 0
        self._failed: dict[str, _Setback] = {}
        # Of each series that is in order those of the failed that hold it up.
        self._first: dict[str, set[str]] = {}
        self._out_of_order: dict[str, None] = {}
        self._unanswered: set[str] = set()

    def ahead_of(self, object_id: str, series: str) -> str | None:
        """Return the object that must be sent before `object_id`; None when it may go."""
        earlier = [it for it in self._first.get(series, ()) if it < object_id]
        if len(earlier) == 1 and self._failed[earlier[0]].doubted:
            return None
        return min(earlier, default=None)

    def failed(self, object_id: str, series: str, fault: Fault) -> set[str]:
        """Note that an object will be tried again.

        Parameters
        ----------
        object_id : str
        series : str
            Those of it that arrived later wait; an empty one holds up no other object.
        fault : Fault
            After some failures that are `UNCLEAR` the next of the series may go, and the rest
            waits only while that one fails as well.
        """
        before = self._failed.get(object_id) or _NONE
        passed = self.ended(object_id)
        unclear = before.unclear + (fault is Fault.UNCLEAR)
        doubted = fault is Fault.UNCLEAR and unclear >= _DOUBTED_AFTER
        self._failed[object_id] = _Setback(
            series, self._stored, before.failures + 1, unclear, doubted
        )
        if not series or series in self._out_of_order:
            return passed
        self._first.setdefault(series, set()).add(object_id)
        return {object_id} if doubted and not before.doubted else set()

    def failures(self, object_id: str) -> int:
        """Return how often an object failed that was not stored since, for whatever reason."""
        return (self._failed.get(object_id) or _NONE).failures

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

    def give_up_order(self, series: str) -> set[str]:
        """Let the objects of a series pass each other from now on."""
        if series:
            self._out_of_order[series] = None
            if len(self._out_of_order) > _MOST_SERIES:
                del self._out_of_order[next(iter(self._out_of_order))]
        return self._first.pop(series, set())

    def ended(self, object_id: str, *, stored: bool = False) -> set[str]:
        """Forget an object: it is sent, dead, or gone."""
        self._stored += stored
        before = self._failed.pop(object_id, None)
        if before is None:
            return set()
        waiting = self._first.get(before.series, set())
        waiting.discard(object_id)
        if not waiting:
            self._first.pop(before.series, None)
            return {object_id}
        first = min(waiting)
        return {object_id, first} if self._failed[first].doubted else {object_id}

    def others_stored(self, object_id: str) -> bool:
        """Whether the destination has stored another object since this one failed last."""
        before = self._failed.get(object_id)
        return before is not None and self._stored > before.stored
