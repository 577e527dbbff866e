"""The service class user: one kept association to a peer for C-STORE, and C-ECHO.

A `Courier` owns a `KeptAssociation` for its destination. What must be negotiated is asked for
when an object needs it; the encoded bytes go out as they are given, in pieces that are not
copied. Not thread-safe: one thread uses an association.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from atlas_node.activity import OutgoingAssociation
from atlas_node.config import NodeSettings
from atlas_node.dimse.peer import Caller, Peer
from atlas_node.dimse.presentation import Syntax
from atlas_node.dimse.status import SUCCESS, Verdict, describe, verdict
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_ECHO_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    ERROR_COMMENT,
    PRIORITY,
    STATUS,
    number,
    string,
    uid,
    us,
)
from atlas_node.dimse.transport.established import (
    AssociationLostError,
    EstablishedAssociation,
    Patience,
    Response,
)
from atlas_node.dimse.transport.sending import SHORTEST_PDU, Buffer
from atlas_node.errors import PeerError

_MOST_CONTEXTS: Final = 128
_REFUSED_FOR: Final = 60.0
_MEDIUM: Final = us(0x0000)
_CONTEXT_RESULTS: Final = {
    1: "rejected by the user",
    2: "rejected without a reason",
    3: "it does not know the SOP class",
    4: "it does not take the transfer syntax",
}


class ContextRefusedError(PeerError):
    """The peer takes no object of this SOP class in this transfer syntax."""


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
        self._caller = Caller(peer, node)
        self._patience = Patience(
            response=node.timeouts.dimse, silence=node.timeouts.network, release=node.timeouts.acse
        )
        self._assoc: EstablishedAssociation | None = None
        self._contexts: dict[Syntax, int] = {}
        self._refused: dict[Syntax, tuple[float, str]] = {}
        self._opened_at = 0.0
        self._objects = 0
        self._bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether there is an association that can be used now."""
        return self._assoc is not None and self._assoc.is_open()

    def description(self) -> OutgoingAssociation | None:
        """Return what is known of the association that is open; for any thread."""
        peer, contexts = self._peer, self._contexts
        if self._assoc is None or not contexts:
            return None
        return OutgoingAssociation(
            destination=peer.name,
            ae_title=peer.ae_title,
            address=f"{peer.host}:{peer.port}",
            since=self._opened_at,
            contexts=len(contexts),
            objects=self._objects,
            bytes=self._bytes,
        )

    def close(self) -> None:
        """Release the association, if there is one."""
        assoc, self._assoc, self._contexts = self._assoc, None, {}
        if assoc is not None:
            assoc.release()

    def echo(self) -> None:
        """Ask whether the peer answers (C-ECHO, PS3.7 9.1.5).

        Raises
        ------
        PeerError
            When it cannot be reached or answers with another status than success.
        """
        syntax = (str(Verification), str(ImplicitVRLittleEndian))
        taken = self.takes([syntax])
        command = {COMMAND_FIELD: us(C_ECHO_RQ), AFFECTED_SOP_CLASS_UID: uid(syntax[0])}
        status, comment, _ = self._exchange(taken, command)
        self.close()
        if status != SUCCESS:
            raise PeerError(f"{self._peer}: C-ECHO answered with {describe(status, comment)}")

    def store(
        self,
        syntax: Syntax,
        sop_instance_uid: str,
        pieces: Sequence[Buffer],
        more: Mapping[int, bytes] | None = None,
    ) -> tuple[int, str]:
        """Send an object (C-STORE, PS3.7 9.1.1) and return the peer's status and comment.

        Parameters
        ----------
        syntax : tuple of str
            SOP class and transfer syntax of the object.
        sop_instance_uid : str
        pieces : sequence of bytes or memoryview
            The encoded data set.
        more : mapping of int to bytes, optional
            More of the command set: who asked for the object (C-MOVE).

        Raises
        ------
        ContextRefusedError
            When the peer does not take such objects.
        AssociationLostError
            When the association ended while the object was being sent.
        PeerError
            When no association can be opened.
        """
        taken = self.takes([syntax])
        command = {
            COMMAND_FIELD: us(C_STORE_RQ),
            AFFECTED_SOP_CLASS_UID: uid(syntax[0]),
            PRIORITY: _MEDIUM,
            AFFECTED_SOP_INSTANCE_UID: uid(sop_instance_uid),
            **(more or {}),
        }
        status, comment, early = self._exchange(taken, command, pieces)
        if early and verdict(status) is Verdict.STORED:
            # It says that it stored what it had not read yet.
            raise self._given_up("said that it stored an object before it had all of it")
        self._objects += 1
        self._bytes += sum(map(len, pieces))
        return status, comment

    def takes(
        self, syntaxes: Sequence[Syntax], ahead: Callable[[], Sequence[Syntax]] = tuple
    ) -> Syntax:
        """Return the first of `syntaxes` that the peer takes, negotiating them.

        Parameters
        ----------
        syntaxes : sequence of tuple
            The forms in which one object can be sent, the best first.
        ahead : callable
            Returns what else will be sent soon, to be negotiated along.

        Raises
        ------
        ContextRefusedError
            When the peer takes none of them.
        PeerError
            When no association can be opened.
        """
        if syntaxes[0] in self._contexts and self.is_open:
            return syntaxes[0]
        refusals = [self._refusal(syntax) for syntax in syntaxes]
        if all(refusals):
            raise ContextRefusedError("; ".join(dict.fromkeys(refusals)))
        undecided = any(
            syntax not in self._contexts and not refusal
            for syntax, refusal in zip(syntaxes, refusals, strict=True)
        )
        if undecided or not self.is_open:
            known = list(self._contexts)
            self.close()
            self._open(list(dict.fromkeys((*syntaxes, *ahead(), *known)))[:_MOST_CONTEXTS])
        for syntax in syntaxes:
            if syntax in self._contexts:
                return syntax
        raise ContextRefusedError("; ".join(dict.fromkeys(map(self._refusal, syntaxes))))

    def _refusal(self, syntax: Syntax) -> str:
        """Return why the peer lately refused a context for `syntax`; empty when it did not."""
        when, why = self._refused.get(syntax, (0.0, ""))
        return why if why and time.monotonic() - when < _REFUSED_FOR else ""

    def _open(self, syntaxes: Sequence[Syntax]) -> None:
        negotiated = self._caller.negotiate([build_context(*syntax) for syntax in syntaxes])
        longest = negotiated.longest_sent
        self._assoc = EstablishedAssociation(
            negotiated.socket,
            str(self._peer),
            longest_sent=longest,
            longest_received=self._peer.max_pdu,
            patience=self._patience,
        )
        if 0 < longest < SHORTEST_PDU:
            self._assoc.abort()
            raise PeerError(
                f"{self._peer}: takes PDUs of {longest} bytes, which hold no part of an object"
            )
        self._opened_at, self._objects, self._bytes = time.time(), 0, 0
        self._contexts = {syntax: number for number, syntax in negotiated.accepted.items()}
        for syntax in self._contexts:
            self._refused.pop(syntax, None)
        self._remember_refusals(negotiated.refused, syntaxes)
        if not self._contexts:
            self._assoc.abort()
            raise ContextRefusedError(self._refused[syntaxes[0]][1])

    def _remember_refusals(self, results: Mapping[int, int], proposed: Sequence[Syntax]) -> None:
        now = time.monotonic()
        for position, syntax in enumerate(proposed):
            if syntax not in self._contexts:
                result = results.get(2 * position + 1, 0)
                why = _CONTEXT_RESULTS.get(result, "refused the presentation context")
                self._refused[syntax] = (now, f"{self._peer}: {why}")

    def _exchange(
        self,
        syntax: Syntax,
        command: Mapping[int, bytes],
        pieces: Sequence[Buffer] | None = None,
    ) -> tuple[int, str, bool]:
        """Send a request; return status and comment of the answer and whether it was early."""
        assoc = self._assoc
        if assoc is None:
            raise AssociationLostError(f"{self._peer}: no association")
        response: Response = assoc.exchange(self._contexts[syntax], command, pieces)
        elements = response.elements
        return number(elements, STATUS), string(elements, ERROR_COMMENT), response.early

    def _given_up(self, why: str) -> AssociationLostError:
        assoc, self._assoc, self._contexts = self._assoc, None, {}
        if assoc is not None:
            assoc.abort()
        return AssociationLostError(f"{self._peer}: {why}")


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
