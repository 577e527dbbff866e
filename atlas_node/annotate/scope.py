"""Private blocks (PS3.5 7.8.1): which creator reserves which elements of a data set or item.

The engine keeps one `Scope` for each data set it is in and asks it for the block of every private
element. A creator holds for its own data set; where `inherit` is on and an item reserves nothing,
the nearest enclosing data set that reserves the block speaks for it, and the block says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from atlas_dictionary import Block as DictionaryBlock
from atlas_dictionary import Dictionary
from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, Encodings, encodings_of
from atlas_node.annotate.definition import Definition, define

_MAX_REMEMBERED: Final = 8192


@dataclass(slots=True)
class Block:
    """A private block as the dictionary knows it; shared by all objects that reserve it.

    Attributes
    ----------
    creator : str
        As written in the object, trimmed of padding.
    known : atlas_dictionary.Block or None
        None when the dictionary has no entry for the creator in this group.
    """

    creator: str
    known: DictionaryBlock | None
    definitions: dict[int, Definition | None] = field(default_factory=dict)

    def definition(self, offset: int) -> Definition | None:
        """Return the definition of the element (gggg,xx`offset`)."""
        try:
            return self.definitions[offset]
        except KeyError:
            entry = self.known.get(offset) if self.known is not None else None
            found = self.definitions[offset] = None if entry is None else define(entry)
            return found


class Blocks:
    """The blocks met so far, so that the dictionary is asked once for each creator and group."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._blocks: dict[tuple[bytes, int], Block] = {}
        self._standard: dict[int, str] = {}

    def reserved_by(self, creator: bytes, group: int) -> Block:
        """Return the block that a private creator's value reserves in `group`."""
        key = (creator, group)
        block = self._blocks.get(key)
        if block is None:
            # Creators come from the network: what is remembered of them must have an end.
            if len(self._blocks) >= _MAX_REMEMBERED:
                self._blocks.clear()
            text = creator.decode("utf-8", "replace").strip("\0 ")
            block = self._blocks[key] = Block(text, self._dictionary.block(text, group))
        return block

    def standard_vr(self, tag: int) -> str:
        """Return the VR of a standard element: one, several such as ``US or SS``, or ``UN``."""
        vr = self._standard.get(tag)
        if vr is None:
            if len(self._standard) >= _MAX_REMEMBERED:
                self._standard.clear()
            entry = self._dictionary.public(tag)
            vr = self._standard[tag] = "UN" if entry is None else entry.vr
        return vr


class Scope:
    """One data set: the object itself (`parent` is None) or an item of a sequence.

    Attributes
    ----------
    parent, group, element, item :
        The enclosing scope and where in it this item stands.
    depth : int
        Number of scopes around it.
    blocks : dict of int to Block
        By group << 8 | block number.
    encodings : tuple of str
        Codecs of the character set in force; an item inherits it (PS3.3 C.12.1.1.2).
    signed_pixels : bool or None
        Whether (0028,0103) says that pixels are signed; None where nothing says so.
    """

    __slots__ = (
        "blocks", "depth", "element", "encodings", "group", "item", "parent", "signed_pixels",
    )  # fmt: skip

    def __init__(
        self, parent: Scope | None = None, group: int = 0, element: int = 0, item: int = 0
    ) -> None:
        self.parent = parent
        self.group = group
        self.element = element
        self.item = item
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.blocks: dict[int, Block] = {}
        self.encodings: Encodings = DEFAULT_REPERTOIRE if parent is None else parent.encodings
        self.signed_pixels: bool | None = None if parent is None else parent.signed_pixels

    def declare_character_set(self, value: bytes) -> None:
        """Take the value of (0008,0005) for this data set and the items in it."""
        self.encodings = encodings_of(value)

    def inherited(self, key: int) -> Block | None:
        """Return the block `key` as the nearest enclosing data set reserves it."""
        scope = self.parent
        while scope is not None:
            block = scope.blocks.get(key)
            if block is not None:
                return block
            scope = scope.parent
        return None

    def path(self) -> str:
        """Return where this data set stands: ``(2005,140f)[0].``, or nothing for the object."""
        steps = []
        scope: Scope | None = self
        while scope is not None and scope.parent is not None:
            steps.append(f"({scope.group:04x},{scope.element:04x})[{scope.item}].")
            scope = scope.parent
        return "".join(reversed(steps))
