"""What a transfer syntax UID says of the encoding of a data set (PS3.5 section 10, annex A).

Annotation asks it how to read a stream. A UID that is in no table is taken for a compressed
syntax, which is what every syntax added to the standard since 1996 has been: its data set is in
explicit VR little endian and its pixel data is encapsulated (PS3.5 A.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
JPIP_REFERENCED_DEFLATE: Final = "1.2.840.10008.1.2.4.95"
JPIP_HTJ2K_REFERENCED_DEFLATE: Final = "1.2.840.10008.1.2.4.205"

_DEFLATED: Final = frozenset(
    {DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, JPIP_REFERENCED_DEFLATE, JPIP_HTJ2K_REFERENCED_DEFLATE}
)


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How the data set of one transfer syntax is encoded."""

    uid: str
    implicit: bool = False
    big_endian: bool = False
    deflated: bool = False


def transfer_syntax(uid: str) -> TransferSyntax:
    """Return the encoding that `uid` stands for; unknown UIDs are explicit little endian."""
    return TransferSyntax(
        uid,
        implicit=uid == IMPLICIT_VR_LITTLE_ENDIAN,
        big_endian=uid == EXPLICIT_VR_BIG_ENDIAN,
        deflated=uid in _DEFLATED,
    )
