"""What a process of the node does at one moment, as it publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from atlas_node.activity.tally import Labels

LONGEST_FAILURE: Final = 300


@dataclass(frozen=True, slots=True)
class IncomingAssociation:
    """An association that a peer requested and that is open.

    Attributes
    ----------
    calling_ae, called_ae : str
    address : str
        Of the peer.
    since : float
        Seconds since the epoch.
    objects : int
        That were stored on it and answered with 0x0000.
    bytes : int
        That came in on it.
    process : str
        Which one has it.
    """

    calling_ae: str
    called_ae: str
    address: str
    since: float
    objects: int = 0
    bytes: int = 0
    process: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingAssociation:
    """An association with a destination that is open.

    Attributes
    ----------
    destination : str
        Its name in the configuration.
    ae_title : str
    address : str
        Host and port.
    since : float
        Seconds since the epoch.
    contexts : int
        Presentation contexts that the destination accepted.
    objects : int
        That it answered for on this association.
    bytes : int
        Of their data sets as they were sent.
    process : str
        Which one has it.
    """

    destination: str
    ae_title: str
    address: str
    since: float
    contexts: int = 0
    objects: int = 0
    bytes: int = 0
    process: str = ""


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How one destination stands, as the forwarders have found it.

    Attributes
    ----------
    waiting : int
        Deliveries that have not been tried, or wait for their turn; with those in hand.
    in_hand : int
        Deliveries that are being sent.
    retrying : int
        Deliveries that failed and are tried again.
    dead : int
        Deliveries that are given up unless somebody orders otherwise.
    oldest_at : float or None
        When the oldest object was received that is not delivered, and not dead.
    next_try_at : float or None
        When the next try comes, where all that is left waits for a time.
    answered_at : float or None
        When it answered for an object last.
    failed_at : float or None
        When it could not be reached, or took nothing, last.
    failure : str
        Why.
    """

    waiting: int = 0
    in_hand: int = 0
    retrying: int = 0
    dead: int = 0
    oldest_at: float | None = None
    next_try_at: float | None = None
    answered_at: float | None = None
    failed_at: float | None = None
    failure: str = ""

    @property
    def reachable(self) -> bool | None:
        """Whether the last try found it; None when there was none."""
        if self.failed_at is None:
            return None if self.answered_at is None else True
        return self.answered_at is not None and self.answered_at > self.failed_at

    def merged(self, other: DestinationState) -> DestinationState:
        """Return what two forwarders know of one destination."""
        later = max(self, other, key=lambda it: it.failed_at or 0.0)
        return DestinationState(
            waiting=self.waiting + other.waiting,
            in_hand=self.in_hand + other.in_hand,
            retrying=self.retrying + other.retrying,
            dead=self.dead + other.dead,
            oldest_at=_least(self.oldest_at, other.oldest_at),
            next_try_at=_least(self.next_try_at, other.next_try_at),
            answered_at=_greatest(self.answered_at, other.answered_at),
            failed_at=later.failed_at,
            failure=later.failure,
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """How much was done in ten seconds.

    Attributes
    ----------
    at : int
        The end, in seconds since the epoch; a multiple of ten.
    objects, bytes : int
        Received.
    delivered : int
        Deliveries that were sent.
    recorded : int
        Objects that the log was told of.
    """

    at: int
    objects: int = 0
    bytes: int = 0
    delivered: int = 0
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process does now, beside what it has counted.

    Attributes
    ----------
    incoming : tuple of IncomingAssociation
    outgoing : tuple of OutgoingAssociation
    destinations : mapping of str to DestinationState
    gauges : mapping of tuple to float
        By name of the metric and labels.
    """

    incoming: tuple[IncomingAssociation, ...] = ()
    outgoing: tuple[OutgoingAssociation, ...] = ()
    destinations: Mapping[str, DestinationState] = field(default_factory=dict)
    gauges: Mapping[tuple[str, Labels], float] = field(default_factory=dict)


def to_json(record: Any) -> list[Any]:
    """Return the fields of one of these records in their order."""
    return [getattr(record, it.name) for it in fields(record)]


def _least(*values: float | None) -> float | None:
    return min((it for it in values if it is not None), default=None)


def _greatest(*values: float | None) -> float | None:
    return max((it for it in values if it is not None), default=None)
