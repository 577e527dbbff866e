"""The storage commitment relay: everything that happens when no peer is waiting for an answer.

One process of the node runs one `CommitmentRelay`; two would ask archives twice. It has no state
but the store and the spool, so it may end and start again at any moment.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Final

from atlas_node.config import Config
from atlas_node.dimse.access import AccessList
from atlas_node.dimse.commitment.enquirer import Enquirer
from atlas_node.dimse.commitment.teller import Teller
from atlas_node.errors import SpoolError
from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.transaction import Enquiry, EnquiryStatus, Transaction

_LOOK_EVERY: Final = 5.0

_logger = logging.getLogger(__name__)


class CommitmentRelay:
    """Asks archives and calls scanners, in threads of their own.

    Parameters
    ----------
    config : Config

    Raises
    ------
    ConfigurationError
        When the TLS files of a destination cannot be used.
    SpoolError
        When the store cannot be put in order.
    """

    def __init__(self, config: Config) -> None:
        self._store = CommitmentStore(config.spool.path)
        self._store.sweep()
        archives = [it for it in config.destinations if it.commitment]
        self._archives = {it.name for it in archives}
        self._enquirers = [
            Enquirer(it, config.node, config.commitment, self._store, config.spool.path)
            for it in archives
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._teller = Teller(config.node, config.commitment, AccessList(config.peers), self._store)

    def start(self) -> None:
        """Begin; what an earlier one left is gone on with."""
        for enquirer in self._enquirers:
            enquirer.start()
        self._teller.start()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after what is being done now, for which each thread has `timeout` seconds."""
        self._stopping.set()
        parts: list[Enquirer | Teller] = [*self._enquirers, self._teller]
        for part in parts:
            part.stop(0.0)
        for part in parts:
            part.stop(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._give_up_stranded()
            except SpoolError as error:
                _logger.error("storage commitment waits: %s", error)
            self._stopping.wait(_LOOK_EVERY)

    def _give_up_stranded(self) -> None:
        """Give up what waits for an archive that the configuration no longer has."""
        now = time.time()

        def gone(enquiry: Enquiry) -> Enquiry:
            if enquiry.final:
                return enquiry
            return replace(
                enquiry,
                status=EnquiryStatus.FAILED,
                detail="the configuration has no such destination that commits",
            )

        for transaction in self._store.transactions():
            for enquiry in transaction.enquiries:
                name = enquiry.destination
                if enquiry.final or name in self._archives:
                    continue
                change = partial(Transaction.with_enquiry, destination=name, change=gone, now=now)
                self._store.update(transaction.transaction_id, change)
                _logger.error(
                    "storage commitment transaction %s: destination %r is not one that commits "
                    "any more; its instances are reported as failed",
                    transaction.transaction_id, name,
                )  # fmt: skip


def is_needed(config: Config) -> bool:
    """Whether there is anything for a relay to do."""
    return any(it.commitment for it in config.destinations) or bool(
        CommitmentStore(config.spool.path).transactions()
    )
