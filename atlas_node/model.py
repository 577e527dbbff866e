"""What flows through the node: frozen records shared by every layer.

The network fills an `Envelope` with what the peer said of an object; annotation gives
`ElementRecord` and `Identity`; delivery gives `DeliveryRecord`. Spool, log, viewer and command
line pass them on. Nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Policy(StrEnum):
    """What annotation may change in an object that is passed on."""

    OBSERVE = "observe"
    DECODE = "decode"
    DESCRIBE = "describe"


class ElementStatus(StrEnum):
    """What became of one private data element."""

    DECODED = "decoded"
    ALREADY = "already"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"


class DeliveryStatus(StrEnum):
    """Where the delivery of one object to one destination stands."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class ElementRecord:
    """One private data element as it was found and what was done with it.

    Attributes
    ----------
    path : str
        Where it stands, such as ``(2005,140f)[0].(2005,1013)``; item numbers count from 0.
    creator : str
        Private creator, trimmed of its padding; empty when the block is not reserved.
    key : str
        Key in the dictionary, such as ``(0019,xx0a)``.
    vr_before : str
        VR on the wire; ``"UN"`` for an implicit VR stream, which names none.
    vr : str
        VR after annotation; equal to `vr_before` where nothing was changed.
    vm, name : str
        As the dictionary has them; empty when it has no entry.
    status : ElementStatus
    reason : str
        Why the element was left as it was; empty when it was decoded.
    value : list or None
        The decoded value, at most 64 items and 256 characters; bytes as hexadecimal text;
        None for a sequence and for an empty element.
    truncated : bool
        Whether `value` was cut.
    sources : tuple of str
        Identifiers of the dictionary sources that the VR rests on.
    confidence : float
        Of the dictionary entry, 0 to 1.
    """

    path: str
    creator: str
    key: str
    vr_before: str
    vr: str
    vm: str
    name: str
    status: ElementStatus
    reason: str
    value: list[Any] | None
    truncated: bool
    sources: tuple[str, ...]
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as the report of ``atlas-node annotate`` writes it."""
        record = asdict(self)
        record["sources"] = list(self.sources)
        if not self.truncated:
            del record["truncated"]
        return record


@dataclass(frozen=True, slots=True)
class Identity:
    """What an object says of itself, for routes, the log and the viewer; empty where absent."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    patient_id: str = ""
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    software_versions: str = ""
    private_creators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the peer said when it sent an object (PS3.7 9.1.1), apart from the object itself.

    Attributes
    ----------
    received_at : float
        Seconds since the epoch, UTC.
    calling_ae, called_ae : str
        AE titles of the association, trimmed.
    peer : str
        Address of the peer.
    sop_class_uid, sop_instance_uid : str
        Affected SOP class and instance of the C-STORE request.
    transfer_syntax_uid : str
        Of the accepted presentation context.
    """

    received_at: float
    calling_ae: str
    called_ae: str
    peer: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """The delivery of one object to one destination, after its latest try.

    Attributes
    ----------
    destination : str
        Name of the destination in the configuration.
    status : DeliveryStatus
    tries : int
        How often it was tried; a try that says nothing of the object is not counted.
    at : float
        Time of the latest change, seconds since the epoch, UTC.
    detail : str
        The destination's own status and comment, or why it could not be reached.
    next_try_at : float or None
        When it is tried again; None unless failed.
    """

    destination: str
    status: DeliveryStatus
    tries: int = 0
    at: float = 0.0
    detail: str = ""
    next_try_at: float | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more will be done for it of itself."""
        return self.status in _FINAL

    @property
    def settled(self) -> bool:
        """Whether nobody need do anything for it: it was sent, or dropped by order."""
        return self.status in _SETTLED


_SETTLED = (DeliveryStatus.SENT, DeliveryStatus.DROPPED)
_FINAL = (*_SETTLED, DeliveryStatus.DEAD)


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """One received object as the log keeps it.

    Attributes
    ----------
    object_id : str
        The spool's own identifier, unique and in order of arrival.
    envelope : Envelope
    identity : Identity
    size : int
        Bytes of the encoded data set as received.
    changed : bool
        Whether annotation changed it.
    error : str or None
        Why it could not be annotated; it was passed on unchanged.
    counts : mapping of str to int
        Number of private elements, ``private``, and of each `ElementStatus`.
    elements : sequence of ElementRecord
    fingerprint : int or None
        Of the encoded data set as received (`spool.fingerprint`); None when it was not taken.
    """

    object_id: str
    envelope: Envelope
    identity: Identity
    size: int
    changed: bool
    error: str | None
    counts: Mapping[str, int]
    elements: Sequence[ElementRecord] = field(default=())
    fingerprint: int | None = None
