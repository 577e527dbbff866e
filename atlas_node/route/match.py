"""Which destinations an object goes to, and under which policy.

`Receiver` asks once for each object, before it is accepted. An object takes the union of all
routes that match it. One that no route matches was sent to us all the same: it is kept as a dead
delivery that says so, and never just disappears.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from atlas_node.annotate import LAST_GROUP
from atlas_node.config import LOG_ROUTE, Config, Match
from atlas_node.model import Envelope, Identity
from atlas_node.spool import NO_ROUTE, Recipient

_UNKNOWN: Final = Identity()

_Values = Callable[[Envelope, Identity], Iterable[str]]

_ATTRIBUTES: Final[dict[str, _Values]] = {
    "calling_ae": lambda envelope, _: (envelope.calling_ae,),
    "called_ae": lambda envelope, _: (envelope.called_ae,),
    "sop_class": lambda envelope, _: (envelope.sop_class_uid,),
    "modality": lambda _, identity: (identity.modality,),
    "private_creator": lambda _, identity: identity.private_creators,
    "manufacturer": lambda _, identity: (identity.manufacturer,),
}
_OF_IDENTITY: Final = {
    "modality": 0x0008, "manufacturer": 0x0008, "private_creator": LAST_GROUP,
}  # fmt: skip
"""What only the object itself says, and the last group in which it does."""

_OF_REFERENCE: Final = ("calling_ae", "called_ae", "sop_class")


@dataclass(frozen=True, slots=True)
class _Rule:
    tests: tuple[tuple[_Values, re.Pattern[str]], ...]
    destinations: tuple[str, ...]

    def matches(self, envelope: Envelope, identity: Identity) -> bool:
        return all(
            any(pattern.fullmatch(value) for value in values(envelope, identity))
            for values, pattern in self.tests
        )


class Router:
    """The routes of a configuration, ready to be asked; it keeps no state.

    Attributes
    ----------
    last_group : int or None
        Up to which group of the data set any route looks into the object; None: not at all.
    """

    def __init__(self, config: Config) -> None:
        self._rules = [_Rule(_tests(route.match), route.to) for route in config.routes]
        self._policies = {
            it.name: it.policy or config.annotate.policy for it in config.destinations
        }
        self._default_policy = config.annotate.policy
        archives = {it.name for it in config.destinations if it.commitment}
        self._archive_rules = [
            _Rule(_tests(route.match, _OF_REFERENCE), names)
            for route in config.routes
            if (names := tuple(name for name in route.to if name in archives))
        ]
        self.last_group = max(
            (
                group
                for attribute, group in _OF_IDENTITY.items()
                if any(getattr(route.match, attribute) for route in config.routes)
            ),
            default=None,
        )

    def recipients(self, envelope: Envelope, identity: Identity) -> tuple[Recipient, ...]:
        """Return where an object goes; nothing when it is only recorded in the log."""
        matching = [rule for rule in self._rules if rule.matches(envelope, identity)]
        if not matching:
            return (Recipient(NO_ROUTE, self._default_policy, "no route matches the object"),)
        names = dict.fromkeys(name for rule in matching for name in rule.destinations)
        names.pop(LOG_ROUTE, None)
        return tuple(Recipient(name, self._policies[name]) for name in names)

    @property
    def commits(self) -> bool:
        """Whether any route leads to a destination that offers storage commitment."""
        return bool(self._archive_rules)

    def archives(self, calling_ae: str, called_ae: str, sop_class: str) -> tuple[str, ...]:
        """Return the destinations that commit to storage and that an instance may have gone to.

        A request for storage commitment says no more of an instance than this; whatever else a
        route asks for is taken to match.
        """
        envelope = Envelope(0.0, calling_ae, called_ae, "", sop_class, "", "")
        matching = [rule for rule in self._archive_rules if rule.matches(envelope, _UNKNOWN)]
        return tuple(dict.fromkeys(name for rule in matching for name in rule.destinations))


def _tests(
    match: Match, attributes: Iterable[str] = tuple(_ATTRIBUTES)
) -> tuple[tuple[_Values, re.Pattern[str]], ...]:
    return tuple(
        (
            _ATTRIBUTES[attribute],
            re.compile("|".join(map(fnmatch.translate, patterns)), re.IGNORECASE),
        )
        for attribute in attributes
        if (patterns := getattr(match, attribute))
    )
