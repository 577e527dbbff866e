"""Annotation: an encoded data set in, the annotated data set and its records out.

The network, the log and the command line call `Annotator.annotate`. It is a pure, deterministic
function of bytes, dictionary and policy, raises nothing for whatever the bytes are, and where it
cannot read an object to its end the object comes back unchanged with the reason in `error`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Final

from atlas_dictionary import Dictionary
from atlas_node.annotate.describe import describe
from atlas_node.annotate.explicit import walk_data_set, walk_items
from atlas_node.annotate.facts import MAX_VALUE, Fact, record_of
from atlas_node.annotate.identity import identify, identity_of
from atlas_node.annotate.implicit import Output, reencode_data_set
from atlas_node.annotate.scope import Blocks, Scope
from atlas_node.annotate.walk import Found, Walk
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.deflate import deflated, inflated
from atlas_node.encoding.header import BIG_ENDIAN
from atlas_node.encoding.implicit import without_vrs
from atlas_node.encoding.pieces import Buffer, Piece, PiecedStream, splice
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementRecord, ElementStatus, Identity, Policy

_CONVERTIBLE: Final = {EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN}
_SIGNED: Final = "the object carries a digital signature or MAC, which a change would break"

_INFLATING: Final = threading.Lock()
"""Held while an inflated object is in memory: one at a time in a process, because a few bytes from
the network can stand for `MAX_INFLATED`."""


class Annotation:
    """What annotation made of one data set.

    Attributes
    ----------
    pieces : list of bytes or memoryview
        The annotated data set in order; long ones that did not change are views of the input.
    transfer_syntax_uid : str
        How `pieces` are encoded.
    changed : bool
        Whether they differ from the input.
    error : str or None
        Why the object could not be annotated.
    """

    def __init__(
        self,
        walk: Walk,
        root: Scope,
        pieces: list[Piece],
        findings: list[Found],
        transfer_syntax_uid: str,
        *,
        changed: bool,
        error: str | None = None,
    ) -> None:
        self._view = walk.view
        self._big_endian = walk.order is BIG_ENDIAN
        self._found = findings
        self.pieces = pieces
        self.transfer_syntax_uid = transfer_syntax_uid
        self.changed = changed
        self.error = error
        self._noted = walk.identity
        self._root = root
        self._facts_again: Callable[[], list[Fact]] | None = None

    @cached_property
    def identity(self) -> Identity:
        """What the object says of itself."""
        blocks = self._root.reserved.blocks.values()
        return identity_of(self._noted, self._root.encodings, (block.creator for block in blocks))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of private elements, and of those of each status."""
        by_status = Counter([outcome.status for _, outcome, _, _ in self._found])
        counts = {"private": len(self._found)}
        counts.update({status.value: by_status[status.value] for status in ElementStatus})
        return counts

    @property
    def size(self) -> int:
        """Bytes of the annotated data set."""
        return sum(len(piece) for piece in self.pieces)

    def facts(self) -> list[Fact]:
        """Return a fact for each private element, in the order of the stream.

        Facts are hashable, and cheaper than records by far: no value is decoded. Equal facts have
        equal records, which `record_of` makes.
        """
        if self._facts_again is not None:
            return self._facts_again()
        view, big_endian = self._view, self._big_endian
        facts: list[Fact] = []
        around: Scope | None = None
        path = ""
        for scope, outcome, start, stop in self._found:
            if scope is not around:
                around, path = scope, scope.path()
            vr = outcome.vr
            shown = stop if stop - start <= MAX_VALUE else start + MAX_VALUE
            value = b"" if vr == "SQ" else view[start:shown].tobytes()
            if big_endian and outcome.status == ElementStatus.ALREADY:
                value = bytes(swapped(vr, value))
            facts.append((path, *outcome, scope.encodings, value))
        return facts

    def elements(self) -> tuple[ElementRecord, ...]:
        """Return a record of every private element, in the order of the stream."""
        return tuple(map(record_of, self.facts()))

    def let_go(self, facts_again: Callable[[], list[Fact]]) -> None:
        """Let go of the data set that was walked and of all that was found in it.

        `facts_again` makes the facts when they are asked for.
        """
        _ = self.identity, self.counts
        if self._found:
            self._facts_again = facts_again
        self._view = memoryview(b"")
        self._found = []


class Annotator:
    """Annotates data sets with one dictionary; may be shared by threads.

    Parameters
    ----------
    dictionary : atlas_dictionary.Dictionary
    inherit_creators : bool
        Whether an item without a private creator of its own uses that of an enclosing data set.
    """

    def __init__(self, dictionary: Dictionary, *, inherit_creators: bool = True) -> None:
        self._blocks = Blocks(dictionary)
        self._inherit = inherit_creators

    def annotate(
        self,
        data: Buffer,
        transfer_syntax_uid: str,
        policy: Policy,
        deliver_as: str | None = None,
    ) -> Annotation:
        """Annotate one encoded data set, without file meta information.

        Parameters
        ----------
        data : bytes, bytearray or memoryview
            The data set as it was received.
        transfer_syntax_uid : str
            How it is encoded.
        policy : Policy
            `OBSERVE` leaves every byte as it was.
        deliver_as : str or None
            Transfer syntax of `pieces`; None: that of `data`. Explicit VR little endian for data
            in implicit VR, whose elements only then get a VR that others see; or implicit VR for
            data in uncompressed explicit VR little endian.

        Raises
        ------
        ValueError
            When `deliver_as` asks for anything else.
        """
        if deliver_as == transfer_syntax_uid:
            deliver_as = None
        if deliver_as and {deliver_as, transfer_syntax_uid} != _CONVERTIBLE:
            raise ValueError(f"{transfer_syntax_uid} cannot be delivered as {deliver_as}")
        received = memoryview(data)
        if not transfer_syntax(transfer_syntax_uid).deflated:
            return self._annotate(received, transfer_syntax_uid, policy, deliver_as)

        def facts() -> list[Fact]:
            with _INFLATING:
                return self._annotate(received, transfer_syntax_uid, policy).facts()

        with _INFLATING:
            annotation = self._annotate(received, transfer_syntax_uid, policy)
            annotation.let_go(facts)
        return annotation

    def _annotate(
        self,
        received: memoryview,
        transfer_syntax_uid: str,
        policy: Policy,
        deliver_as: str | None = None,
    ) -> Annotation:
        """Do the work of `annotate`; for a deflated data set the caller holds `_INFLATING`."""
        syntax = transfer_syntax(transfer_syntax_uid)
        walk = Walk(received, self._blocks, self._inherit, walk_items)
        walk.describing = policy is Policy.DESCRIBE
        root = Scope(walk.none_reserved)
        try:
            if syntax.deflated:
                walk.view = memoryview(inflated(received))
            if syntax.big_endian:
                walk.order = BIG_ENDIAN
            if syntax.implicit:
                pieces = self._read_implicit(walk, root, policy, deliver_as)
            else:
                pieces = self._read_explicit(walk, root, policy, deliver_as)
        except MalformedStreamError as error:
            annotation = Annotation(
                walk, root, [received], [], transfer_syntax_uid, changed=False, error=str(error)
            )
            if syntax.deflated and walk.view is received:
                annotation.identity = identify(received, transfer_syntax_uid)
            return annotation
        findings = walk.findings
        if walk.signed:
            findings = [_held_back(found) for found in findings]
        if not pieces:
            return Annotation(walk, root, [received], findings, transfer_syntax_uid, changed=False)
        if syntax.deflated:
            pieces = [deflated(pieces)]
        return Annotation(
            walk, root, pieces, findings, deliver_as or transfer_syntax_uid, changed=True
        )

    def _read_explicit(
        self, walk: Walk, root: Scope, policy: Policy, deliver_as: str | None
    ) -> list[Piece]:
        """Walk an object in explicit VR; return its new pieces, none where it stays."""
        walk_data_set(walk, root, 0, len(walk.view))
        edits = walk.edits
        if walk.signed or policy is Policy.OBSERVE:
            edits = []
        elif policy is Policy.DESCRIBE and edits:
            edits = describe(walk, edits, len(walk.view))
        pieces = splice(walk.view, edits, 0, len(walk.view)) if edits else []
        if deliver_as is not None:
            pieces = without_vrs(pieces or [walk.view])
        return pieces

    def _read_implicit(
        self, walk: Walk, root: Scope, policy: Policy, deliver_as: str | None
    ) -> list[Piece]:
        """Walk an object in implicit VR; return it in explicit VR where that is wanted."""
        out = Output(walk.order)
        reencode_data_set(walk, root, out, 0, len(walk.view))
        if deliver_as is None or walk.signed or policy is Policy.OBSERVE:
            return []
        pieces = out.finish()
        if policy is not Policy.DESCRIBE:
            return pieces
        return PiecedStream(pieces).edited(describe(walk, [], out.size))


def _held_back(found: Found) -> Found:
    scope, outcome, start, stop = found
    if outcome.status != ElementStatus.DECODED:
        return found
    refused = outcome._replace(vr="UN", status=ElementStatus.REFUSED.value, reason=_SIGNED)
    return scope, refused, start, stop
