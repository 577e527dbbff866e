"""DIMSE statuses: what we answer for an error of ours, and what a peer's answer means.

Statuses of C-STORE are in PS3.4 B.2.3, those of C-FIND, C-GET and C-MOVE in PS3.4 C.4, general ones
in PS3.7 annex C.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS, code_to_category

from atlas_node.errors import SpoolError, SpoolFullError

SUCCESS: Final = 0x0000
NO_SUCH_CONTEXT: Final = 0x0122
"""Refused: SOP class not supported (PS3.7 C.5)."""
NOT_AUTHORIZED: Final = 0x0124
PROCESSING_FAILURE: Final = 0x0110
OUT_OF_RESOURCES: Final = 0xA700
CANNOT_UNDERSTAND: Final = 0xC000

PENDING: Final = 0xFF00
PENDING_WITHOUT_KEYS: Final = 0xFF01
CANCELLED: Final = 0xFE00
SOME_FAILED: Final = 0xB000
ALL_FAILED: Final = 0xA702
DOES_NOT_MATCH_CLASS: Final = 0xA900
"""The identifier does not match the SOP class (PS3.4 C.4.1.1.4)."""
UNABLE_TO_PROCESS: Final = 0xC001

_COMMENT_LENGTH: Final = 64

# Of the general failures of PS3.7 annex C.5 those that are said of what was sent: invalid
# attribute value, duplicate SOP instance, invalid argument value, invalid SOP instance, no such
# SOP class, class and instance in conflict, missing attribute, missing attribute value.
_OF_THE_OBJECT: Final = frozenset(
    (0x0106, 0x0111, 0x0115, 0x0117, 0x0118, 0x0119, 0x0120, 0x0121, NO_SUCH_CONTEXT)
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response says: a status, and for a failure why."""

    status: int
    comment: str = ""

    def __post_init__(self) -> None:
        # A comment is an LO (PS3.7 C.5).
        object.__setattr__(self, "comment", self.comment[:_COMMENT_LENGTH])


class Verdict(Enum):
    """What a destination's answer means for the delivery."""

    STORED = "stored"
    LATER = "later"
    REFUSED = "refused"


def answer(status: int, comment: str = "") -> Dataset:
    """Return the status elements of a response; a comment is cut to what an LO holds."""
    response = Dataset()
    response.Status = status
    if comment:
        response.ErrorComment = comment[:_COMMENT_LENGTH]
    return response


def refusal(error: Exception) -> Answer:
    """Return the answer to a C-STORE request that `error` kept from being accepted."""
    if isinstance(error, SpoolFullError):
        return Answer(OUT_OF_RESOURCES, "the spool is full")
    if isinstance(error, SpoolError):
        return Answer(OUT_OF_RESOURCES, "the spool cannot be written")
    return Answer(PROCESSING_FAILURE, "internal error")


def verdict(status: int) -> Verdict:
    """Return what a destination's status of a C-STORE response means.

    A warning (B000 coercion, B006 elements discarded, B007 does not match the SOP class) says
    that the object is stored (PS3.4 B.2.3).
    """
    if status == SUCCESS or code_to_category(status) == "Warning":
        return Verdict.STORED
    if status & 0xFF00 == OUT_OF_RESOURCES:
        return Verdict.LATER
    return Verdict.REFUSED


def blames_object(status: int) -> bool:
    """Whether a failure of a C-STORE says that the object itself is the reason.

    A9xx says that the data set does not match its SOP class, Cxxx that it cannot be understood
    (PS3.4 B.2.3). 0110, a processing failure, and 0124, not authorized, leave it open.
    """
    return status & 0xFF00 == 0xA900 or status & 0xF000 == 0xC000 or status in _OF_THE_OBJECT


def describe(status: int, comment: str = "") -> str:
    """Return a destination's own status and comment as one line of printable ASCII."""
    _, meaning = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))
    text = f"status 0x{status:04X}"
    if meaning:
        text += f" {meaning}"
    if comment:
        text += f": {ascii(comment[:_COMMENT_LENGTH])[1:-1]}"
    return text
