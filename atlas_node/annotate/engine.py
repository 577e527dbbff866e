"""Annotation: an encoded data set in, the annotated data set and its records out.

The network, the log and the command line call `Annotator.annotate`. It is a pure, deterministic
function of bytes, dictionary and policy, raises nothing for whatever the bytes are, and where it
cannot read an object to its end the object comes back unchanged with the reason in `error`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from atlas_dictionary import Dictionary
from atlas_node.annotate.charset import decode_text
from atlas_node.annotate.choice import Choice
from atlas_node.annotate.describe import describe
from atlas_node.annotate.explicit import walk_data_set
from atlas_node.annotate.implicit import reencode_data_set
from atlas_node.annotate.scope import Blocks, Scope
from atlas_node.annotate.value import reported_value
from atlas_node.annotate.walk import Edit, Finding, Walk
from atlas_node.encoding.transfer_syntax import transfer_syntax
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementRecord, ElementStatus, Identity, Policy

Buffer = bytes | bytearray | memoryview

_SIGNED: Final = "the object carries a digital signature or MAC, which a change would break"


class Annotation:
    """What annotation made of one data set.

    Attributes
    ----------
    pieces : list of bytes or memoryview
        The annotated data set in order; those that did not change are views of the input.
    changed : bool
        Whether it differs from the input.
    error : str or None
        Why the object could not be annotated.
    counts : dict of str to int
        Number of private elements, ``private``, and of each status.
    identity : Identity
        What the object says of itself.
    """

    def __init__(
        self, walk: Walk, root: Scope, edits: list[Edit], findings: list[Finding], error: str | None
    ) -> None:
        self._view = walk.view
        self._findings = findings
        self.error = error
        self.changed = bool(edits)
        self.pieces = list(_splice(walk.view, edits))
        self.identity = _identity(walk, root)

    @property
    def counts(self) -> dict[str, int]:
        """Number of private elements, and of those of each status."""
        by_status = Counter(finding.choice.status for finding in self._findings)
        counts = {"private": len(self._findings)}
        counts.update({status.value: by_status[status] for status in ElementStatus})
        return counts

    @property
    def size(self) -> int:
        """Bytes of the annotated data set."""
        return sum(len(piece) for piece in self.pieces)

    def elements(self) -> tuple[ElementRecord, ...]:
        """Return a record of every private element, in the order of the stream."""
        return tuple(self._record(finding) for finding in self._findings)

    def _record(self, finding: Finding) -> ElementRecord:
        scope, header, (block, definition, _), choice = (
            finding.scope, finding.header, finding.meaning, finding.choice,
        )  # fmt: skip
        entry = definition.entry if definition is not None else None
        value, truncated = reported_value(
            choice.vr, self._view[header.start : finding.stop], scope.encodings
        )
        return ElementRecord(
            path=f"{scope.path()}{header}",
            creator=block.creator if block is not None else "",
            key=f"({header.group:04x},xx{header.element & 0xFF:02x})",
            vr_before=header.vr.decode(),
            vr=choice.vr,
            vm=entry.vm if entry is not None else "",
            name=entry.name if entry is not None else "",
            status=choice.status,
            reason=choice.reason,
            value=value,
            truncated=truncated,
            sources=tuple(source.id for source in entry.sources) if entry is not None else (),
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

    def annotate(self, data: Buffer, transfer_syntax_uid: str, policy: Policy) -> Annotation:
        """Annotate one encoded data set, without file meta information.

        Parameters
        ----------
        data : bytes, bytearray or memoryview
            The data set as it was received.
        transfer_syntax_uid : str
            How it is encoded. Implicit VR is decoded for the records alone; deflated and big
            endian data sets come back unchanged, with an error.
        policy : Policy
            `OBSERVE` leaves every byte as it was.
        """
        walk = Walk(memoryview(data), self._blocks, self._inherit)
        root = Scope()
        try:
            self._read(walk, root, transfer_syntax_uid)
            if walk.signed:
                findings = [_held_back(finding) for finding in walk.findings]
                return Annotation(walk, root, [], findings, None)
            edits = [] if policy is Policy.OBSERVE else walk.edits
            if policy is Policy.DESCRIBE and not transfer_syntax(transfer_syntax_uid).implicit:
                edits = describe(walk)
        except MalformedStreamError as error:
            return Annotation(walk, root, [], [], str(error))
        return Annotation(walk, root, edits, walk.findings, None)

    def identify(self, data: Buffer, transfer_syntax_uid: str) -> Identity:
        """Return what an object says of itself, as far as its bytes can be read."""
        return self.annotate(data, transfer_syntax_uid, Policy.OBSERVE).identity

    @staticmethod
    def _read(walk: Walk, root: Scope, transfer_syntax_uid: str) -> None:
        syntax = transfer_syntax(transfer_syntax_uid)
        end = len(walk.view)
        if syntax.deflated or syntax.big_endian:
            kind = "deflated" if syntax.deflated else "big endian"
            raise MalformedStreamError(
                f"{kind} data sets ({transfer_syntax_uid}) are passed on without annotation; read",
                0,
            )
        if syntax.implicit:
            reencode_data_set(walk, root, 0, end, delimited=False)
        else:
            walk_data_set(walk, root, 0, end, delimited=False)


def _held_back(finding: Finding) -> Finding:
    if finding.choice.status is not ElementStatus.DECODED:
        return finding
    return finding._replace(choice=Choice("UN", ElementStatus.REFUSED, _SIGNED))


def _splice(view: memoryview, edits: list[Edit]) -> Iterator[bytes | memoryview]:
    position = 0
    for start, stop, replacement in edits:
        if start > position:
            yield view[position:start]
        yield replacement
        position = stop
    if position < len(view):
        yield view[position:]


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
