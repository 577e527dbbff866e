"""The data sets of storage commitment: Action Information and Event Information (PS3.4 J.3).

`CommitmentProvider` reads a scanner's request here, the relay makes of it what an archive is
asked, and of the archives' reports what the scanner is told. The rule: the node commits nothing
by itself. An instance is reported as committed only when every archive that was asked for it has
said so; the report of one archive that was asked for everything is passed on as it is, but for
the Transaction UID.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pynetdicom.dsutils import decode

from atlas_node.dimse.status import PROCESSING_FAILURE
from atlas_node.errors import PeerError
from atlas_node.spool.transaction import EncodedDataSet, Enquiry, EnquiryStatus, Transaction

REQUEST_ACTION: Final = 1
ALL_COMMITTED: Final = 1
FAILURES_EXIST: Final = 2

MOST_REFERENCES: Final = 30_000
MOST_BYTES: Final = 8 * 2**20
"""Of a data set: enough for so many references, each with its own Retrieve AE Title."""

MISSING_ATTRIBUTE: Final = 0x0120
INVALID_ARGUMENT: Final = 0x0115
RESOURCE_LIMITATION: Final = 0x0213

# Decoded, a hostile data set is a hundred times as long: never two of them at once.
_decoding: Final = threading.Lock()
_UID: Final = re.compile(r"[0-9.]{1,64}")

Reference = tuple[str, str]
"""SOP Class UID and SOP Instance UID."""


class InformationError(PeerError):
    """A peer's Action or Event Information cannot be used.

    Attributes
    ----------
    status : int
        To answer with (PS3.7 annex C).
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Requested:
    """What a scanner asks for."""

    transaction_uid: str
    references: tuple[Reference, ...]


def received(transfer_syntax_uid: str, data: BytesIO | None) -> EncodedDataSet:
    """Return the data set of a message as it is kept.

    Raises
    ------
    InformationError
        When it is longer than any that the node takes.
    """
    size = data.getbuffer().nbytes if data else 0
    if size > MOST_BYTES:
        raise InformationError(
            f"the data set has {size} bytes, at most {MOST_BYTES} are taken", RESOURCE_LIMITATION
        )
    return EncodedDataSet.of(transfer_syntax_uid, data.getvalue() if data else b"")


def read(encoded: EncodedDataSet) -> Dataset:
    """Decode a data set.

    Raises
    ------
    InformationError
        When it is none.
    """
    syntax = UID(encoded.transfer_syntax_uid)
    try:
        with _decoding:
            data_set = decode(
                BytesIO(encoded.data),
                syntax.is_implicit_VR,
                syntax.is_little_endian,
                syntax.is_deflated,
            )
            # pydicom looks at a value when it is asked for: now, where the fault is the peer's.
            for _ in data_set.iterall():
                pass
            return data_set
    except Exception as error:
        # pydicom raises whatever its readers meet in bytes that are no data set.
        raise InformationError(
            f"the data set cannot be decoded ({type(error).__name__})", INVALID_ARGUMENT
        ) from error


def read_request(encoded: EncodedDataSet) -> Requested:
    """Read the Action Information of a request (PS3.4 table J.3-1).

    Raises
    ------
    InformationError
        When a UID is missing or none, or more instances are named than the node takes at once.
    """
    information = read(encoded)
    transaction_uid = _uid(information, "TransactionUID", "Action Information")
    references = _references(information, "ReferencedSOPSequence")
    if not references:
        raise InformationError(
            "Action Information has no item in Referenced SOP Sequence (0008,1199)",
            MISSING_ATTRIBUTE,
        )
    return Requested(transaction_uid, tuple(references))


def read_transaction_uid(encoded: EncodedDataSet) -> str:
    """Return the Transaction UID of an Event Information whose items can be read, too.

    Raises
    ------
    InformationError
        When it is missing or none, or an item is not what it should be.
    """
    information = read(encoded)
    _references(information, "ReferencedSOPSequence")
    if _references(information, "FailedSOPSequence"):
        for item in information.FailedSOPSequence:
            _reason(item)
    return _uid(information, "TransactionUID", "Event Information")


def request_information(
    transaction: Transaction, enquiry: Enquiry, transaction_uid: str
) -> tuple[Dataset, list[Reference]]:
    """Return what an archive is asked: the scanner's request under a Transaction UID of ours.

    Parameters
    ----------
    transaction : Transaction
    enquiry : Enquiry
        It is asked for the instances of the SOP classes in it.
    transaction_uid : str

    Returns
    -------
    information : Dataset
    references : list of tuple
        The instances in it.
    """
    information = read(transaction.request)
    references = _references(information, "ReferencedSOPSequence")
    classes = set(enquiry.sop_classes)
    kept = [
        item
        for item, (sop_class, _) in zip(information.ReferencedSOPSequence, references, strict=True)
        if sop_class in classes
    ]
    if len(kept) < len(references):
        information.ReferencedSOPSequence = kept
    information.TransactionUID = transaction_uid
    return information, [reference for reference in references if reference[0] in classes]


def report_information(transaction: Transaction) -> tuple[int, Dataset]:
    """Return what the scanner is told: Event Type ID and Event Information (PS3.4 table J.3-2).

    Parameters
    ----------
    transaction : Transaction
        One that is complete.
    """
    references = read_request(transaction.request).references
    classes = {sop_class for sop_class, _ in references}
    for enquiry in transaction.enquiries:
        alone = len(transaction.enquiries) == 1 and classes <= {*enquiry.sop_classes}
        if enquiry.report and alone and not enquiry.undelivered:
            information = read(enquiry.report)
            information.TransactionUID = transaction.transaction_uid
            return enquiry.event_type, information
    return _merged(transaction, references)


def _merged(transaction: Transaction, references: Collection[Reference]) -> tuple[int, Dataset]:
    """Put the reports of several archives together, or say that one could not be had."""
    answers = [_Answer.of(enquiry) for enquiry in transaction.enquiries]
    committed: list[Dataset] = []
    failed: list[Dataset] = []
    for reference in references:
        asked = [answer for answer in answers if reference[0] in answer.sop_classes]
        items = [answer.committed.get(reference[1]) for answer in asked]
        first = items[0] if items and None not in items else None
        if first is not None:
            committed.append(first)
            continue
        reasons = [answer.failed.get(reference[1]) for answer in asked]
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
        item.FailureReason = next(filter(None, reasons), PROCESSING_FAILURE)
        failed.append(item)
    information = Dataset()
    information.TransactionUID = transaction.transaction_uid
    if committed:
        information.ReferencedSOPSequence = committed
    if failed:
        information.FailedSOPSequence = failed
    return (FAILURES_EXIST if failed else ALL_COMMITTED), information


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one archive says of each instance."""

    sop_classes: frozenset[str]
    committed: Mapping[str, Dataset]
    failed: Mapping[str, int]

    @classmethod
    def of(cls, enquiry: Enquiry) -> _Answer:
        classes = frozenset(enquiry.sop_classes)
        if enquiry.status is not EnquiryStatus.REPORTED or enquiry.report is None:
            return cls(classes, {}, {})
        information = read(enquiry.report)
        retrieve_ae = information.get("RetrieveAETitle")
        committed = {}
        for item in information.get("ReferencedSOPSequence") or ():
            kept = deepcopy(item)
            if retrieve_ae and "RetrieveAETitle" not in kept:
                kept.RetrieveAETitle = retrieve_ae
            committed[str(item.ReferencedSOPInstanceUID)] = kept
        failed = {
            str(item.ReferencedSOPInstanceUID): _reason(item)
            for item in information.get("FailedSOPSequence") or ()
        }
        # It may have an older object of this instance, which is not what the scanner sent last.
        for uid in committed.keys() & set(enquiry.undelivered):
            failed[uid] = PROCESSING_FAILURE
        # What is in both sequences is not committed.
        for uid in failed:
            committed.pop(uid, None)
        return cls(classes, committed, failed)


def _references(information: Dataset, keyword: str) -> list[Reference]:
    items = information.get(keyword)
    if not items:
        return []
    if not isinstance(items, Sequence):
        raise InformationError(f"{keyword} is not a sequence", INVALID_ARGUMENT)
    if len(items) > MOST_REFERENCES:
        raise InformationError(
            f"{keyword} has {len(items)} items, at most {MOST_REFERENCES} are taken at once",
            RESOURCE_LIMITATION,
        )
    where = f"an item of {keyword}"
    return [
        (
            _uid(item, "ReferencedSOPClassUID", where),
            _uid(item, "ReferencedSOPInstanceUID", where),
        )
        for item in items
    ]


def _reason(item: Dataset) -> int:
    reason = item.get("FailureReason") or 0
    if not isinstance(reason, int):
        raise InformationError("FailureReason is no number", INVALID_ARGUMENT)
    return reason


def _uid(data_set: Dataset, keyword: str, where: str) -> str:
    value = data_set.get(keyword)
    if not value:
        raise InformationError(f"{where} has no {keyword}", MISSING_ATTRIBUTE)
    text = str(value)
    if not isinstance(value, str) or not _UID.fullmatch(text):
        raise InformationError(f"{keyword} of {where} is no UID", INVALID_ARGUMENT)
    return text
