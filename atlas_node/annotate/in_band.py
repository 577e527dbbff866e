"""Definitions that an object carries of its own private elements (PS3.3 C.12.1.1.7).

The walks note the elements of the Private Data Element Characteristics Sequence (0008,0300) here,
which stands before nearly all private elements; for that object they outrank the dictionary. What
they say is verified against the value like everything else.
"""

from __future__ import annotations

from typing import Final

from atlas_dictionary import Candidate as EntryCandidate
from atlas_dictionary import Entry, Flags, Source
from atlas_dictionary.keys import private_key
from atlas_node.annotate.definition import Definition, define
from atlas_node.annotate.scope import Block, Scope
from atlas_node.encoding.header import ByteOrder
from atlas_node.encoding.vr import KNOWN

_GROUP: Final = 0x00080301
_CREATOR: Final = 0x00080302
_ELEMENT: Final = 0x00080308
_VM: Final = 0x00080309
_VR: Final = 0x0008030A
_NAME: Final = 0x0008030C
_KEYWORD: Final = 0x0008030D
TAGS: Final = frozenset({_GROUP, _CREATOR, _ELEMENT, _VM, _VR, _NAME, _KEYWORD})
"""Elements that `InBandDefinitions.note` takes."""

_MAX_NOTED: Final = 65536
_MAX_LENGTH: Final = 256
_MAX_READINGS: Final = 8
"""More often than in any real object, whose definitions stand in one sequence, they are not read:
an object that went on to define between its private blocks would cost the square of its size."""


class InBandDefinitions:
    """What one object says of its private elements.

    Parameters
    ----------
    order : ByteOrder
        Of the numbers in its definitions.
    """

    def __init__(self, order: ByteOrder) -> None:
        self._order = order
        self._noted: dict[Scope, dict[int, bytes]] = {}
        self._definitions: dict[tuple[int, str], dict[int, Definition]] = {}
        self._blocks: dict[tuple[int, str], Block] = {}
        self._readings = 0
        self._unread = False

    def note(self, scope: Scope, tag: int, value: memoryview) -> None:
        """Take note of an element of an item of the sequence, or of one inside it."""
        if (
            self._readings < _MAX_READINGS
            and len(self._noted) < _MAX_NOTED
            and len(value) <= _MAX_LENGTH
        ):
            self._noted.setdefault(scope, {})[tag] = value.tobytes()
            self._unread = True

    def block(self, known: Block, group: int) -> Block:
        """Return the block `known` with what the object itself says of its elements in `group`."""
        if self._unread:
            self._definitions = self._read()
            self._blocks.clear()
            self._readings += 1
            self._unread = False
        key = (group, known.creator)
        own = self._definitions.get(key)
        if own is None:
            return known
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = Block(known.creator, known.known, dict(own))
        return block

    def _read(self) -> dict[tuple[int, str], dict[int, Definition]]:
        blocks: dict[tuple[int, str], dict[int, Definition]] = {}
        for scope, noted in self._noted.items():
            around = self._noted.get(scope.parent, {}) if scope.parent is not None else {}
            group, offset = self._number(around.get(_GROUP)), self._number(noted.get(_ELEMENT))
            creator, vr = _text(around.get(_CREATOR)), _text(noted.get(_VR))
            if group is None or offset is None or not creator or vr not in KNOWN - {"UN"}:
                continue
            offset &= 0xFF
            entry = Entry(
                key=private_key(creator, group, offset),
                vr=vr,
                vm=self._multiplicity(noted.get(_VM)),
                keyword=_text(noted.get(_KEYWORD)),
                name=_text(noted.get(_NAME)),
                description="",
                candidates=(EntryCandidate(vr, 1),),
                sources=(Source("in-band", "(0008,0300)"),),
                confidence=1.0,
                flags=Flags(0),
            )
            blocks.setdefault((group, creator), {})[offset] = define(entry)
        return blocks

    def _number(self, value: bytes | None) -> int | None:
        if value is None or len(value) != 2:
            return None
        return int(self._order.short_length.unpack(value)[0])

    def _multiplicity(self, value: bytes | None) -> str:
        """Return a VM as PS3.6 writes it; ``1-n`` where the object says none that can be read."""
        if value is None or len(value) not in (4, 8, 12):
            return "1-n"
        low, *rest = (n for (n,) in self._order.length.iter_unpack(value))
        if not rest:
            return str(low)
        if rest[0]:
            return f"{low}-{rest[0]}"
        return f"{low}-{rest[1] if len(rest) > 1 and rest[1] > 1 else ''}n"


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").strip("\0 ")
