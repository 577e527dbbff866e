"""A bounded memory of what was used of late, cheap to ask.

The recorder keeps in it which rows of the database stand for what. What was neither asked for nor
put in while as much again was put in is forgotten.
"""

from __future__ import annotations

from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Thing = TypeVar("_Thing")


class Recent(Generic[_Key, _Thing]):
    """A mapping of two generations: a full young one becomes the old, and the old one goes.

    Parameters
    ----------
    room : int
        Weight of a full generation.

    Attributes
    ----------
    young : dict
        For asking many at once without a call for each; who finds nothing there asks `get`.
    """

    __slots__ = ("_old", "_room", "_weight", "young")

    def __init__(self, room: int) -> None:
        self._room = room
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.young: dict[_Key, _Thing] = {}
        self._old: dict[_Key, _Thing] = {}
        self._weight = 0

    def get(self, key: _Key, weight: int = 1) -> _Thing | None:
        """Return what is known of `key`, None when nothing is, and keep it for longer."""
        thing = self.young.get(key)
        if thing is None:
            thing = self._old.get(key)
            if thing is not None:
                self.put(key, thing, weight)
        return thing

    def put(self, key: _Key, thing: _Thing, weight: int = 1) -> None:
        """Remember `thing`, which is not None."""
        if self._weight + weight > self._room:
            self._old, self.young, self._weight = self.young, {}, 0
        self.young[key] = thing
        self._weight += weight
