"""Keys of the dictionary: which data element, or which set of them, an entry describes.

A key is a tag with a mask of the digits that count. The mask carries the three open forms in one
place: a private element, whose block number varies, ``(0019,xx0a)``; a repeating group,
``(60xx,3000)``; and the odd patterns of PS3.6, ``(1000,xxx0)``. Importers parse their own spelling
into keys, entries and commands print them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from atlas_dictionary.errors import DictionaryError

EXACT = 0xFFFFFFFF
PRIVATE = 0xFFFF00FF
"""Mask of a private element: the high byte of the element number is that of the block."""

_DIGITS = re.compile(r"[0-9a-fx]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ElementKey:
    """A private creator, or None, and a tag of which `mask` tells the digits that count.

    Attributes
    ----------
    creator : str or None
        Private creator without padding; None for a public element.
    tag : int
        Group number in the upper 16 bits, element number in the lower; 0 where `mask` is 0.
    mask : int
    """

    creator: str | None
    tag: int
    mask: int = EXACT

    @property
    def group_text(self) -> str:
        """Group as four digits, ``0019`` or ``60xx``."""
        return self._digits()[:4]

    @property
    def element_text(self) -> str:
        """Element as four digits, ``xx0a``, ``3000``."""
        return self._digits()[4:]

    @property
    def names_block(self) -> bool:
        """Whether it is private and leaves the offset open: it names no single element."""
        return self.creator is not None and self.mask & 0xFF != 0xFF

    def __str__(self) -> str:
        digits = self._digits()
        return f"({digits[:4]},{digits[4:]})"

    def _digits(self) -> str:
        digits = f"{self.tag:08x}"
        if self.mask == EXACT:
            return digits
        mask = f"{self.mask:08x}"
        return "".join(d if m == "f" else "x" for d, m in zip(digits, mask, strict=True))


def private_key(creator: str, group: int, element: int) -> ElementKey:
    """Return the key of the private element `element` (offset or full number) in `group`."""
    return ElementKey(creator, group << 16 | element & 0xFF, PRIVATE)


def sort_key(key: ElementKey) -> tuple[bool, bytes, bool, int, int, int, int]:
    """Return the place of `key` in a source table and in a file (FORMAT.md, ENTR)."""
    return (
        key.creator is None,
        (key.creator or "").encode("utf-8"),
        key.names_block or (key.creator is None and key.mask != EXACT),
        key.tag >> 16,
        key.mask >> 16,
        key.tag & 0xFFFF,
        key.mask & 0xFFFF,
    )


def parse_key(group: str, element: str, creator: str | None) -> ElementKey:
    """Return the key that a source or a user writes as `group` and `element`.

    Parameters
    ----------
    group : str
        Four hexadecimal digits, ``x`` for a digit that is open.
    element : str
        The same; of a private element also two digits, the offset. Its block digits are dropped:
        ``xx0a``, ``100a``, ``000a`` and ``0a`` are the same key (PS3.5 7.8.1), and ``10xx`` names
        all of the block.
    creator : str or None
        Private creator; None or empty for a public element.

    Raises
    ------
    DictionaryError
        Where the digits are none, or where an odd group has no creator.
    """
    group, element = group.strip().lower(), element.strip().lower()
    if creator and re.fullmatch(r"[0-9a-f]{2}", element, re.ASCII):
        element = "xx" + element
    for name, text in (("group", group), ("element", element)):
        if not _DIGITS.fullmatch(text):
            raise DictionaryError(
                f"{name} {text!r} is not four hexadecimal digits (x for an open digit)"
            )
    if creator:
        element = "xx" + element[2:]
    elif group[3] in "13579bdf":
        raise DictionaryError(f"({group},{element}) has an odd group and so needs a creator")
    digits = group + element
    return ElementKey(
        creator or None,
        int(digits.replace("x", "0"), 16),
        int("".join("0" if d == "x" else "f" for d in digits), 16),
    )
