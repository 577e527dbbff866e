"""Tags of private data elements as documents write them (PS3.5 section 7.8.1).

`(0019,xx0A)`, `(0019,100A)`, `0019,100A`, `0019 xx0A`, `(0019, CREATOR, 0A)` and the private
creator elements `(0019,0010)` and `(0019,00xx)`. The layouts call it on cells and lines. The
letter O in the place of a zero is repaired and said so; anything else that is no tag is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEX = "[0-9A-Fa-fOo]"
_ANY = r"[xXyYnN*]{2}"
_GROUP = rf"(?:0x)?(?P<group>{_HEX}{{4}})"
_ELEMENT = rf"(?:0x)?(?P<element>(?:{_HEX}{{2}}|{_ANY})\s?{_HEX}{{2}}|{_HEX}{{2}}\s?{_ANY})"
_TAG = re.compile(
    rf"(?<![\w.,])(?:\(\s*{_GROUP}\s*[,:;.\s]\s*{_ELEMENT}\s*\)"
    rf"|{_GROUP.replace('group', 'group2')}\s?,\s?{_ELEMENT.replace('element', 'element2')})(?!\w)"
)
_OWNER_TAG = re.compile(
    rf"\(\s*{_GROUP}\s*,\s*[\"'\u201c\u2018]?(?P<creator>[A-Za-z][^,()\"\u201d]{{1,63}}?)"
    rf"[\"'\u201d\u2019]?\s*,\s*(?:0x)?(?:{_ANY})?(?P<offset>{_HEX}{{2}})\s*\)"
)
_YEARS = re.compile(r"(?:19|20)\d\d,\s(?:19|20)\d\d")
_GROUP_CELL = re.compile(rf"\(?\s*{_GROUP}\s*,?\s*\)?")
_ELEMENT_CELL = re.compile(rf"\(?\s*,?\s*{_ELEMENT}\s*\)?")

# PS3.5 7.8.1: these odd groups may not be used, and a block number is 10 to FF.
_FORBIDDEN_GROUPS = frozenset({0x0001, 0x0003, 0x0005, 0x0007, 0xFFFF})
_FIRST_BLOCK = 0x10


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as read.

    Parameters
    ----------
    group : int
        Group number; an even one is public and only closes the row before it.
    block : int or None
        The block (10 to FF) of a concrete element number, None when the document leaves it
        open (`xx`), 0 when it writes 00, which a creator element and an older notation share.
    offset : int or None
        Element within the block; None in `(gggg,00xx)`, a creator element of any block.
    creator : str or None
        The creator that stands inside the tag.
    repaired : bool
        A letter O was read as the digit zero.
    """

    group: int
    block: int | None
    offset: int | None
    creator: str | None = None
    repaired: bool = False

    @property
    def private(self) -> bool:
        """Whether the group is odd and may hold private elements."""
        return self.group % 2 == 1 and self.group not in _FORBIDDEN_GROUPS

    @property
    def may_declare(self) -> bool:
        """Whether this is the number of a private creator element, (gggg,0010-00FF)."""
        return self.block == 0 and (self.offset is None or self.offset >= _FIRST_BLOCK)

    @property
    def in_no_block(self) -> bool:
        """Whether the number lies in 0100 to 0FFF, where no private block can be."""
        return self.block is not None and 0 < self.block < _FIRST_BLOCK


@dataclass(frozen=True, slots=True)
class FoundTag:
    """A tag in a text, with its first and last character."""

    tag: Tag
    start: int
    end: int


def find_tags(text: str) -> Iterator[FoundTag]:
    """Give every tag of a text, public ones too, in reading order."""
    owned = list(_OWNER_TAG.finditer(text))
    found = [
        FoundTag(_tag(m["group"], "xx" + m["offset"], m["creator"].strip()), m.start(), m.end())
        for m in owned
    ]
    for m in _TAG.finditer(text):
        if _YEARS.fullmatch(m[0]):
            continue
        group, element = m["group"] or m["group2"], m["element"] or m["element2"]
        found.append(FoundTag(_tag(group, element), m.start(), m.end()))
    yield from sorted(found, key=lambda item: item.start)


def tag_in_cell(text: str) -> Tag | None:
    """Read a cell that holds one tag and nothing else; None when it does not."""
    text = text.strip()
    found = list(find_tags(text))
    if len(found) == 1 and not (text[: found[0].start] + text[found[0].end :]).strip(" .*[]"):
        return found[0].tag
    parts = text.strip("()[] ").split()
    return tag_in_cells(parts[0], parts[1]) if len(parts) == 2 else None


def tag_in_cells(group: str, element: str) -> Tag | None:
    """Read group and element from cells of their own; None when either is no number."""
    first, second = _GROUP_CELL.fullmatch(group.strip()), _ELEMENT_CELL.fullmatch(element.strip())
    return _tag(first["group"], second["element"]) if first and second else None


def is_group(text: str) -> bool:
    """Whether a cell is a group number."""
    return _GROUP_CELL.fullmatch(text.strip()) is not None


def _tag(group: str, element: str, creator: str | None = None) -> Tag:
    element = re.sub(r"\s", "", element)
    high, low = element[:2], element[2:]
    digits = group + "".join(half for half in (high, low) if not _is_open(half))
    return Tag(
        group=_number(group),
        block=None if _is_open(high) else _number(high),
        offset=None if _is_open(low) else _number(low),
        creator=creator,
        repaired="o" in digits.lower(),
    )


def _is_open(half: str) -> bool:
    return re.fullmatch(_ANY, half) is not None


def _number(digits: str) -> int:
    return int(digits.lower().replace("o", "0"), 16)
