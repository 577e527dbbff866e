"""The A-ASSOCIATE-RQ PDU of a peer, whose presentation contexts are read in one pass.

A scanner proposes a hundred of them for each association. pynetdicom makes five objects of each
and looks at every UID four times, which takes as long as receiving twenty images; here each
becomes the one object that is negotiated with. All else of the PDU is read by pynetdicom.
`Provider` uses it. The rule: what cannot be negotiated is refused here, before it gets there, and
what is not known is passed over, so that a scanner may be newer than this.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.presentation import PresentationContext

from atlas_node.dimse.transport.fragments import ProtocolError

if TYPE_CHECKING:
    from pynetdicom.pdu_primitives import A_ASSOCIATE

_VARIABLE_ITEMS: Final = 74
_ITEM: Final = struct.Struct(">BxH")
_APPLICATION_CONTEXT: Final = 0x10
_PRESENTATION_CONTEXT: Final = 0x20
_USER_INFORMATION: Final = 0x50
_OF_USER_INFORMATION: Final = range(0x51, 0x59)
"""Maximum length to user identity (PS3.8 annex D, PS3.7 annex D.3)."""
_USER_IDENTITY: Final = 0x58
_IDENTITIES: Final = (b"\1", b"\2", b"\3", b"\4", b"\5")
_AE_TITLES: Final = {"called": slice(10, 26), "calling": slice(26, 42)}
_AE_TITLE: Final = re.compile(rb"[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*")
"""Printable ASCII without backslash, and not spaces alone (PS3.5 6.2)."""
_CONTEXT_HEADER: Final = 4
_ABSTRACT_SYNTAX: Final = 0x30
_TRANSFER_SYNTAX: Final = 0x40
_LONGEST_UID: Final = 64


class AssociateRequest(A_ASSOCIATE_RQ):
    """An A-ASSOCIATE-RQ PDU that was received (PS3.8 9.3.2)."""

    _contexts: list[PresentationContext]

    def decode(self, bytestream: bytes) -> None:
        """Take the fields of an encoded PDU.

        Raises
        ------
        ProtocolError
            When an item is longer than the PDU, or a presentation context cannot be negotiated, or
            an AE title is none.
        """
        self._contexts = []
        others = []
        for kind, begin, end in _items(bytestream, _VARIABLE_ITEMS, len(bytestream)):
            if kind == _PRESENTATION_CONTEXT:
                self._contexts.append(_context(bytestream, begin, end))
            elif kind == _USER_INFORMATION:
                others.append(_user_information(bytestream, begin, end))
            elif kind == _APPLICATION_CONTEXT:
                others.append(bytestream[begin - _ITEM.size : end])
        super().decode(_with_ae_titles(bytestream[:_VARIABLE_ITEMS]) + b"".join(others))

    def to_primitive(self) -> A_ASSOCIATE:
        """Return the A-ASSOCIATE request primitive."""
        primitive = super().to_primitive()
        primitive.presentation_context_definition_list.extend(self._contexts)
        return primitive


def _with_ae_titles(fixed: bytes) -> bytes:
    """Return the fixed part of the PDU; an AE title that is padded with NUL is with spaces."""
    for name, place in _AE_TITLES.items():
        title = fixed[place].rstrip(b"\0 ").ljust(16)
        if not _AE_TITLE.fullmatch(title):
            raise ProtocolError(f"a {name} AE title that is empty or has more than printable ASCII")
        fixed = fixed[: place.start] + title + fixed[place.stop :]
    return fixed


def _user_information(data: bytes, begin: int, end: int) -> bytes:
    """Return the user information item with the sub-items that are known."""
    known = b"".join(
        data[start - _ITEM.size : stop]
        for kind, start, stop in _items(data, begin, end)
        if kind in _OF_USER_INFORMATION
        and (kind != _USER_IDENTITY or data[start:stop].startswith(_IDENTITIES))
    )
    return _ITEM.pack(_USER_INFORMATION, len(known)) + known


def _items(data: bytes, position: int, end: int) -> list[tuple[int, int, int]]:
    """Return the type of each item, and where what follows its header begins and ends."""
    items = []
    while position < end:
        begin = position + _ITEM.size
        if begin > end:
            raise ProtocolError("an association request ends within the header of an item")
        kind, length = _ITEM.unpack_from(data, position)
        position = begin + length
        if position > end:
            raise ProtocolError(
                f"an item of {length} bytes in an association request that has {end - begin} left"
            )
        items.append((kind, begin, position))
    return items


def _context(data: bytes, begin: int, end: int) -> PresentationContext:
    if end - begin < _CONTEXT_HEADER:
        raise ProtocolError("a presentation context without an identifier")
    context = PresentationContext()
    context_id = data[begin]
    if not context_id & 1:
        raise ProtocolError(f"presentation context {context_id}: its identifier is not odd")
    # Past the properties, which would look at each UID again.
    context._context_id = context_id
    for kind, start, stop in _items(data, begin + _CONTEXT_HEADER, end):
        if kind == _TRANSFER_SYNTAX:
            context._transfer_syntax.append(_uid(data[start:stop], context_id))
        elif kind == _ABSTRACT_SYNTAX:
            context._abstract_syntax = _uid(data[start:stop], context_id)
    if context._abstract_syntax is None or not context._transfer_syntax:
        raise ProtocolError(f"presentation context {context_id}: a syntax is missing")
    return context


def _uid(encoded: bytes, context_id: int) -> UID:
    text = encoded.decode("ascii", "replace").strip("\0 ")
    if not 0 < len(text) <= _LONGEST_UID:
        raise ProtocolError(
            f"presentation context {context_id}: a UID of {len(text)} characters, "
            f"expected 1 to {_LONGEST_UID}"
        )
    return str.__new__(UID, text)
