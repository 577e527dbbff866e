"""What the data path asks of whoever answers C-ECHO and C-STORE, and who has asked.

`DataTransfer` knows messages and `StorageScp` what they mean; this is all that they know of each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pynetdicom.association import Association

from atlas_node.dimse.status import Answer

if TYPE_CHECKING:
    from atlas_node.dimse.transport.served_request import ServedRequest


@dataclass(frozen=True, slots=True)
class Requestor:
    """Who requested an association: AE titles without padding, and the peer's address."""

    calling_ae: str
    called_ae: str
    address: str

    def __str__(self) -> str:
        """Name it for a log line, escaped: an AE title is whatever the peer says."""
        return f"{self.calling_ae!a} ({self.address})"


class Operation(Protocol):
    """What becomes of the data set of one message; no method raises for a fault of the peer."""

    def take(self, data: memoryview) -> None:
        """Take the next bytes; they are gone when this returns."""

    def finish(self) -> Answer | None:
        """End the operation; return what to answer, or None where another one answers."""

    def abandon(self) -> None:
        """End the operation of a message whose end does not come."""


class Session(Protocol):
    """What belongs to one association for as long as it lasts.

    Attributes
    ----------
    idle_after : float
        Seconds.
    """

    idle_after: float

    def rest(self) -> None:
        """Give back what is not needed now: nothing was asked for `idle_after` seconds."""

    def close(self) -> None:
        """Give back everything: the association has ended."""


class Services(Protocol):
    """What answers on an association."""

    @property
    def longest_identifier(self) -> int:
        """Bytes that the identifier of a request for `query` may have.

        0: there is no such service, and pynetdicom answers.
        """

    def echo(self, requestor: Requestor) -> Answer:
        """Answer a C-ECHO request."""

    def store(
        self, requestor: Requestor, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str
    ) -> Operation:
        """Begin the operation of a C-STORE request."""

    def query(self, request: ServedRequest) -> None:
        """Answer a C-FIND, C-GET or C-MOVE request; returns when it has been answered."""


def requestor_of(assoc: Association) -> Requestor:
    """Return who requested an association that has been requested."""
    request = assoc.requestor.primitive
    return Requestor(
        calling_ae=str(getattr(request, "calling_ae_title", "")).strip(),
        called_ae=str(getattr(request, "called_ae_title", "")).strip(),
        address=assoc.requestor.address,
    )
