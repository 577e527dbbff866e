"""A storage commitment transaction as the node keeps it, and how a file says it (PS3.4 annex J).

A scanner asks once; the node makes an `Enquiry` of each archive out of it and passes their
reports back. Data sets are kept encoded as they came: nothing here knows what is in them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

FILE_VERSION: Final = 1

_ID_BITS: Final = 48
_REST_BITS: Final = 128 - _ID_BITS
_UUID_UID: Final = "2.25."


@dataclass(frozen=True, slots=True)
class EncodedDataSet:
    """A data set as it came, kept compressed.

    Attributes
    ----------
    transfer_syntax_uid : str
    packed : bytes
        The encoded data set, compressed with zlib: lists of UIDs shrink to a tenth.
    """

    transfer_syntax_uid: str
    packed: bytes

    @classmethod
    def of(cls, transfer_syntax_uid: str, data: bytes) -> EncodedDataSet:
        """Return `data`, encoded in `transfer_syntax_uid`, as it is kept."""
        return cls(transfer_syntax_uid, zlib.compress(data))

    @property
    def data(self) -> bytes:
        """The encoded data set."""
        return zlib.decompress(self.packed)


class EnquiryStatus(StrEnum):
    """Where the enquiry of one archive stands."""

    WAITING = "waiting"
    ASKED = "asked"
    REPORTED = "reported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What one archive is asked for a scanner.

    Attributes
    ----------
    destination : str
        Name of the archive in the configuration.
    sop_classes : tuple of str
        It is asked for the instances of these classes.
    status : EnquiryStatus
        Waiting to be asked; asked, its report is awaited; its report is here; given up.
    transaction_uids : tuple of str
        Transaction UIDs of ours, one for each request that it may have got.
    tries : int
        How often it refused the request or did not answer it.
    next_try_at : float
        Not to be asked before, seconds since the epoch.
    detail : str
        Its own status and comment, or why it could not be asked.
    event_type : int
        Of its report: 1 all are committed, 2 some are not; 0 before.
    report : EncodedDataSet or None
        Event Information of its report.
    undelivered : tuple of str
        SOP Instance UIDs of objects in the spool whose delivery to it was dead when it was asked.
        What it says of these is about other objects.
    """

    destination: str
    sop_classes: tuple[str, ...]
    status: EnquiryStatus = EnquiryStatus.WAITING
    transaction_uids: tuple[str, ...] = ()
    tries: int = 0
    next_try_at: float = 0.0
    detail: str = ""
    event_type: int = 0
    report: EncodedDataSet | None = None
    undelivered: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether nothing more is awaited of this archive."""
        return self.status in (EnquiryStatus.REPORTED, EnquiryStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A scanner's request, from its acceptance until the scanner has its report.

    Attributes
    ----------
    transaction_id : str
        The spool's own identifier.
    received_at : float
        Seconds since the epoch, UTC.
    calling_ae, called_ae, peer : str
        Of the association in which it came.
    transaction_uid : str
        As the scanner chose it.
    request : EncodedDataSet
        Action Information of the request.
    enquiries : tuple of Enquiry
        One for each archive.
    complete_at : float
        When the last archive was done; 0 before.
    tries : int
        How often the scanner could not be told.
    next_try_at : float
        Not to be told before, seconds since the epoch.
    detail : str
        Why it could not be told.
    given_up : bool
        Whether it is not called any more.
    """

    transaction_id: str
    received_at: float
    calling_ae: str
    called_ae: str
    peer: str
    transaction_uid: str
    request: EncodedDataSet
    enquiries: tuple[Enquiry, ...]
    complete_at: float = 0.0
    tries: int = 0
    next_try_at: float = 0.0
    detail: str = ""
    given_up: bool = False

    @property
    def complete(self) -> bool:
        """Whether there is something to tell the scanner."""
        return all(enquiry.final for enquiry in self.enquiries)

    def enquiry(self, destination: str) -> Enquiry | None:
        """Return what `destination` is asked, or None."""
        return next((it for it in self.enquiries if it.destination == destination), None)

    def with_enquiry(
        self, destination: str, change: Callable[[Enquiry], Enquiry], now: float
    ) -> Transaction:
        """Return the transaction with the enquiry of one archive changed."""
        enquiries = tuple(
            change(it) if it.destination == destination else it for it in self.enquiries
        )
        changed = replace(self, enquiries=enquiries)
        if changed.complete and not self.complete:
            return replace(changed, complete_at=now)
        return changed


def transaction_id(calling_ae: str, transaction_uid: str) -> str:
    """Return the identifier of a scanner's transaction: the same for the same request again."""
    digest = sha256(f"{calling_ae}\0{transaction_uid}".encode()).digest()
    return digest[: _ID_BITS // 8].hex()


def new_transaction_uid(identifier: str) -> str:
    """Return a Transaction UID of ours for a transaction.

    It is a UUID (PS3.5 B.2) that begins with the transaction's identifier, so that the report
    leads to its transaction, and goes on with 74 random bits that nobody guesses.
    """
    rest = uuid4().int & ((1 << _REST_BITS) - 1)
    return f"{_UUID_UID}{int(identifier, 16) << _REST_BITS | rest}"


def transaction_id_of(our_uid: str) -> str | None:
    """Return the transaction that one of our Transaction UIDs would belong to, or None."""
    number = our_uid.removeprefix(_UUID_UID)
    if number == our_uid or not (number.isascii() and number.isdecimal() and len(number) < 40):
        return None
    try:
        return UUID(int=int(number)).hex[: _ID_BITS // 4]
    except ValueError:
        return None


def to_bytes(transaction: Transaction) -> bytes:
    """Return the content of a transaction's file."""
    value = {
        "version": FILE_VERSION,
        "id": transaction.transaction_id,
        "received_at": transaction.received_at,
        "calling_ae": transaction.calling_ae,
        "called_ae": transaction.called_ae,
        "peer": transaction.peer,
        "transaction_uid": transaction.transaction_uid,
        "request": _data_set_json(transaction.request),
        "enquiries": [_enquiry_json(enquiry) for enquiry in transaction.enquiries],
        "complete_at": transaction.complete_at,
        "tries": transaction.tries,
        "next_try_at": transaction.next_try_at,
        "detail": transaction.detail,
        "given_up": transaction.given_up,
    }
    return json.dumps(value, indent=1).encode("ascii") + b"\n"


def from_bytes(content: bytes) -> Transaction:
    """Return the transaction that a file holds.

    Raises
    ------
    ValueError
        When it is not what this version writes.
    """
    try:
        value = json.loads(content)
        version = value.pop("version")
        if version != FILE_VERSION:
            raise ValueError(f"version {version!r}, expected {FILE_VERSION}")
        return Transaction(
            transaction_id=value.pop("id"),
            request=_data_set(value.pop("request")),
            enquiries=tuple(map(_enquiry, value.pop("enquiries"))),
            **value,
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a storage commitment transaction ({error})") from error


def _data_set_json(data_set: EncodedDataSet) -> dict[str, str]:
    return {
        "transfer_syntax_uid": data_set.transfer_syntax_uid,
        "packed": base64.b64encode(data_set.packed).decode("ascii"),
    }


def _data_set(value: dict[str, Any]) -> EncodedDataSet:
    return EncodedDataSet(value["transfer_syntax_uid"], base64.b64decode(value["packed"]))


def _enquiry_json(enquiry: Enquiry) -> dict[str, Any]:
    return {
        "destination": enquiry.destination,
        "sop_classes": enquiry.sop_classes,
        "status": enquiry.status,
        "transaction_uids": enquiry.transaction_uids,
        "tries": enquiry.tries,
        "next_try_at": enquiry.next_try_at,
        "detail": enquiry.detail,
        "event_type": enquiry.event_type,
        "report": _data_set_json(enquiry.report) if enquiry.report else None,
        "undelivered": enquiry.undelivered,
    }


def _enquiry(value: dict[str, Any]) -> Enquiry:
    return Enquiry(
        destination=value.pop("destination"),
        sop_classes=tuple(value.pop("sop_classes")),
        status=EnquiryStatus(value.pop("status")),
        transaction_uids=tuple(value.pop("transaction_uids")),
        report=_data_set(report) if (report := value.pop("report")) else None,
        undelivered=tuple(value.pop("undelivered", ())),
        **value,
    )
