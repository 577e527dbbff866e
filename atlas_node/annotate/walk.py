"""One pass over an encoded data set: what it found, and the edits that would annotate it.

`explicit` and `implicit` read the stream and fill a `Walk`; the engine makes the annotated object
and its records of it. Nothing is changed while reading: an edit names the bytes that it replaces,
and whoever gives up on a sequence takes back what was noted since its `mark`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from atlas_node.annotate import in_band
from atlas_node.annotate.choice import choose, undefined_length_misfit
from atlas_node.annotate.definition import Choice, Definition, Equipment
from atlas_node.annotate.identity import (
    IDENTITY,
    MAX_CREATOR_LENGTH,
    MAX_IDENTITY_LENGTH,
    SPECIFIC_CHARACTER_SET,
)
from atlas_node.annotate.known import Outcome, outcome
from atlas_node.annotate.scope import Block, Blocks, Reserved, Scope, nothing_reserved
from atlas_node.annotate.verify import misfit
from atlas_node.encoding.header import (
    ITEM_TAG,
    LITTLE_ENDIAN,
    SEQUENCE_DELIMITATION_TAG,
    ByteOrder,
    tag_text,
)
from atlas_node.encoding.implicit import MAX_DEPTH
from atlas_node.encoding.pieces import Edit, Piece
from atlas_node.encoding.vr import MAX_LENGTH, UNDEFINED_LENGTH
from atlas_node.errors import MalformedStreamError

MAX_PRIVATE: Final = 1 << 21
"""Most private elements of one object, each of which takes some 300 bytes while it is annotated."""

CHECKED: Final = 1 << 20
"""A walk that is quick about an element looks once in so many bytes how many there are."""

DEFINITIONS: Final = 0x00080300
"""Private Data Element Characteristics Sequence (PS3.3 C.12.1)."""

CONTRIBUTIONS: Final = 0x0018A001
"""Contributing Equipment Sequence (PS3.3 C.12.1)."""

DESCRIPTIONS: Final = (DEFINITIONS, CONTRIBUTIONS)

SIGNATURES: Final = frozenset({0xFFFAFFFA, 0x4FFE0001})
PIXEL_REPRESENTATION: Final = 0x00280103
NOTABLE: Final = (
    IDENTITY | SIGNATURES | in_band.TAGS | {SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION}
)
"""Standard elements that `Walk.notable` looks at."""


class Header(NamedTuple):
    """Header of a data element: where it begins, where its value begins, and what it says."""

    position: int
    start: int
    group: int
    element: int
    vr: bytes
    length: int

    @property
    def undefined(self) -> bool:
        """Whether a delimitation ends the value, not a length."""
        return self.length == UNDEFINED_LENGTH

    def __str__(self) -> str:
        return tag_text(self.group, self.element)


class Meaning(NamedTuple):
    """What the dictionary makes of one private element.

    `remark` says why there is no block, or that the block is an enclosing data set's.
    """

    block: Block | None
    definition: Definition | None
    remark: str


Found = tuple[Scope, Outcome, int, int]
"""One private element as the walk met it: where, what became of it, and where its value begins and
stops. Bare tuples cost a third of named ones."""


class Place(NamedTuple):
    """Where a sequence of the object itself stands, or would stand.

    `header` is None and `stop` the place where it would begin, when the object has none.
    """

    header: Header | None
    stop: int


class Mark(NamedTuple):
    """How far a walk had come: numbers of edits and findings, and `growth`."""

    edits: int
    findings: int
    growth: int


@dataclass(slots=True)
class Walk:
    """What one pass over a data set has noted so far.

    Attributes
    ----------
    view : memoryview
        The encoded data set.
    blocks : Blocks
    inherit : bool
        Whether an item may use a creator of an enclosing data set.
    explicit_items : callable
        Walks the items of a sequence in explicit VR and returns the offset behind it: a sequence
        in implicit VR may hold one, and the other way round.
    order : ByteOrder
        Of the headers; of the values too, but for those in `UN`.
    describing : bool
        Whether the places of descriptions are wanted.
    edits : list of Edit
        In the order of their places, none overlapping.
    findings : list of Found
        In the order of the stream.
    identity : dict of int to bytes
        Values of the standard elements by which objects are told apart, by tag.
    places : dict of int to Place
        Where `DEFINITIONS` and `CONTRIBUTIONS` stand in the object itself; absent: at its end. An
        object in implicit VR has this and the next in what is written of it.
    group_lengths : dict of int to two of int
        Of those group lengths in the object itself that are true: offset of the value, and value.
    none_reserved : Reserved
        Where every item begins: once an object defines elements of its own, a tree of its own.
    own : InBandDefinitions or None
        What the object itself says of its private elements.
    signed : bool
        Whether the object holds a digital signature or a MAC (PS3.15 annex C).
    growth : int
        Bytes that the edits add.
    noted : int
        How many notable elements there were.
    plain : set of bytes
        Contents of sequences that are well formed and in which there is nothing to note. Those of
        multi-frame objects repeat, frame by frame.
    """

    view: memoryview
    blocks: Blocks
    inherit: bool
    explicit_items: Callable[[Walk, Scope, Header, int], int]
    order: ByteOrder = LITTLE_ENDIAN
    describing: bool = False
    edits: list[Edit] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    identity: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    group_lengths: dict[int, tuple[int, int]] = field(default_factory=dict)
    none_reserved: Reserved = field(init=False)
    own: in_band.InBandDefinitions | None = None
    signed: bool = False
    growth: int = 0
    noted: int = 0
    plain: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.none_reserved = self.blocks.none_reserved

    def equipment(self) -> Equipment:
        """Return the device that made the object, as far as the walk has read."""
        parts = (self.identity.get(tag, b"") for tag in (0x00080070, 0x00081090, 0x00181020))
        return Equipment(*(part.decode("latin-1").strip("\0 ") for part in parts))

    def edit(self, start: int, stop: int, replacement: Piece) -> None:
        """Note that the bytes from `start` to `stop` give way to `replacement`."""
        self.edits.append((start, stop, replacement))
        self.growth += len(replacement) - stop + start

    def replace(self, start: int, stop: int, pieces: list[Piece]) -> None:
        """Do as `edit` does, with a replacement in pieces."""
        *before, last = pieces
        for piece in before:
            self.edit(start, start, piece)
        self.edit(start, stop, last)

    def overwrite(self, index: int, start: int, replacement: bytes) -> None:
        """Note that as many bytes at `start`, before the edits since `index`, are others."""
        self.edits.insert(index, (start, start + len(replacement), replacement))

    def resize(self, index: int, start: int, length: int) -> None:
        """Note that the length field at `start`, before the edits since `index`, says `length`.

        Raises
        ------
        MalformedStreamError
            When 32 bits have no room for it.
        """
        if length > MAX_LENGTH:
            raise MalformedStreamError(f"a length of {length} bytes cannot be written", start)
        self.overwrite(index, start, self.order.length.pack(length))

    def mark(self) -> Mark:
        """Return how far the walk has come."""
        return Mark(len(self.edits), len(self.findings), self.growth)

    def forget_edits(self, mark: Mark) -> None:
        """Forget the edits since `mark`."""
        del self.edits[mark.edits :]
        self.growth = mark.growth

    def take_back(self, mark: Mark) -> None:
        """Forget what was noted since `mark`."""
        self.forget_edits(mark)
        del self.findings[mark.findings :]

    def found(
        self, index: int, scope: Scope, header: Header, stop: int, meaning: Meaning, choice: Choice
    ) -> None:
        """Note a private element that stands before the findings since `index`: inside it."""
        self.check_size(header.position)
        self.findings.insert(
            index, (scope, outcome_of(header, meaning, choice), header.start, stop)
        )

    def check_size(self, position: int) -> None:
        """Refuse more private elements than any real object has, which would fill memory."""
        if len(self.findings) >= MAX_PRIVATE:
            raise MalformedStreamError(f"more than {MAX_PRIVATE} private elements", position)

    def meaning(self, scope: Scope, header: Header) -> Meaning:
        """Return what the dictionary makes of a private element in `scope`."""
        group, element = header.group, header.element
        key = group << 8 | element >> 8
        block = scope.reserved.blocks.get(key)
        if block is not None:
            return Meaning(block, block.definition(element & 0xFF), "")
        if element < 0x1000:
            return Meaning(None, None, "its number belongs to no private block")
        if self.inherit:
            block = scope.inherited(key)
            if block is not None:
                remark = "the creator stands in an enclosing data set"
                return Meaning(block, block.definition(element & 0xFF), remark)
        return Meaning(
            None, None, f"no private creator at {tag_text(group, element >> 8)} reserves it"
        )

    def choice(
        self,
        scope: Scope,
        header: Header,
        stop: int,
        meaning: Meaning,
        read_items: Callable[[], None],
    ) -> Choice:
        """Choose the VR of a private `UN` element; one of undefined length must be a sequence.

        `read_items` walks the value as a sequence, and raises MalformedStreamError where it is
        none; unless its length is undefined, what it noted is then taken back.
        """
        definition, remark = meaning.definition, meaning.remark
        if header.undefined:
            read_items()
            return choose(definition, remark, self.equipment, undefined_length_misfit)
        if definition is not None and definition.glance is not None:
            headers, match = definition.glance
            if headers[header.length] and (match is None or match(self.view, header.start, stop)):
                return definition.decoded._replace(reason=remark) if remark else definition.decoded
        mark = self.mark()

        def misfit_of(vr: str) -> str:
            if vr != "SQ":
                vm = definition.vm if definition is not None else None
                return misfit(vr, self.view[header.start : stop], vm, scope.encodings)
            try:
                read_items()
            except MalformedStreamError as error:
                self.take_back(mark)
                return f"the value is no sequence: {error}"
            return ""

        return choose(definition, remark, self.equipment, misfit_of)

    def creator(self, scope: Scope, header: Header, stop: int) -> bool:
        """Take note of a private creator; whether it can be written as LO (PS3.5 7.8.1)."""
        value = self.view[header.start : stop]
        if len(value) > MAX_CREATOR_LENGTH:
            return False
        creator = value.tobytes().strip(b"\0 ")
        if not creator:
            return False
        key = header.group << 8 | header.element
        block = self.blocks.reserved_by(creator, header.group)
        fits = not misfit("LO", value, None, scope.encodings)
        if self.own is not None:
            block = self.own.block(block, header.group)
        in_tree = scope.reserved.tree is self.none_reserved.tree
        # Such a creator can be written as LO whatever the character set.
        if in_tree and fits and creator.isascii() and b"\x1b" not in creator:
            whole = self.view[header.position : stop].tobytes()
            scope.follow(self.blocks, whole, key, block)
        else:
            scope.reserve(key, block)
        return fits

    def pass_by(self, tag: int, position: int) -> None:
        """Note that the object itself has an element `tag` at `position`, in rising order."""
        for wanted in DESCRIPTIONS:
            if tag > wanted and wanted not in self.places:
                self.places[wanted] = Place(None, position)

    def place(self, header: Header, stop: int) -> None:
        """Note where the object itself has one of `DESCRIPTIONS`; it ends at `stop`."""
        self.places[header.group << 16 | header.element] = Place(header, stop)

    def notable(self, scope: Scope, tag: int, start: int, stop: int) -> None:
        """Look at a standard element that says something of the whole object or data set."""
        self.noted += 1
        if tag == SPECIFIC_CHARACTER_SET:
            scope.declare_character_set(self.view[start:stop].tobytes())
        elif tag == PIXEL_REPRESENTATION:
            # Of its two bytes, 0 or 1 in either order, one or none is set.
            scope.signed_pixels = any(self.view[start:stop])
        elif tag in SIGNATURES:
            self.signed = True
        elif tag in in_band.TAGS:
            # What was known of blocks may be so no more.
            if self.own is None or self.none_reserved.followers:
                self.none_reserved = nothing_reserved()
            if self.own is None:
                self.own = in_band.InBandDefinitions(self.order)
            self.own.note(scope, tag, self.view[start:stop])
        elif scope.parent is None and tag in IDENTITY:
            stop = min(stop, start + MAX_IDENTITY_LENGTH)
            self.identity[tag] = self.view[start:stop].tobytes()


def outcome_of(header: Header, meaning: Meaning, choice: Choice) -> Outcome:
    """Return what became of a private element."""
    creator = meaning.block.creator if meaning.block is not None else ""
    return outcome(header.group, header.element, creator, meaning.definition, header.vr, choice)


def check_depth(scope: Scope, position: int) -> None:
    """Refuse nesting that no real object has."""
    if scope.depth > MAX_DEPTH:
        raise MalformedStreamError(f"sequences are nested deeper than {MAX_DEPTH}", position)


def value_end(header: Header, end: int) -> int:
    """Return where the value of an element of defined length stops.

    Raises
    ------
    MalformedStreamError
        When it stops behind `end`.
    """
    stop = header.start + header.length
    if stop > end:
        raise MalformedStreamError(
            f"{header} says {header.length} bytes, {end - header.start} are left", header.start
        )
    return stop


def item_length(
    view: memoryview, order: ByteOrder, sequence: Header, position: int, end: int
) -> int | None:
    """Return the length of the item whose header is at `position`; None: the delimitation.

    Raises
    ------
    MalformedStreamError
        When there is something else, or an item that passes `end`.
    """
    if end - position < 8:
        raise MalformedStreamError(f"{end - position} bytes are no item of {sequence}", position)
    group, element, length = order.item.unpack_from(view, position)
    if (group, element) == SEQUENCE_DELIMITATION_TAG and sequence.undefined:
        return None
    if (group, element) != ITEM_TAG:
        raise MalformedStreamError(
            f"expected an item of {sequence}, found {tag_text(group, element)}", position
        )
    if length != UNDEFINED_LENGTH and position + 8 + length > end:
        raise MalformedStreamError(
            f"an item of {sequence} says {length} bytes, {end - position - 8} are left", position
        )
    return int(length)


def no_end(header: Header, position: int) -> MalformedStreamError:
    """Return the error for a value of undefined length whose delimitation is missing."""
    return MalformedStreamError(f"{header} has no delimitation", position)
