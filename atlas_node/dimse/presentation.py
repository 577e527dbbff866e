"""Transfer syntaxes of presentation contexts: which is taken of a peer, which is offered to one.

pynetdicom's storage service takes every SOP class and, of several transfer syntaxes, the first
proposed. Here the proposal is put into our order first. The rule: what the sender would rather
send is taken, except that an encoding that names the VRs, and is not big endian, goes before one
that does not: in an implicit VR stream no private element has a VR.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    MPEG2MPML,
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation

from atlas_node.config import Destination
from atlas_node.model import Policy

Syntax = tuple[str, str]
"""A SOP class and a transfer syntax: what one presentation context is negotiated for."""

COMPRESSED: Final = tuple(
    map(
        str,
        (
            JPEGLosslessSV1, JPEG2000Lossless, JPEGBaseline8Bit, JPEG2000, JPEGLSLossless,
            RLELossless, JPEGExtended12Bit, JPEGLossless, JPEGLSNearLossless, HTJ2KLossless,
            HTJ2KLosslessRPCL, HTJ2K, MPEG2MPML, MPEG4HP41, DeflatedExplicitVRLittleEndian,
        ),
    )
)  # fmt: skip
"""Transfer syntaxes in which objects are handed on as they are, each in a context of its own."""

MOST_COMPRESSED: Final = 7
"""SOP classes that there is room for in all forms on one association, beside a request's own."""

_LAST = (ImplicitVRLittleEndian, ExplicitVRBigEndian)
_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def preferred(proposed: Sequence[UID]) -> list[UID]:
    """Return the proposed transfer syntaxes, the one to take first."""
    return sorted(proposed, key=lambda syntax: _LAST.index(syntax) + 1 if syntax in _LAST else 0)


def preferred_to_send(proposed: Sequence[UID]) -> list[UID]:
    """Return the transfer syntaxes in which a peer takes objects, the one to take first.

    Of an object in an archive nobody knows yet in which it stands. Every archive can send what is
    not compressed uncompressed, and many decompress; none has all in one compressed syntax.
    """
    return sorted(proposed, key=lambda it: _PLAIN.index(it) if it in _PLAIN else len(_PLAIN))


def put_in_order(request: A_ASSOCIATE) -> None:
    """Put the proposal of every presentation context of an association request into our order."""
    takes = {
        it.sop_class_uid
        for it in request.user_information
        # One that sends them, too, may have them in the syntax that it names first.
        if isinstance(it, SCP_SCU_RoleSelectionNegotiation) and it.scp_role and not it.scu_role
    }
    for context in request.presentation_context_definition_list:
        syntaxes = context.transfer_syntax
        if len(syntaxes) < 2:
            continue
        # Past the property, which looks at each UID again.
        if context.abstract_syntax in takes:
            context._transfer_syntax = preferred_to_send(syntaxes)
        elif syntaxes[0] in _LAST:
            context._transfer_syntax = preferred(syntaxes)


def deliverable_as(transfer_syntax_uid: str, policy: Policy) -> list[str]:
    """Return the transfer syntaxes in which an object can be delivered, the best first.

    Only explicit VR carries what was decoded, so an object in implicit VR is offered in explicit
    VR first, unless the policy changes nothing. An uncompressed one in explicit VR is offered in
    implicit VR too, for a peer that takes nothing else.
    """
    explicit, implicit = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
    if transfer_syntax_uid == implicit and policy is not Policy.OBSERVE:
        return [explicit, implicit]
    if transfer_syntax_uid == explicit:
        return [explicit, implicit]
    return [transfer_syntax_uid]


def forms(syntaxes: Iterable[Syntax], policy: Policy, destination: Destination) -> list[Syntax]:
    """Return the forms in which a destination may be sent such objects, the best of each first."""
    return [
        (sop_class, form)
        for sop_class, transfer_syntax in syntaxes
        for form in deliverable_as(transfer_syntax, policy)
        if may_be_sent(form, destination)
    ]


def may_be_sent(transfer_syntax_uid: str, destination: Destination) -> bool:
    """Whether the configuration lets a destination be sent objects in a transfer syntax."""
    only = destination.transfer_syntaxes
    return not only or transfer_syntax_uid in only
