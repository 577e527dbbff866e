"""The service class user: one kept association to a peer, and C-ECHO.

A `Courier` owns a `KeptAssociation` for its destination. What must be negotiated is asked for
when an object needs it; the encoded bytes go out as they are given, in pieces, and no more than
a few PDUs of them wait in memory. Not thread-safe: one thread uses an association.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, cast

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from atlas_node.config import Destination, NodeSettings, Tls, Upstream
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import SUCCESS, describe
from atlas_node.dimse.tls import client_context
from atlas_node.dimse.transport import Checkpoint, RequestingEntity
from atlas_node.errors import PeerError

Buffer = bytes | memoryview
Syntax = tuple[str, str]
"""A SOP class and a transfer syntax: what one presentation context is negotiated for."""

_MOST_CONTEXTS: Final = 128
_REFUSED_FOR: Final = 60.0
_PDUS_AHEAD: Final = 16
_STEP: Final = 0.5
_UNLIMITED_FRAGMENT: Final = 1 << 17
_CONTEXT_RESULTS: Final = {
    1: "rejected by the user",
    2: "rejected without a reason",
    3: "it does not know the SOP class",
    4: "it does not take the transfer syntax",
}


class ContextRefusedError(PeerError):
    """The peer takes no object of this SOP class in this transfer syntax."""


class AssociationLostError(PeerError):
    """The association ended, or the peer fell silent, while an object was being sent."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An application entity that the node calls."""

    name: str
    ae_title: str
    host: str
    port: int
    calling_ae: str
    tls: Tls | None = None
    max_pdu: int = 131072

    @classmethod
    def of(cls, entry: Destination | Upstream, node: NodeSettings) -> Peer:
        """Return the peer that an entry of the configuration stands for."""
        return cls(
            name=entry.name,
            ae_title=entry.ae_title,
            host=entry.host,
            port=entry.port,
            calling_ae=getattr(entry, "calling_ae_title", None) or node.ae_title,
            tls=entry.tls,
            max_pdu=getattr(entry, "max_pdu", node.max_pdu),
        )

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


class KeptAssociation:
    """An association that is opened when it is needed and stays open.

    Parameters
    ----------
    peer : Peer
    node : NodeSettings

    Raises
    ------
    ConfigurationError
        When the TLS files of the peer cannot be used.
    """

    def __init__(self, peer: Peer, node: NodeSettings) -> None:
        self._peer = peer
        self._ae = application_entity(node, peer.calling_ae, RequestingEntity)
        self._silence = node.timeouts.network
        self._tls = (client_context(peer.tls), peer.host) if peer.tls else None
        self._assoc: Association | None = None
        self._contexts: dict[Syntax, int] = {}
        self._refused: dict[Syntax, tuple[float, str]] = {}
        self._message_id = 0

    @property
    def is_open(self) -> bool:
        """Whether an association is open as far as we know."""
        return self._assoc is not None and self._assoc.is_established

    def close(self) -> None:
        """Release the association, if there is one."""
        assoc, self._assoc, self._contexts = self._assoc, None, {}
        if assoc is not None and assoc.is_established:
            assoc.release()

    def echo(self) -> None:
        """Ask whether the peer answers (C-ECHO, PS3.7 9.1.5).

        Raises
        ------
        PeerError
            When it cannot be reached or answers with another status than success.
        """
        syntax = (str(Verification), str(ImplicitVRLittleEndian))
        request = C_ECHO()
        request.AffectedSOPClassUID = syntax[0]
        taken = self.takes([syntax])
        response = self._exchange(request, C_ECHO_RQ(), self._contexts[taken])
        self.close()
        if response.Status != SUCCESS:
            raise PeerError(f"{self._peer}: C-ECHO answered with {describe(response.Status)}")

    def store(
        self,
        syntax: Syntax,
        sop_instance_uid: str,
        pieces: Sequence[Buffer],
        ahead: Sequence[Syntax] = (),
    ) -> tuple[int, str]:
        """Send an object (C-STORE, PS3.7 9.1.1) and return the peer's status and comment.

        Parameters
        ----------
        syntax : tuple of str
            SOP class and transfer syntax of the object.
        sop_instance_uid : str
        pieces : sequence of bytes or memoryview
            The encoded data set.
        ahead : sequence of tuple
            What else will be sent soon, to be negotiated along.

        Raises
        ------
        ContextRefusedError
            When the peer does not take such objects.
        AssociationLostError
            When the association ended while the object was being sent.
        PeerError
            When no association can be opened.
        """
        taken = self.takes([syntax], ahead)
        context_id = self._contexts[taken]
        request = C_STORE()
        request.AffectedSOPClassUID = syntax[0]
        request.AffectedSOPInstanceUID = sop_instance_uid
        request.Priority = 0x0002
        request.DataSet = BytesIO()  # says that there is one; it follows from `pieces`
        response = self._exchange(request, C_STORE_RQ(), context_id, pieces)
        return int(response.Status), str(response.ErrorComment or "")

    def takes(self, syntaxes: Sequence[Syntax], ahead: Sequence[Syntax] = ()) -> Syntax:
        """Return the first of `syntaxes` that the peer takes, negotiating them.

        Parameters
        ----------
        syntaxes : sequence of tuple
            The forms in which one object can be sent, the best first.
        ahead : sequence of tuple
            What else will be sent soon, to be negotiated along.

        Raises
        ------
        ContextRefusedError
            When the peer takes none of them.
        PeerError
            When no association can be opened.
        """
        refusals = [self._refusal(syntax) for syntax in syntaxes]
        if all(refusals):
            raise ContextRefusedError("; ".join(dict.fromkeys(refusals)))
        undecided = any(
            syntax not in self._contexts and not refusal
            for syntax, refusal in zip(syntaxes, refusals, strict=True)
        )
        if not self.is_open or (undecided and syntaxes[0] not in self._contexts):
            known = list(self._contexts)
            self.close()
            self._open(list(dict.fromkeys((*syntaxes, *ahead, *known)))[:_MOST_CONTEXTS])
        for syntax in syntaxes:
            if syntax in self._contexts:
                return syntax
        raise ContextRefusedError("; ".join(dict.fromkeys(map(self._refusal, syntaxes))))

    def _refusal(self, syntax: Syntax) -> str:
        """Return why the peer lately refused a context for `syntax`; empty when it did not."""
        when, why = self._refused.get(syntax, (0.0, ""))
        return why if why and time.monotonic() - when < _REFUSED_FOR else ""

    def _open(self, syntaxes: Sequence[Syntax]) -> None:
        peer = self._peer
        try:
            assoc = self._ae.associate(
                peer.host,
                peer.port,
                contexts=[build_context(*syntax) for syntax in syntaxes],
                ae_title=peer.ae_title,
                max_pdu=peer.max_pdu,
                tls_args=self._tls,
            )
        except OSError as error:
            raise PeerError(f"{peer}: {error.strerror or error}") from error
        assoc._reactor_checkpoint = cast(Any, Checkpoint())
        # What ends an idle association is its owner's business, not a timer's.
        assoc.network_timeout = None
        if not assoc.is_established:
            if assoc.rejected_contexts and not assoc.accepted_contexts:
                self._remember_refusals(assoc.rejected_contexts, syntaxes)
                raise ContextRefusedError(self._refused[syntaxes[0]][1])
            raise PeerError(f"{peer}: {_why_not(assoc)}")
        self._assoc = assoc
        self._contexts = {_syntax(it): int(it.context_id or 0) for it in assoc.accepted_contexts}
        for syntax in self._contexts:
            self._refused.pop(syntax, None)
        self._remember_refusals(assoc.rejected_contexts, syntaxes)

    def _remember_refusals(
        self, contexts: Sequence[PresentationContext], proposed: Sequence[Syntax]
    ) -> None:
        now = time.monotonic()
        results = {context.context_id: context.result or 0 for context in contexts}
        for number, syntax in enumerate(proposed):
            if syntax not in self._contexts:
                # A refusal names a transfer syntax that means nothing (PS3.8 9.3.3.2): the
                # identifier, odd and in the order of the proposal, says what was refused.
                result = results.get(2 * number + 1, 0)
                why = _CONTEXT_RESULTS.get(result, "refused the presentation context")
                self._refused[syntax] = (now, f"{self._peer}: {why}")

    def _exchange(
        self,
        request: C_ECHO | C_STORE,
        message: DIMSEMessage,
        context_id: int,
        pieces: Sequence[Buffer] | None = None,
    ) -> Any:
        """Send a request, with a data set where there are `pieces`, and return its response."""
        assoc = self._assoc
        if assoc is None:
            raise AssociationLostError(f"{self._peer}: no association")
        self._message_id = self._message_id % 0xFFFF + 1
        request.MessageID = self._message_id
        message.primitive_to_message(request)
        message.data_set = None
        longest = assoc.dimse.maximum_pdu_size
        checkpoint = cast(Any, assoc._reactor_checkpoint)
        if not checkpoint.park(assoc, self._silence):
            self._drop()
            raise AssociationLostError(f"{self._peer}: the association is stuck")
        try:
            for command in message.encode_msg(context_id, longest):
                assoc.dul.send_pdu(command)
            for fragment in fragments(pieces, longest) if pieces is not None else ():
                self._wait_for_room(assoc)
                data = P_DATA()
                data.presentation_data_value_list.append((context_id, fragment))
                assoc.dul.send_pdu(data)
            response = self._wait_for_response(assoc)
        finally:
            checkpoint.set()
        if response is None:
            raise AssociationLostError(f"{self._peer}: {self._why_lost(assoc)}")
        if (
            type(response) is not type(request)
            or not response.is_valid_response
            or response.MessageIDBeingRespondedTo != request.MessageID
        ):
            self._drop()
            raise AssociationLostError(f"{self._peer}: answered with another message")
        return response

    def _wait_for_response(self, assoc: Association) -> Any:
        """Return the next message; None when the association ends or the peer is silent."""
        give_up = time.monotonic() + (assoc.dimse_timeout or 0)
        while time.monotonic() < give_up:
            # In steps: nobody wakes us when the connection was lost before we sent.
            with contextlib.suppress(queue.Empty):
                return assoc.dimse.msg_queue.get(timeout=_STEP)[1]
            if not assoc.dul.is_alive():
                return None
        return None

    def _wait_for_room(self, assoc: Association) -> None:
        """Wait until few PDUs wait to be sent; give up when nothing moves."""
        ahead = assoc.dul.to_provider_queue
        size, since = ahead.qsize(), time.monotonic()
        while ahead.qsize() > _PDUS_AHEAD:
            if ahead.qsize() != size:
                size, since = ahead.qsize(), time.monotonic()
            if not assoc.dul.is_alive() or assoc.acse.is_aborted():
                raise AssociationLostError(f"{self._peer}: {self._why_lost(assoc)}")
            if time.monotonic() - since > self._silence:
                self._drop()
                raise AssociationLostError(f"{self._peer}: took nothing for {self._silence:g} s")
            time.sleep(0.0005)

    def _why_lost(self, assoc: Association) -> str:
        if assoc.acse.is_aborted("a-abort"):
            why = "aborted the association in the middle of an exchange"
        elif assoc.acse.is_aborted() or not assoc.dul.is_alive():
            why = "closed the connection in the middle of an exchange"
        else:
            why = f"no answer in {assoc.dimse_timeout:g} s"
        self._drop()
        return why

    def _drop(self) -> None:
        """Abort what is left of the association."""
        assoc, self._assoc, self._contexts = self._assoc, None, {}
        if assoc is None:
            return
        if assoc.dul.socket and assoc.dul.to_provider_queue.qsize():
            # Its thread may be stuck in a write; an abort would wait behind it.
            assoc.dul.socket._shutdown_socket()
        assoc.abort()


def echo(peer: Peer, node: NodeSettings) -> float:
    """Ask a peer whether it answers, and return in how many seconds it did.

    Raises
    ------
    PeerError
        When it cannot be reached or does not answer with success.
    ConfigurationError
        When its TLS files cannot be used.
    """
    begun = time.perf_counter()
    KeptAssociation(peer, node).echo()
    return time.perf_counter() - begun


def fragments(pieces: Sequence[Buffer], longest_pdu: int) -> Iterator[bytes]:
    """Cut an encoded data set into presentation data values (PS3.8 annex E.2).

    Parameters
    ----------
    pieces : sequence of bytes or memoryview
    longest_pdu : int
        What the peer takes in one P-DATA-TF PDU; 0: anything.

    Yields
    ------
    bytes
        Message control header and fragment; all but the last one of even length.
    """
    room = (longest_pdu - 6) & ~1 if longest_pdu else _UNLIMITED_FRAGMENT
    fragment = bytearray(b"\x00")
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            if len(fragment) > room:
                yield bytes(fragment)
                fragment = bytearray(b"\x00")
            count = room + 1 - len(fragment)
            fragment += rest[:count]
            rest = rest[count:]
    fragment[0] = 0x02
    yield bytes(fragment)


def _syntax(context: PresentationContext) -> Syntax:
    return str(context.abstract_syntax), str(context.transfer_syntax[0])


def _why_not(assoc: Association) -> str:
    """Say why an association was not established."""
    failure = getattr(assoc.dul.socket, "failure", "")
    if failure:
        return f"cannot connect: {failure}"
    rejection = assoc.acceptor.primitive
    if assoc.is_rejected and rejection:
        return f"rejected the association: {rejection.reason_str}"
    if assoc.acse.is_aborted("a-abort"):
        return "aborted the association request"
    return "no answer to the association request"
