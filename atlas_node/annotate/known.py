"""What the walks know of an element by the start of its header, before they look at its value.

`explicit` and `implicit` find it out the long way, once for each header in the same private blocks,
and keep it with the blocks (`scope.Reserved`). Nothing here depends on a value or an object.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from atlas_node.annotate.definition import Choice, Definition


class Outcome(NamedTuple):
    """What became of one private element: `facts.Fact` without place and value.

    `vr_before` is the VR in its header; `creator` is empty where no block is reserved.
    """

    group: int
    element: int
    creator: str
    definition: Definition | None
    vr_before: bytes
    vr: str
    status: str
    reason: str


@lru_cache(maxsize=4096)
def outcome(
    group: int,
    element: int,
    creator: str,
    definition: Definition | None,
    vr_before: bytes,
    choice: Choice,
) -> Outcome:
    """Return what became of the element (`group`, `element`) by `choice`; the same one each time.

    Elements that nothing is known of repeat as well, and one tuple for each would fill memory.
    """
    vr, status, reason = choice
    return Outcome(group, element, creator, definition, vr_before, vr, status.value, reason)


PASS: Final = 0
"""A standard element with a short header: nothing is to be done."""

PASS_LONG: Final = 1
"""The same with a long header, and a defined length."""

DECODE: Final = 2
"""A private `UN` element that becomes a VR with a short header, if its value fits at a glance."""

DECODE_LONG: Final = 3
"""The same for a VR with a long header."""

NOTE: Final = 4
"""A private element with a short header, which stays as it is and is reported."""

NOTE_LONG: Final = 5
"""The same with a long header, and a defined length."""

ITEMS: Final = 6
"""A standard sequence."""

CREATOR: Final = 7
"""A private creator; in explicit VR with a short header."""

LOOK: Final = 8
"""A standard element with a short header that `Walk.notable` looks at; `outcome` is its tag."""

END: Final = 9
"""The delimitation of an item."""

WRITE: Final = 10
"""An element in implicit VR that is written with one of `headers`, if its value fits `match`."""


class Known(NamedTuple):
    """What a walk does with an element.

    Attributes
    ----------
    kind : int
        One of the constants of this module.
    headers : glance.Headers or None
    match : callable or None
        As `glance.Glance` has them.
    outcome : Outcome, int or None
        What is reported of a private element; the tag of one to `LOOK` at.
    """

    kind: int
    # The kind says which of these are there: to ask each time would cost more than they do.
    headers: Any = None
    match: Any = None
    outcome: Any = None
