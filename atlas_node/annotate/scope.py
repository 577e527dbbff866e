"""Private blocks (PS3.5 7.8.1): which creator reserves which elements of a data set or item.

The engine keeps one `Scope` for each data set it is in and asks it for the block of every private
element. A creator holds for its own data set; where `inherit` is on and an item reserves nothing,
the nearest enclosing data set that reserves the block speaks for it, and the block says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeVar

from atlas_dictionary import Block as DictionaryBlock
from atlas_dictionary import Dictionary
from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, Encodings, encodings_of
from atlas_node.annotate.definition import Definition, define
from atlas_node.annotate.identity import creator_text
from atlas_node.annotate.known import Known

_T = TypeVar("_T")
_MAX_REMEMBERED: Final = 1 << 16
_MAX_SHARED: Final = 256
"""Blocks of one data set; a real one reserves fewer."""


@dataclass(slots=True, eq=False)
class Block:
    """A private block as the dictionary knows it; shared by all objects that reserve it.

    Attributes
    ----------
    creator : str
        As written in the object, trimmed of padding.
    known : atlas_dictionary.Block or None
        None when the dictionary has no entry for the creator in this group.
    definitions : dict of int to Definition or None
        Of the elements that were met so far, by their offset in the block.
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


class Reserved:
    """The private blocks that a data set has reserved so far, and what is known of their elements.

    Data sets that reserve the same blocks in the same order share one, whatever their object:
    what a header means to a walk depends on nothing else and is found out once. Those that share
    make a tree, by their creators.

    Attributes
    ----------
    blocks : dict of int to Block
        By group << 8 | block number.
    explicit : two dicts of bytes to Known
        By tag and VR, as an explicit VR header begins: in little endian, and in big endian.
    implicit : dict of bytes to Known
        By tag.
    followers : dict of bytes to Reserved
        What comes of a private creator, by all of its bytes.
    tree : object or None
        The same for all of a tree; None: this one is of one data set alone.
    """

    __slots__ = ("blocks", "explicit", "followers", "implicit", "tree")

    def __init__(self, blocks: dict[int, Block], tree: object | None) -> None:
        self.blocks = blocks
        self.tree = tree
        self.explicit: tuple[dict[bytes, Known], dict[bytes, Known]] = ({}, {})
        self.implicit: dict[bytes, Known] = {}
        self.followers: dict[bytes, Reserved] = {}


def nothing_reserved() -> Reserved:
    """Return the root of a new tree."""
    return Reserved({}, object())


class Blocks:
    """The blocks met so far, so that the dictionary is asked once for each creator and group.

    Creators and tags come from the network: what is remembered of them has an end.

    Attributes
    ----------
    none_reserved : Reserved
        Where every data set begins whose object does not define its own elements.
    standard : Reserved
        What is known of elements that stand in no private block, whatever the blocks.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._standard: dict[int, str] = {}
        self._forget()

    def _forget(self) -> None:
        self.none_reserved = nothing_reserved()
        self.standard = nothing_reserved()
        self._blocks: dict[tuple[bytes, int], Block] = {}
        self._remembered = 0

    def remember(self, known: dict[bytes, _T], key: bytes, what: _T, size: int = 1) -> None:
        """Remember something in a dict of a `Reserved`; `size` counts what it holds."""
        if key in known:
            return
        if self._remembered >= _MAX_REMEMBERED:
            self._forget()
        self._remembered += size
        known[key] = what

    def reserved_by(self, creator: bytes, group: int) -> Block:
        """Return the block that a private creator's value reserves in `group`."""
        key = (creator, group)
        block = self._blocks.get(key)
        if block is None:
            if self._remembered >= _MAX_REMEMBERED:
                self._forget()
            self._remembered += 1
            text = creator_text(creator)
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
    reserved : Reserved
        The blocks that it has reserved itself.
    parent, group, element, item :
        The enclosing scope and where in it this item stands.
    depth : int
        Number of scopes around it.
    encodings : tuple of str
        Codecs of the character set in force; an item inherits it (PS3.3 C.12.1.1.2).
    signed_pixels : bool or None
        Whether (0028,0103) says that pixels are signed; None where nothing says so.
    """

    __slots__ = (
        "depth", "element", "encodings", "group", "item", "parent", "reserved", "signed_pixels",
    )  # fmt: skip

    def __init__(
        self,
        reserved: Reserved,
        parent: Scope | None = None,
        group: int = 0,
        element: int = 0,
        item: int = 0,
    ) -> None:
        self.reserved = reserved
        self.parent = parent
        self.group = group
        self.element = element
        self.item = item
        if parent is None:
            self.depth = 0
            self.encodings: Encodings = DEFAULT_REPERTOIRE
            self.signed_pixels: bool | None = None
        else:
            self.depth = parent.depth + 1
            self.encodings = parent.encodings
            self.signed_pixels = parent.signed_pixels

    def reserve(self, key: int, block: Block) -> None:
        """Take `block` for the elements of `key`, group << 8 | block number, of this data set."""
        reserved = self.reserved
        if reserved.tree is not None:
            reserved = self.reserved = Reserved(dict(reserved.blocks), None)
        elif key in reserved.blocks:
            for known in (*reserved.explicit, reserved.implicit):
                known.clear()
        reserved.blocks[key] = block

    def follow(self, blocks: Blocks, creator: bytes, key: int, block: Block) -> None:
        """Do as `reserve` does, for all data sets of the tree that go on with `creator` here."""
        reserved = self.reserved
        if len(reserved.blocks) >= _MAX_SHARED:
            self.reserve(key, block)
            return
        follower = reserved.followers.get(creator)
        if follower is None:
            follower = Reserved({**reserved.blocks, key: block}, reserved.tree)
            blocks.remember(reserved.followers, creator, follower, len(follower.blocks))
        self.reserved = follower

    def declare_character_set(self, value: bytes) -> None:
        """Take the value of (0008,0005) for this data set and the items in it."""
        self.encodings = encodings_of(value)

    def inherited(self, key: int) -> Block | None:
        """Return the block `key` as the nearest enclosing data set reserves it."""
        scope = self.parent
        while scope is not None:
            block = scope.reserved.blocks.get(key)
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
