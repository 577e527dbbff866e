"""Calls scanners with their reports, in associations that the node opens (PS3.4 J.3.3).

`CommitmentRelay` runs one `Teller`. A scanner whose association is still open is left to the
receiver that has it for a moment; then it is called where `peers[].report_to` says. Each scanner
is called in a thread of its own, and again later when it cannot be told. The rule: a report that
cannot be delivered stays, with the reason, until it is delivered, dropped or too old.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass
from typing import Final

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context, build_role

from atlas_node.config import CommitmentSettings, NodeSettings, ReportTo
from atlas_node.dimse.access import AccessList
from atlas_node.dimse.commitment.exchange import PUSH_MODEL, Exchange
from atlas_node.dimse.commitment.information import report_information
from atlas_node.dimse.commitment.report import was_not_told, was_told
from atlas_node.dimse.peer import Caller, NoContextError, Peer
from atlas_node.errors import AtlasError, PeerError, SpoolError
from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.transaction import Transaction

_LOOK_EVERY: Final = 0.25
_LOOK_AGAIN: Final = 10.0
_OPEN_ASSOCIATION_FIRST: Final = 1.0
_MOST_CALLS: Final = 16
_DAY: Final = 86400.0
_AE_TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Scanner:
    """Where to call, and as whom: by the AE title that the scanner knows us by."""

    ae_title: str
    address: str
    calling_ae: str
    report_to: ReportTo


class Teller:
    """Calls scanners with their reports.

    Parameters
    ----------
    node : NodeSettings
    settings : CommitmentSettings
    access : AccessList
        Says where a scanner is called.
    store : CommitmentStore
    """

    def __init__(
        self,
        node: NodeSettings,
        settings: CommitmentSettings,
        access: AccessList,
        store: CommitmentStore,
    ) -> None:
        self._node = node
        self._settings = settings
        self._access = access
        self._store = store
        self._calls: dict[_Scanner, threading.Thread] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the reports that are being delivered; the rest stays in the store."""
        self._stopping.set()
        self._thread.join(timeout)
        for thread in list(self._calls.values()):
            thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = _LOOK_EVERY
            try:
                self._look()
            except SpoolError as error:
                _logger.error("storage commitment reports wait: %s", error)
                pause = _LOOK_AGAIN

    def _look(self) -> None:
        now = time.time()
        due: dict[_Scanner, list[Transaction]] = {}
        for transaction in self._store.transactions():
            if not transaction.complete or self._expired(transaction, now):
                continue
            later = max(transaction.next_try_at, transaction.complete_at + _OPEN_ASSOCIATION_FIRST)
            if transaction.given_up or now < later:
                continue
            scanner = self._scanner(transaction)
            if scanner is None:
                self._not_told(transaction, "its association has ended, and no peers[].report_to "
                               "says where to call it")  # fmt: skip
            else:
                due.setdefault(scanner, []).append(transaction)
        self._calls = {key: it for key, it in self._calls.items() if it.is_alive()}
        for scanner, transactions in due.items():
            if scanner not in self._calls and len(self._calls) < _MOST_CALLS:
                call = threading.Thread(
                    target=self._call,
                    args=(scanner, transactions),
                    name=f"teller-{scanner.ae_title}",
                    daemon=True,
                )
                call.start()
                # Only what has been started can be waited for by `stop`.
                self._calls[scanner] = call

    def _expired(self, transaction: Transaction, now: float) -> bool:
        """Whether it is too old to be kept; then it is removed."""
        kept = self._settings.report_timeout + self._settings.keep_days * _DAY
        if not transaction.given_up or now - transaction.complete_at <= kept:
            return False
        self._store.update(transaction.transaction_id, lambda _: None)
        _logger.error(
            "storage commitment transaction %s: removed, %a was never told: %s",
            transaction.transaction_id, transaction.calling_ae, transaction.detail,
        )  # fmt: skip
        return True

    def _scanner(self, transaction: Transaction) -> _Scanner | None:
        report_to = self._access.report_to(transaction.calling_ae, transaction.peer)
        if report_to is None:
            return None
        known_as = transaction.called_ae
        return _Scanner(
            ae_title=transaction.calling_ae,
            address=transaction.peer,
            calling_ae=known_as if _AE_TITLE.fullmatch(known_as) else self._node.ae_title,
            report_to=report_to,
        )

    def _call(self, scanner: _Scanner, transactions: list[Transaction]) -> None:
        """Tell one scanner of its transactions, in one association."""
        try:
            exchange = self._associate(scanner)
        except AtlasError as error:
            for transaction in transactions:
                self._not_told(transaction, str(error))
            return
        try:
            for transaction in transactions:
                if self._stopping.is_set():
                    break
                self._tell(exchange, transaction)
        finally:
            exchange.release()

    def _associate(self, scanner: _Scanner) -> Exchange:
        report_to = scanner.report_to
        peer = Peer(
            name=scanner.ae_title,
            ae_title=scanner.ae_title,
            host=report_to.host or scanner.address,
            port=report_to.port,
            calling_ae=scanner.calling_ae,
            tls=report_to.tls,
        )
        context = build_context(PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        try:
            # Peers that leave the role unanswered take reports all the same.
            assoc = Caller(peer, self._node).associate(
                [context], ext_neg=[build_role(PUSH_MODEL, scp_role=True)]
            )
        except NoContextError as error:
            raise PeerError(f"{peer}: accepts no storage commitment") from error
        return Exchange(assoc, str(peer))

    def _tell(self, exchange: Exchange, transaction: Transaction) -> None:
        with self._store.claim(transaction.transaction_id) as mine:
            current = self._store.get(transaction.transaction_id)
            if not mine or current is None:
                return
            try:
                exchange.report(*report_information(current))
            except PeerError as error:
                self._not_told(current, str(error))
            except Exception as error:
                # A fault of ours in one report must not keep the others waiting.
                _logger.exception("storage commitment transaction %s", current.transaction_id)
                self._not_told(current, f"internal error: {type(error).__name__}")
            else:
                was_told(self._store, current, "in an association of ours")

    def _not_told(self, transaction: Transaction, why: str) -> None:
        was_not_told(self._store, transaction, why, self._settings)
