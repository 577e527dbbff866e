"""Storage commitment on associations that peers open: a scanner's requests, an archive's reports.

`StorageScp` hands N-ACTION and N-EVENT-REPORT to a `CommitmentProvider`. A request is answered
0x0000 when it is in the store, and no sooner; the relay passes it on. Where the scanner's
association is still open when its report is there, the scanner is told in it. The rule: the node
says nothing of an instance that an archive has not said.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import build_context

from atlas_node.dimse.commitment.exchange import PUSH_MODEL, PUSH_MODEL_INSTANCE
from atlas_node.dimse.commitment.information import (
    REQUEST_ACTION,
    RESOURCE_LIMITATION,
    InformationError,
    read_request,
    received,
)
from atlas_node.dimse.commitment.open_association import OpenAssociations
from atlas_node.dimse.commitment.report import (
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    peer_of,
    take_report,
)
from atlas_node.dimse.status import PROCESSING_FAILURE, SUCCESS, answer
from atlas_node.errors import SpoolError, SpoolFullError
from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.transaction import Enquiry, Transaction, transaction_id

Archives = Callable[[str, str, str], Sequence[str]]
"""Names the archives that an instance may have gone to, by calling AE, called AE and SOP class."""

NO_SUCH_ACTION: Final = 0x0123

_logger = logging.getLogger(__name__)


class CommitmentProvider:
    """Takes requests and reports.

    Parameters
    ----------
    store : CommitmentStore
    archives : callable or None
        Which archives to ask; None: no destination offers storage commitment, and neither does
        the node. May be set anew at any time.
    """

    def __init__(self, store: CommitmentStore, archives: Archives | None) -> None:
        self.archives = archives
        self._store = store
        self._open = OpenAssociations(store)

    def negotiate(self, assoc: Association) -> None:
        """Offer the push model in an association that is being requested.

        The requestor may be the scanner, in the role of SCU, or an archive that reports and has
        asked for the role of SCP (PS3.7 D.3.3.4).
        """
        request: Any = assoc.requestor.primitive
        proposed = request.presentation_context_definition_list
        if self.archives is None or all(it.abstract_syntax != PUSH_MODEL for it in proposed):
            return
        context = build_context(PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        context.scu_role = context.scp_role = True
        assoc.acceptor.supported_contexts = [*assoc.acceptor.supported_contexts, context]
        role = assoc.requestor.role_selection.get(PUSH_MODEL)  # type: ignore[call-overload]
        if role is not None:
            # With storage unrestricted, pynetdicom answers for the roles of storage alone.
            reply = SCP_SCU_RoleSelectionNegotiation()
            reply.sop_class_uid = PUSH_MODEL
            reply.scu_role, reply.scp_role = role.scu_role, role.scp_role
            assoc.acceptor.add_negotiation_item(reply)
        if role is None or role.scu_role:
            self._open.tell_what_could_not_be_told(assoc)

    def serve(self, event: evt.Event) -> Dataset:
        """Return the answer to an N-ACTION or N-EVENT-REPORT request (PS3.4 J.3)."""
        if event.event is evt.EVT_N_EVENT_REPORT:
            return take_report(self._store, event)
        try:
            return self._requested(event)
        except (InformationError, SpoolError) as error:
            _logger.error("storage commitment request from %s refused: %s", peer_of(event), error)
            return _refusal(error)

    def _requested(self, event: evt.Event) -> Dataset:
        request: Any = event.request
        if str(request.RequestedSOPClassUID) != PUSH_MODEL:
            return answer(NO_SUCH_CLASS)
        if str(request.RequestedSOPInstanceUID) != PUSH_MODEL_INSTANCE:
            return answer(NO_SUCH_INSTANCE)
        if request.ActionTypeID != REQUEST_ACTION:
            return answer(NO_SUCH_ACTION)
        information = received(str(event.context.transfer_syntax), request.ActionInformation)
        requested = read_request(information)
        assoc: Any = event.assoc
        calling_ae = assoc.requestor.ae_title.strip()
        called_ae = assoc.requestor.primitive.called_ae_title.strip()
        classes = {sop_class for sop_class, _ in requested.references}
        enquiries = self._enquiries(calling_ae, called_ae, classes)
        if not enquiries:
            raise InformationError(
                "no route leads these instances to an archive that commits", PROCESSING_FAILURE
            )
        transaction = Transaction(
            transaction_id=transaction_id(calling_ae, requested.transaction_uid),
            received_at=time.time(),
            calling_ae=calling_ae,
            called_ae=called_ae,
            peer=assoc.requestor.address,
            transaction_uid=requested.transaction_uid,
            request=information,
            enquiries=enquiries,
        )
        kept = self._store.add(transaction)
        if kept is not transaction:
            # The identifier is a digest, and a scanner may use a UID twice.
            if kept.calling_ae != calling_ae or read_request(kept.request) != requested:
                raise InformationError("the Transaction UID is in use", PROCESSING_FAILURE)
            if kept.given_up:
                self._store.update(
                    kept.transaction_id, lambda it: replace(it, given_up=False, next_try_at=0.0)
                )
        else:
            _logger.info(
                "storage commitment transaction %s: %s asks for %d instances, passed on to %s",
                kept.transaction_id, peer_of(event), len(requested.references),
                ", ".join(enquiry.destination for enquiry in enquiries),
            )  # fmt: skip
        self._open.tell(assoc, kept.transaction_id)
        return answer(SUCCESS)

    def _enquiries(self, calling_ae: str, called_ae: str, classes: set[str]) -> tuple[Enquiry, ...]:
        archives = self.archives
        asked: dict[str, list[str]] = {}
        for sop_class in sorted(classes):
            for name in archives(calling_ae, called_ae, sop_class) if archives else ():
                asked.setdefault(name, []).append(sop_class)
        return tuple(Enquiry(name, tuple(found)) for name, found in asked.items())


def _refusal(error: InformationError | SpoolError) -> Dataset:
    if isinstance(error, InformationError):
        return answer(error.status, str(error))
    if isinstance(error, SpoolFullError):
        return answer(RESOURCE_LIMITATION, "too many open transactions")
    return answer(PROCESSING_FAILURE, "the spool cannot be written")
