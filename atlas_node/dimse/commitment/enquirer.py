"""Asks one archive, for scanners, whether it commits to what was delivered to it.

`CommitmentRelay` runs one `Enquirer` for each archive, in a thread of its own, so that one that is
down holds up no other. It is asked when nothing that the scanner names still waits to be delivered
to it: it would report that missing. What it refuses, does not answer or does not report on is tried
again, under a Transaction UID of its own; every one under which it may have been asked leads a
report home.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.presentation import build_context

from atlas_node.config import CommitmentSettings, Destination, NodeSettings
from atlas_node.dimse.commitment.exchange import PUSH_MODEL, Exchange, RefusedError
from atlas_node.dimse.commitment.information import read_request, request_information
from atlas_node.dimse.commitment.report import take_report
from atlas_node.dimse.deliver import backoff
from atlas_node.dimse.peer import Caller, NoContextError, Peer
from atlas_node.errors import PeerError, SpoolError
from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.outstanding import Outstanding, outstanding
from atlas_node.spool.transaction import Enquiry, EnquiryStatus, Transaction, new_transaction_uid

_LOOK_EVERY: Final = 0.25
_LOOK_AGAIN: Final = 10.0
_LOOK_SELDOM: Final = 10.0
_LOOK_SHARE: Final = 0.05

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """What a transaction waits for, and when to look at it again."""

    deliveries: Outstanding
    look_at: float = 0.0


class Enquirer:
    """Asks one archive.

    Parameters
    ----------
    destination : Destination
    node : NodeSettings
    settings : CommitmentSettings
    store : CommitmentStore
    spool : Path
        Folder of the spool, where deliveries wait.

    Raises
    ------
    ConfigurationError
        When the TLS files of the destination cannot be used.
    """

    def __init__(
        self,
        destination: Destination,
        node: NodeSettings,
        settings: CommitmentSettings,
        store: CommitmentStore,
        spool: Path,
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._store = store
        self._spool = spool
        self._peer = Peer.of(destination, node)
        self._caller = Caller(self._peer, node)
        self._exchange: Exchange | None = None
        self._linger_until = 0.0
        # Not every archive takes a request while it reports: one that reports in the association
        # in which it was asked is asked again when it has. It is taken for one until it has not.
        self._reports_here = True
        self._awaited: set[str] = set()
        self._outstanding: dict[str, _Waiting] = {}
        self._find_at = 0.0
        self._failures = 0
        self._rest_until = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"enquirer-{destination.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the request that is being made; the rest stays in the store."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = _LOOK_EVERY
            try:
                self._look()
            except SpoolError as error:
                _logger.error("storage commitment at %s waits: %s", self._destination.name, error)
                pause = _LOOK_AGAIN
        self._release()

    def _look(self) -> None:
        """Ask what can be asked now, give up what has taken too long."""
        now = time.time()
        mine = {
            it.transaction_id: (it, enquiry)
            for it in self._store.transactions()
            if (enquiry := it.enquiry(self._destination.name)) and not enquiry.final
        }
        self._outstanding = {key: it for key, it in self._outstanding.items() if key in mine}
        self._awaited &= mine.keys()
        due = []
        for transaction, enquiry in mine.values():
            if now - transaction.received_at > self._settings.archive_timeout:
                self._give_up(transaction, enquiry)
            elif enquiry.next_try_at <= now:
                due.append(transaction)
        if self._awaited and time.monotonic() >= self._linger_until:
            self._reports_here = False
            self._awaited.clear()
        if time.monotonic() >= self._rest_until and not (self._awaited and self._reports_here):
            for transaction in self._delivered(due):
                stop = self._stopping.is_set() or not self._ask_safely(transaction)
                if stop or self._reports_here:
                    break
        if self._exchange and not self._awaited:
            self._release()

    def _delivered(self, due: list[Transaction]) -> list[Transaction]:
        """Return those of which nothing waits to be delivered any more."""
        self._find_outstanding([it for it in due if it.transaction_id not in self._outstanding])
        now, delivered = time.monotonic(), []
        for it in due:
            waiting = self._outstanding.get(it.transaction_id)
            if waiting is None or now < waiting.look_at:
                continue
            if not waiting.deliveries.left():
                delivered.append(it)
                continue
            # What has waited for long may wait a little longer before it is looked at again.
            age = max(0.0, time.time() - it.received_at)
            waiting.look_at = now + min(_LOOK_SELDOM, age * _LOOK_SHARE)
        return delivered

    def _find_outstanding(self, new: list[Transaction]) -> None:
        """Look through the spool for what new transactions wait for, for a small share of time."""
        begun = time.monotonic()
        if not new or begun < self._find_at:
            return
        wanted = {}
        for it in new:
            try:
                references = read_request(it.request).references
            except PeerError as error:
                self._fail(it.transaction_id, str(error))
            else:
                wanted[it.transaction_id] = {uid for _, uid in references}
        found = outstanding(self._spool, self._destination.name, wanted)
        self._outstanding |= {key: _Waiting(deliveries) for key, deliveries in found.items()}
        now = time.monotonic()
        self._find_at = now + (now - begun) / _LOOK_SHARE

    def _ask_safely(self, transaction: Transaction) -> bool:
        """Do as `_ask`; a fault of ours in one transaction does not keep the others waiting."""
        try:
            return self._ask(transaction)
        except SpoolError:
            raise
        except Exception as error:
            _logger.exception("storage commitment transaction %s", transaction.transaction_id)
            self._refused(transaction.transaction_id, f"internal error: {type(error).__name__}")
            return True

    def _ask(self, transaction: Transaction) -> bool:
        """Make one request; False when the archive cannot be asked now."""
        identifier = transaction.transaction_id
        try:
            exchange = self._open()
        except NoContextError as error:
            self._refused(identifier, f"{self._peer}: offers no storage commitment")
            self._rest(str(error))
            return False
        except PeerError as error:
            self._unreachable(identifier, str(error))
            return False
        our_uid = new_transaction_uid(identifier)
        dead = self._outstanding[identifier].deliveries.dead()
        asked = self._change(
            identifier,
            lambda it: replace(
                it,
                transaction_uids=(*it.transaction_uids, our_uid),
                undelivered=tuple(sorted(dead.union(it.undelivered))),
            ),
        )
        enquiry = asked.enquiry(self._destination.name) if asked else None
        if asked is None or enquiry is None:
            return True
        try:
            information, references = request_information(asked, enquiry, our_uid)
            exchange.request(information)
        except RefusedError as error:
            self._refused(identifier, str(error), our_uid)
            return True
        except PeerError as error:
            # It may have got the request: the Transaction UID of this try stays known.
            self._refused(identifier, str(error))
            self._rest(str(error))
            exchange.abort()
            return False
        self._reached()
        self._awaited.add(identifier)
        self._linger_until = time.monotonic() + self._settings.linger
        self._change(identifier, self._accepted)
        _logger.info(
            "storage commitment transaction %s: %s is asked for %d instances",
            identifier, self._destination.name, len(references),
        )  # fmt: skip
        return True

    def _open(self) -> Exchange:
        """Return the association that is kept, or a new one."""
        if self._exchange is None or not self._exchange.is_open:
            self._exchange = None
            self._awaited.clear()
            context = build_context(PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
            assoc = self._caller.associate(
                [context], evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._on_report)]
            )
            self._exchange = Exchange(assoc, str(self._peer))
        return self._exchange

    def _on_report(self, event: evt.Event) -> tuple[Any, None]:
        self._reports_here = True
        return take_report(self._store, event), None

    def _release(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._awaited.clear()
        if exchange is not None:
            exchange.release()

    def _refused(self, identifier: str, detail: str, our_uid: str = "") -> None:
        retry = self._destination.retry
        now = time.time()

        def noted(it: Enquiry) -> Enquiry:
            tries = it.tries + 1
            left = replace(
                it,
                tries=tries,
                next_try_at=now + backoff(retry, tries),
                detail=detail,
                transaction_uids=tuple(uid for uid in it.transaction_uids if uid != our_uid),
            )
            if it.status is EnquiryStatus.ASKED:
                return replace(left, next_try_at=self._ask_again_at(left, now))
            if it.status is EnquiryStatus.WAITING and tries >= retry.max_tries:
                return replace(left, status=EnquiryStatus.FAILED)
            return left

        after = self._change(identifier, noted)
        enquiry = after.enquiry(self._destination.name) if after else None
        if enquiry is not None:
            _logger.log(
                logging.ERROR if enquiry.status is EnquiryStatus.FAILED else logging.WARNING,
                "storage commitment transaction %s: %s%s", identifier, detail,
                "; given up" if enquiry.status is EnquiryStatus.FAILED else "",
            )  # fmt: skip

    def _unreachable(self, identifier: str, detail: str) -> None:
        """No request is to blame: all wait, and none is counted a try."""
        self._change(identifier, lambda it: replace(it, detail=detail))
        self._rest(detail)

    def _rest(self, why: str) -> None:
        self._failures += 1
        self._rest_until = time.monotonic() + backoff(self._destination.retry, self._failures)
        if self._failures == 1:
            _logger.error("storage commitment at %s waits: %s", self._destination.name, why)

    def _reached(self) -> None:
        if self._failures:
            _logger.info("%s answers storage commitment again", self._destination.name)
        self._failures = 0

    def _give_up(self, transaction: Transaction, enquiry: Enquiry) -> None:
        if enquiry.status is EnquiryStatus.ASKED:
            detail = "no report in commitment.archive_timeout"
        else:
            detail = f"not asked in commitment.archive_timeout; {enquiry.detail}".rstrip("; ")
        self._fail(transaction.transaction_id, detail)

    def _fail(self, identifier: str, detail: str) -> None:
        self._change(
            identifier,
            lambda it: it if it.final else replace(it, status=EnquiryStatus.FAILED, detail=detail),
        )
        _logger.error(
            "storage commitment transaction %s: %s given up: %s",
            identifier, self._destination.name, detail,
        )  # fmt: skip

    def _change(self, identifier: str, change: Callable[[Enquiry], Enquiry]) -> Transaction | None:
        now = time.time()
        return self._store.update(
            identifier, lambda it: it.with_enquiry(self._destination.name, change, now)
        )

    def _accepted(self, enquiry: Enquiry) -> Enquiry:
        """Note that the archive works on it, unless its report was quicker than its response."""
        if enquiry.final:
            return enquiry
        again = self._ask_again_at(enquiry, time.time())
        return replace(enquiry, status=EnquiryStatus.ASKED, detail="", next_try_at=again)

    def _ask_again_at(self, enquiry: Enquiry, now: float) -> float:
        """Return when to ask once more: an archive may give up a report that nobody took."""
        return now + self._settings.ask_again * 2.0 ** max(0, len(enquiry.transaction_uids) - 1)
