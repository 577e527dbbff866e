"""Why a delivery that has not been tried waits: what `atlas-node queue` and the viewer say of it.

Two things hold up a delivery that is not to blame itself. An object of its series that came before
it has failed: `Spool.hold_back` writes that into its journal. Or nothing at all reaches its
destination: the forwarders publish that, and no journal has it. `Reasons` puts the two together.
The rule: what is said was true a moment ago; what is over is not said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from atlas_node.model import DeliveryRecord, DeliveryStatus

_WAITS_FOR: Final = "waits for {}, of the same series"
_SAID: Final = re.compile(re.escape(_WAITS_FOR).replace(r"\{\}", "([0-9a-f-]+)"))


class Tried(Protocol):
    """What the last tries have shown of a destination (`atlas_node.activity.DestinationState`)."""

    @property
    def reachable(self) -> bool | None:
        """Whether the last try found it; None when there was none."""

    @property
    def failure(self) -> str:
        """Why it did not."""

    @property
    def next_try_at(self) -> float | None:
        """When the next try comes, in seconds since the epoch."""


def waits_for(object_id: str) -> str:
    """Return the detail of a delivery that comes after that of another object."""
    return _WAITS_FOR.format(object_id)


def waited_for(detail: str) -> str | None:
    """Return the object that a delivery waits for by its detail; None when it says of none."""
    said = _SAID.fullmatch(detail)
    return said and said[1]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Says why deliveries wait.

    Attributes
    ----------
    tried : mapping of str to Tried
        By destination; empty while no node runs.
    configured : collection of str
        The destinations that there are.
    retried : container of tuple
        Identifier of the object and destination of each delivery that failed and is tried again.
    """

    tried: Mapping[str, Tried]
    configured: Collection[str]
    retried: Container[tuple[str, str]]

    def explain(self, record: DeliveryRecord) -> DeliveryRecord:
        """Return a delivery; one that was not tried with the reason and the time of its try."""
        if record.status is not DeliveryStatus.PENDING:
            return record
        name = record.destination
        if name not in self.configured:
            return replace(record, detail=f"the configuration has no destination {name!a}")
        state = self.tried.get(name)
        if state is not None and state.reachable is False:
            return replace(record, detail=state.failure, next_try_at=state.next_try_at)
        first = waited_for(record.detail)
        if first is not None and (first, name) not in self.retried:
            return replace(record, detail="")
        return record
