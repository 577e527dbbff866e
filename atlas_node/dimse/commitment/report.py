"""A report on its two ways: taken of an archive, and done with when the scanner has it.

Archives report in an association of theirs, which reaches a receiver, or in the one in which the
relay asked them; scanners are told in their own association by a receiver, or in a new one by the
relay. Whoever it is does here what is durable about it. The rule: an archive is answered 0x0000
when its report is on the disk, and a transaction is removed when its scanner has answered so.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import evt

from atlas_node.config import CommitmentSettings, Retry
from atlas_node.dimse.commitment.exchange import PUSH_MODEL
from atlas_node.dimse.commitment.information import (
    ALL_COMMITTED,
    FAILURES_EXIST,
    INVALID_ARGUMENT,
    InformationError,
    read_transaction_uid,
    received,
)
from atlas_node.dimse.deliver import backoff
from atlas_node.dimse.status import PROCESSING_FAILURE, SUCCESS, answer
from atlas_node.errors import SpoolError
from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.transaction import EncodedDataSet, Enquiry, EnquiryStatus, Transaction

NO_SUCH_INSTANCE: Final = 0x0112
NO_SUCH_EVENT: Final = 0x0113
NO_SUCH_CLASS: Final = 0x0118

_RETRY: Final = Retry()

_logger = logging.getLogger(__name__)


def take_report(store: CommitmentStore, event: evt.Event) -> Dataset:
    """Keep an archive's N-EVENT-REPORT and return what to answer (PS3.4 J.3.3).

    Parameters
    ----------
    store : CommitmentStore
    event : pynetdicom.events.Event
        Of the request.
    """
    request: Any = event.request
    if str(request.AffectedSOPClassUID) != PUSH_MODEL:
        return answer(NO_SUCH_CLASS)
    if request.EventTypeID not in (ALL_COMMITTED, FAILURES_EXIST):
        return answer(NO_SUCH_EVENT)
    caller = peer_of(event)
    try:
        report = received(str(event.context.transfer_syntax), request.EventInformation)
        our_uid = read_transaction_uid(report)
        transaction = store.find(our_uid)
        if transaction is None:
            _logger.warning(
                "storage commitment report from %s refused: Transaction UID %s is not one of an "
                "open transaction", caller, our_uid,
            )  # fmt: skip
            return answer(INVALID_ARGUMENT, "no open transaction has this Transaction UID")
        _keep(store, transaction, our_uid, report, int(request.EventTypeID))
    except InformationError as error:
        _logger.warning("storage commitment report from %s refused: %s", caller, error)
        return answer(error.status, str(error))
    except SpoolError as error:
        _logger.error("storage commitment report from %s refused: %s", caller, error)
        return answer(PROCESSING_FAILURE, "the spool cannot be written")
    _logger.info(
        "storage commitment transaction %s: report of %s, event type %d",
        transaction.transaction_id, caller, request.EventTypeID,
    )  # fmt: skip
    return answer(SUCCESS)


def _keep(
    store: CommitmentStore,
    transaction: Transaction,
    our_uid: str,
    report: EncodedDataSet,
    event_type: int,
) -> None:
    destination = next(
        it.destination for it in transaction.enquiries if our_uid in it.transaction_uids
    )

    def reported(enquiry: Enquiry) -> Enquiry:
        if enquiry.status is EnquiryStatus.REPORTED:
            return enquiry  # the same once more: our answer was lost
        return replace(
            enquiry,
            status=EnquiryStatus.REPORTED,
            event_type=event_type,
            report=report,
            detail="",
        )

    now = time.time()
    store.update(transaction.transaction_id, lambda it: it.with_enquiry(destination, reported, now))


def was_told(store: CommitmentStore, transaction: Transaction, where: str) -> None:
    """Remove a transaction whose scanner has answered its report with success.

    Raises
    ------
    SpoolError
        When it cannot be removed: the scanner will be told again.
    """
    store.update(transaction.transaction_id, lambda _: None)
    _logger.info(
        "storage commitment transaction %s: %a is told %s",
        transaction.transaction_id, transaction.calling_ae, where,
    )  # fmt: skip


def was_not_told(
    store: CommitmentStore, transaction: Transaction, why: str, settings: CommitmentSettings
) -> None:
    """Note that a scanner could not be told, and when it is tried again.

    Raises
    ------
    SpoolError
        When it cannot be noted.
    """
    now = time.time()

    def noted(it: Transaction) -> Transaction:
        tries = it.tries + 1
        return replace(
            it,
            tries=tries,
            next_try_at=now + backoff(_RETRY, tries),
            detail=why,
            given_up=now - it.complete_at > settings.report_timeout,
        )

    after = store.update(transaction.transaction_id, noted)
    if after is None:
        return
    if after.given_up and not transaction.given_up:
        _logger.error(
            "storage commitment transaction %s: %a is not called any more: %s; see "
            "`atlas-node commitment list`", transaction.transaction_id,
            transaction.calling_ae, why,
        )  # fmt: skip
    elif not transaction.tries:
        _logger.warning(
            "storage commitment transaction %s: %a could not be told, it is tried again: %s",
            transaction.transaction_id, transaction.calling_ae, why,
        )  # fmt: skip


def peer_of(event: evt.Event) -> str:
    """Name the peer of an association, escaped: an AE title is whatever the peer says."""
    assoc = event.assoc
    user = assoc.requestor if assoc.is_acceptor else assoc.acceptor
    return f"{user.ae_title!a} ({user.address})"
