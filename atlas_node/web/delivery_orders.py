"""Orders about deliveries, given in a browser: which ones are meant, and what became of them.

The deliveries page makes an `Order` of each form that comes in. The rule: what gives up data, and
what names no delivery one by one, is asked about once more; every order is in the audit trail.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool import Action, Entry, Outcome, QueuedObject, Recipient, Refusal
from atlas_node.spool.orders import Target
from atlas_node.web.site import whole_number

TROUBLE: Final = (DeliveryStatus.FAILED, DeliveryStatus.DEAD)
OPEN: Final = (DeliveryStatus.PENDING, *TROUBLE)
TIMEOUT: Final = 10.0
"""Seconds for which the answer of a running node is waited for."""

_KEPT: Final = 50
_NAMED: Final = 20
_MOST_MEANT: Final = 10**12


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries a page shows, or an order means; an empty field asks nothing.

    Attributes
    ----------
    destination : str
    status : str
        A `DeliveryStatus`, or ``trouble`` for those that failed or are dead.
    reason : str
        What is said of the last try, exactly so.
    """

    destination: str = ""
    status: str = ""
    reason: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Wanted:
        """Return what the parameters of a URL or the fields of a form ask.

        Raises
        ------
        ValueError
            The status is none.
        """
        status = str(query.get("status") or "")
        known = ("trouble", *(it.value for it in OPEN))
        if status and status not in known:
            raise ValueError(f"status: expected one of {', '.join(known)}")
        destination, reason = (str(query.get(it) or "") for it in ("destination", "reason"))
        return cls(destination, status, reason)

    def fits(self, record: DeliveryRecord) -> bool:
        """Whether a delivery is meant; one that is done never is."""
        statuses: tuple[DeliveryStatus, ...] = OPEN
        if self.status:
            trouble = self.status == "trouble"
            statuses = TROUBLE if trouble else (DeliveryStatus(self.status),)
        return (
            record.status in statuses
            and self.destination in ("", record.destination)
            and self.reason in ("", record.detail)
        )

    def to_query(self) -> dict[str, str]:
        """Return it as parameters of a URL."""
        given = {"destination": self.destination, "status": self.status, "reason": self.reason}
        return {name: text for name, text in given.items() if text}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person was asked about who orders "every one", for more may come before the answer.

    Attributes
    ----------
    newest : str
        Identifier of the newest object that was meant; those received later sort after it.
    count : int
        How many deliveries.
    """

    newest: str
    count: int

    @classmethod
    def of(cls, targets: Sequence[Target]) -> Asked:
        """Return what is asked about when these deliveries are meant."""
        return cls(max((object_id for object_id, _ in targets), default=""), len(targets))

    @classmethod
    def from_form(cls, form: FormData) -> Asked | None:
        """Read ``newest`` and ``count`` of a form, None when it has neither.

        Raises
        ------
        ValueError
            One is missing, or the count is no number.
        """
        newest, count = (str(form.get(it) or "") for it in ("newest", "count"))
        if not (newest or count):
            return None
        if not newest:
            raise ValueError("newest: expected the ID of an object, with count")
        return cls(newest, whole_number({"count": count or "0"}, "count", 1, _MOST_MEANT))


@dataclass(frozen=True, slots=True)
class Order:
    """What a form orders.

    Attributes
    ----------
    action : Action
    named : tuple of Target
        Deliveries that were picked; none where all that fit are meant.
    every : bool
        All that fit `wanted`.
    wanted : Wanted
    confirmed : bool
    asked : Asked or None
        What the person who confirms was asked about; None where it is not said.
    """

    action: Action
    named: tuple[Target, ...]
    every: bool
    wanted: Wanted
    confirmed: bool
    asked: Asked | None = None

    @classmethod
    def from_form(cls, form: FormData) -> Order:
        """Read a form with ``action``, and ``delivery`` (``ID|destination``) or ``every``.

        Raises
        ------
        ValueError
            It orders nothing that can be done.
        """
        try:
            action = Action(str(form.get("action") or ""))
        except ValueError:
            raise ValueError("action: expected retry or drop") from None
        named = []
        for field in form.getlist("delivery"):
            object_id, mark, destination = str(field).partition("|")
            if not (object_id and mark and destination):
                raise ValueError("delivery: expected the ID of an object, | and a destination")
            named.append((object_id, destination))
        every = str(form.get("every") or "") in ("1", "true")
        if every == bool(named):
            raise ValueError("choose the deliveries that are meant, or every one that fits")
        confirmed = str(form.get("confirmed") or "") in ("1", "true")
        wanted = Wanted.from_query(form)
        asked = Asked.from_form(form) if every else None
        return cls(action, tuple(dict.fromkeys(named)), every, wanted, confirmed, asked)

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person is to be asked once more.

        To confirm "every one" without what was asked confirms nothing.
        """
        if self.every:
            return not self.confirmed or self.asked is None
        return not self.confirmed and self.action is Action.DROP

    def goes_beyond(self, targets: Sequence[Target]) -> bool:
        """Whether these are more deliveries than the person was asked about."""
        return self.asked is not None and len(targets) > self.asked.count

    def targets(self, queue: Iterable[QueuedObject]) -> list[Target]:
        """Return the deliveries that are meant.

        To try again by a filter means those in trouble, where it asks for no status: the others
        are on their way. Objects that came after the question are not meant.
        """
        if not self.every:
            return list(self.named)
        wanted = self.wanted
        if self.action is Action.RETRY and not wanted.status:
            wanted = Wanted(wanted.destination, "trouble", wanted.reason)
        return [
            (queued.entry.object_id, record.destination)
            for queued in queue
            if self.asked is None or queued.entry.object_id <= self.asked.newest
            for record in queued.deliveries.values()
            if wanted.fits(record)
        ]

    def subject(self, count: int) -> str:
        """Return what the audit trail says was meant: so many deliveries."""
        if not self.every:
            shown = [f"{object_id} to {name}" for object_id, name in self.named[:_NAMED]]
            more = len(self.named) - len(shown)
            return ", ".join(shown) + (f" and {more} more" if more else "")
        filters = "".join(f", {name} {text}" for name, text in self.wanted.to_query().items())
        newest = f", up to {self.asked.newest}" if self.asked else ""
        return f"every delivery{filters}{newest}: {count}"


def outcome_view(action: Action, outcome: Outcome) -> dict[str, Any]:
    """Return what became of an order."""
    return {
        "action": action.value,
        "done": outcome.done,
        "refused": [
            {"object_id": it.object_id, "destination": it.destination, "reason": it.reason}
            for it in outcome.refused
        ],
        "unanswered": outcome.unanswered,
    }


def in_short(outcome: Outcome) -> str:
    """Return what became of an order, as the audit trail says it."""
    reasons = Counter(it.reason for it in outcome.refused).most_common(3)
    refused = "".join(f"; {count} refused: {reason}" for reason, count in reasons)
    waiting = f"; {outcome.unanswered} not answered yet" if outcome.unanswered else ""
    return f"{outcome.done} done{refused}{waiting}"


class Outcomes:
    """What became of the latest orders, for the page that a browser is sent to after one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def keep(self, outcome: dict[str, Any]) -> str:
        """Keep an outcome; return the name by which `get` finds it."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._kept[name] = outcome
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> dict[str, Any] | None:
        """Return an outcome, None when there is none or it is forgotten."""
        with self._lock:
            return self._kept.get(name)


def no_routes_here(_entry: Entry, _data: memoryview) -> tuple[Recipient, ...]:
    """Stand in for the routes where the viewer has none.

    Raises
    ------
    SpoolError
        Always.
    """
    raise SpoolError("its route is found by the node, which does not run")


def refused_all(targets: Iterable[Target], reason: str) -> Outcome:
    """Return the outcome of an order that could not be given."""
    return Outcome(0, tuple(Refusal(object_id, name, reason) for object_id, name in targets))
