"""Telling a scanner in an association that it has opened, while that is open (PS3.4 J.3.3).

`CommitmentProvider` names the association in which a scanner asked; when the report is in the
store before the association ends, it is sent there. A scanner that could not be told before is
told when it comes again. What is not told here, the relay tells in an association of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from pynetdicom.association import Association

from atlas_node.dimse.commitment.exchange import Exchange
from atlas_node.dimse.commitment.information import report_information
from atlas_node.dimse.commitment.report import was_told
from atlas_node.errors import AtlasError, SpoolError
from atlas_node.spool.commitment import CommitmentStore

_LOOK_EVERY: Final = 0.25

_logger = logging.getLogger(__name__)


class OpenAssociations:
    """The open associations whose scanners wait to be told; a thread for each of them.

    Parameters
    ----------
    store : CommitmentStore
    """

    def __init__(self, store: CommitmentStore) -> None:
        self._store = store
        self._waiting: dict[Association, set[str]] = {}
        self._lock = threading.Lock()

    def tell(self, assoc: Association, *identifiers: str) -> None:
        """Have a scanner told of transactions in `assoc`, as long as it is open."""
        with self._lock:
            waiting = self._waiting.get(assoc)
            if waiting is not None:
                waiting.update(identifiers)
                return
            self._waiting[assoc] = set(identifiers)
        threading.Thread(
            target=self._tell_while_open, args=(assoc,), name="commitment-report", daemon=True
        ).start()

    def tell_what_could_not_be_told(self, assoc: Association) -> None:
        """Have a scanner told in an association that it is requesting now."""
        request: Any = assoc.requestor.primitive
        calling_ae = request.calling_ae_title.strip()
        try:
            late = [
                it.transaction_id
                for it in self._store.transactions()
                if it.calling_ae == calling_ae and it.complete and it.tries
            ]
        except SpoolError as error:
            _logger.error("storage commitment reports cannot be read: %s", error)
            return
        if late:
            self.tell(assoc, *late)

    def _tell_while_open(self, assoc: Association) -> None:
        begun = time.monotonic()
        while not assoc.is_established:
            if not assoc.is_alive() or time.monotonic() - begun > (assoc.acse_timeout or 0):
                break
            time.sleep(_LOOK_EVERY)
        exchange = Exchange(assoc, f"{assoc.requestor.ae_title!a} ({assoc.requestor.address})")
        try:
            while self._still_waiting(assoc):
                # Not at once: the request is answered first.
                time.sleep(_LOOK_EVERY)
                self._tell_complete(assoc, exchange)
        except AtlasError as error:
            _logger.warning("storage commitment report not delivered: %s", error)
            with self._lock:
                del self._waiting[assoc]
        finally:
            exchange.close()

    def _still_waiting(self, assoc: Association) -> bool:
        with self._lock:
            if assoc.is_established and self._waiting[assoc]:
                return True
            del self._waiting[assoc]
            return False

    def _tell_complete(self, assoc: Association, exchange: Exchange) -> None:
        waiting = self._waiting[assoc]
        transactions = {it.transaction_id: it for it in self._store.transactions()}
        for identifier in tuple(waiting):
            transaction = transactions.get(identifier)
            if transaction is None:
                waiting.discard(identifier)
            elif transaction.complete:
                self._tell(identifier, exchange)

    def _tell(self, identifier: str, exchange: Exchange) -> None:
        with self._store.claim(identifier) as mine:
            transaction = self._store.get(identifier)
            if mine and transaction is not None:
                exchange.report(*report_information(transaction))
                was_told(self._store, transaction, "in its association")
