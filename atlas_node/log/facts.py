"""The elements of a received object as facts, which become records only where they are new.

The recorder of the node hands them to `LogStore.record` in the place of records. Of a series, all
but a few elements of an object are equal to those of the object before: a fact is enough to see
that, and costs a fraction of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar, overload

from atlas_node.model import ElementRecord

Fact = tuple[Hashable, ...]
"""Equal facts have equal records. The last item stands for the value: where all the others are
equal, the records are so too but for value and truncation."""

_Fact = TypeVar("_Fact", bound=Fact)


class Facts(Sequence[ElementRecord], Generic[_Fact]):
    """A sequence of records, each made when it is asked for.

    Parameters
    ----------
    read : callable
        Returns the facts, the same ones each time. They are not kept: those of a whole batch of
        objects would keep the garbage collector busy.
    record_of : callable
        Returns the record of a fact.
    value_of : callable
        Returns the value of that record, and whether it is truncated; quicker than the record.
    """

    __slots__ = ("_read", "record_of", "value_of")

    def __init__(
        self,
        read: Callable[[], Sequence[_Fact]],
        record_of: Callable[[_Fact], ElementRecord],
        value_of: Callable[[_Fact], tuple[list[Any] | None, bool]],
    ) -> None:
        self._read = read
        self.record_of = record_of
        self.value_of = value_of

    @property
    def facts(self) -> Sequence[_Fact]:
        """The facts, read once more."""
        return self._read()

    def __len__(self) -> int:
        return len(self.facts)

    @overload
    def __getitem__(self, place: int) -> ElementRecord: ...

    @overload
    def __getitem__(self, place: slice) -> Facts[_Fact]: ...

    def __getitem__(self, place: int | slice) -> ElementRecord | Facts[_Fact]:
        if isinstance(place, slice):
            facts = self.facts[place]
            return Facts(lambda: facts, self.record_of, self.value_of)
        return self.record_of(self.facts[place])
