"""Annotation: an encoded data set in, the annotated data set and its records out.

The network, the log and the command line call `Annotator.annotate`. It is a pure, deterministic
function of bytes, dictionary and policy, raises nothing for whatever the bytes are, and where it
cannot read an object to its end the object comes back unchanged with the reason in `error`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from atlas_dictionary import Dictionary
from atlas_node.annotate.charset import decode_text
from atlas_node.annotate.definition import Choice
from atlas_node.annotate.describe import describe
from atlas_node.annotate.explicit import walk_data_set, walk_items
from atlas_node.annotate.implicit import reencode_data_set
from atlas_node.annotate.scope import Blocks, Scope
from atlas_node.annotate.value import reported_value
from atlas_node.annotate.walk import Finding, Found, Walk
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.deflate import deflated, inflated
from atlas_node.encoding.header import BIG_ENDIAN, tag_text
from atlas_node.encoding.implicit import without_vrs
from atlas_node.encoding.pieces import Piece, splice
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    transfer_syntax,
)
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementRecord, ElementStatus, Identity, Policy

Buffer = bytes | bytearray | memoryview

_CONVERTIBLE: Final = {EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN}
_MAX_REPORTED: Final = 4096
"""More bytes than a report shows of any value."""

_SIGNED: Final = "the object carries a digital signature or MAC, which a change would break"


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
    identity : Identity
        What the object says of itself.
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
        self.identity = _identity(walk, root)

    @property
    def counts(self) -> dict[str, int]:
        """Number of private elements, and of those of each status."""
        by_status = Counter(found[-1].status for found in self._found)
        counts = {"private": len(self._found)}
        counts.update({status.value: by_status[status] for status in ElementStatus})
        return counts

    @property
    def size(self) -> int:
        """Bytes of the annotated data set."""
        return sum(len(piece) for piece in self.pieces)

    def elements(self) -> tuple[ElementRecord, ...]:
        """Return a record of every private element, in the order of the stream."""
        return tuple(self._record(Finding._make(found)) for found in self._found)

    def _record(self, finding: Finding) -> ElementRecord:
        scope, block, choice = finding.scope, finding.block, finding.choice
        entry = finding.definition.entry if finding.definition is not None else None
        raw: bytes | memoryview = self._view[finding.start : finding.stop]
        if self._big_endian and choice.status is ElementStatus.ALREADY:
            raw = swapped(choice.vr, raw[:_MAX_REPORTED])
        value, truncated = reported_value(choice.vr, memoryview(raw), scope.encodings)
        return ElementRecord(
            path=f"{scope.path()}{tag_text(finding.group, finding.element)}",
            creator=block.creator if block is not None else "",
            key=f"({finding.group:04x},xx{finding.element & 0xFF:02x})",
            vr_before=finding.vr_before.decode(),
            vr=choice.vr,
            vm=entry.vm if entry is not None else "",
            name=entry.name if entry is not None else "",
            status=choice.status,
            reason=choice.reason,
            value=value,
            truncated=truncated,
            sources=tuple(dict.fromkeys(s.id for s in entry.sources)) if entry is not None else (),
            confidence=entry.confidence if entry is not None else 0.0,
        )


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
        syntax = transfer_syntax(transfer_syntax_uid)
        received = memoryview(data)
        walk = Walk(received, self._blocks, self._inherit, walk_items)
        walk.describing = policy is Policy.DESCRIBE
        root = Scope()
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
            return Annotation(
                walk, root, [received], [], transfer_syntax_uid, changed=False, error=str(error)
            )
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
        walk_data_set(walk, root, 0, len(walk.view), delimited=False)
        edits = walk.edits
        if walk.signed or policy is Policy.OBSERVE:
            edits = []
        elif policy is Policy.DESCRIBE and edits:
            edits = describe(walk, walk.findings)
        pieces = splice(walk.view, edits, 0, len(walk.view)) if edits else []
        if deliver_as is not None:
            pieces = without_vrs(b"".join(pieces) if pieces else walk.view)
        return pieces

    def _read_implicit(
        self, walk: Walk, root: Scope, policy: Policy, deliver_as: str | None
    ) -> list[Piece]:
        """Walk an object in implicit VR; return it in explicit VR where that is wanted."""
        pieces = reencode_data_set(walk, root, 0, len(walk.view), delimited=False).pieces
        if deliver_as is None or walk.signed or policy is Policy.OBSERVE:
            return []
        if policy is not Policy.DESCRIBE:
            return pieces
        # Where descriptions belong is seen by a second walk, over what the first has written.
        view = memoryview(b"".join(pieces))
        written = Walk(view, self._blocks, self._inherit, walk_items, describing=True)
        walk_data_set(written, Scope(), 0, len(written.view), delimited=False)
        written.edits.clear()
        edits = describe(written, walk.findings)
        return splice(written.view, edits, 0, len(written.view))

    def identify(self, data: Buffer, transfer_syntax_uid: str) -> Identity:
        """Return what an object says of itself, as far as its bytes can be read."""
        return self.annotate(data, transfer_syntax_uid, Policy.OBSERVE).identity


def _held_back(found: Found) -> Found:
    if found[-1].status is not ElementStatus.DECODED:
        return found
    return (*found[:-1], Choice("UN", ElementStatus.REFUSED, _SIGNED))


def _identity(walk: Walk, root: Scope) -> Identity:
    def text(tag: int) -> str:
        raw = walk.identity.get(tag, b"")
        decoded = decode_text(raw, root.encodings)
        return (raw.decode("latin-1") if decoded is None else decoded).strip("\0 ")

    creators = dict.fromkeys(block.creator for block in root.blocks.values())
    return Identity(
        sop_class_uid=text(0x00080016),
        sop_instance_uid=text(0x00080018),
        study_instance_uid=text(0x0020000D),
        series_instance_uid=text(0x0020000E),
        patient_id=text(0x00100020),
        modality=text(0x00080060),
        manufacturer=text(0x00080070),
        model=text(0x00081090),
        software_versions=text(0x00181020),
        private_creators=tuple(creators),
    )
