"""Tags of private data elements as documents write them (PS3.5 section 7.8.1).

`(0019,xx0A)`, `(0019,100A)`, `0019,100A`, `0x0019,0x100A`, `(0019,nn0A)`, `(0019, CREATOR, 0A)`
and the private creator elements `(0019,0010)` and `(0019,00xx)` stand in running text as well as
in cells. What a cell alone makes a tag, `0019100A`, `0019 100A`, `0019:100A`, is read in cells
only. The letter O in the place of a zero, l or I in that of a one, is repaired and said so;
anything else that is no tag is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEX = "[0-9A-Fa-fOolI]"
# What stands for a block that is not known before an object is written: xx, nn, yy, --, __.
_ANY = r"(?:[xX]{2}|[nN]{2}|[yY]{2}|[zZ]{2}|[pP]{2}|[mM]{2}|[kK]{2}|[uU]{2}|[wW]{2}|[*#?_]{2}|--)"
_GROUP = rf"(?:0x|\$)?(?P<group>{_HEX}{{4}})[hH]?"
_ELEMENT = (
    rf"(?:0x|\$)?(?P<element>(?:{_HEX}{{2}}|{_ANY})[\s.-]?{_HEX}{{2}}|{_HEX}{{2}}\s?{_ANY})[hH]?"
)
_GROUP2, _ELEMENT2 = _GROUP.replace("group", "group2"), _ELEMENT.replace("element", "element2")
_GROUP3, _ELEMENT3 = _GROUP.replace("group", "group3"), _ELEMENT.replace("element", "element3")
_TAG = re.compile(
    rf"(?<![\w.,])(?:[(\[{{]\s*{_GROUP}\s*[,:;./|\s-]\s*{_ELEMENT}\s*[)\]}}]"
    rf"|(?=(?:0x|\$)?\w{{0,3}}\d){_GROUP2}\s?,\s?(?=\S{{0,6}}[\dxX]){_ELEMENT2}(?![\w-]))"
)
_JOINED_IN_TEXT = re.compile(
    rf"(?<![\w.,])\(?(?P<group>{_HEX}{{4}})(?P<element>[xX]{{2}}{_HEX}{{2}})\)?(?![\w.])"
)
_CELL = re.compile(rf"[(\[{{]?{_GROUP}(?:\s*[,:;./|-]\s*|\)?\s*\(?|\s+){_ELEMENT}[)\]}}]?")
_QUOTES = "\"'\u201c\u201d\u2018\u2019<>\\[\\]"
_CREATOR = rf"[A-Za-z0-9][^(){_QUOTES}]{{1,63}}?"
_OWNER_TAG = re.compile(
    rf"\(\s*{_GROUP}\s*,\s*[{_QUOTES}]?(?!{_HEX}{{1,4}}\s*,)(?P<creator>{_CREATOR})"
    rf"\s*[{_QUOTES}]?\s*,\s*(?:0x)?(?:{_ANY})?(?P<offset>{_HEX}{{2}})\s*\)"
    rf"|\(\s*{_GROUP3}\s*,\s*{_ELEMENT3}\s*,\s*[{_QUOTES}]?(?P<creator3>[A-Za-z]{_CREATOR[11:]})"
    rf"\s*[{_QUOTES}]?\s*\)"
)
_YEARS = re.compile(r"(?:19|20)\d\d,\s(?:19|20)\d\d")
# "C001-C003" is a range of codes, not a group and an element.
_RANGE = re.compile(r"([0-9A-F]{3})[0-9A-F]\s*-\s*\1[0-9A-F](?!\w)", re.IGNORECASE)
_GROUP_CELL = re.compile(rf"[(\[]?\s*{_GROUP}\s*,?\s*[)\]]?")
_ELEMENT_CELL = re.compile(rf"[(\[]?\s*,?\s*{_ELEMENT}\s*[)\]]?")
_OFFSET_CELL = re.compile(rf"(?:0x)?(?P<element>{_HEX}{{2}})[hH]?")
_NESTING = re.compile(r"^[>\u203a\u00bb\s]+")
# Footnotes and marks that a cell may hold beside its tag.
_MARKS = re.compile(r"[\s.*\[\]\u2020\u2021\u00a7\u00b9\u00b2\u00b3#+:;-]*(?:\(?\d{1,2}\)?)?")

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
        A letter was read as the digit that it looks like.
    letters : str
        What stands for the open block, in lower case ("xx"): it ties `(0039,yy01)` to the
        creator element `(0039,00yy)`.
    """

    group: int
    block: int | None
    offset: int | None
    creator: str | None = None
    repaired: bool = False
    letters: str = ""

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
    found: list[FoundTag] = []
    for m in _OWNER_TAG.finditer(text):
        group = m["group"] or m["group3"]
        element = "xx" + m["offset"] if m["offset"] else m["element3"]
        creator = (m["creator"] or m["creator3"]).strip()
        found.append(FoundTag(_tag(group, element, creator), m.start(), m.end()))
    for m in [*_TAG.finditer(text), *_JOINED_IN_TEXT.finditer(text)]:
        if _YEARS.fullmatch(m[0]) or any(o.start <= m.start() < o.end for o in found):
            continue
        parts = m.groupdict()
        group, element = m["group"] or parts["group2"], m["element"] or parts["element2"]
        found.append(FoundTag(_tag(group, element), m.start(), m.end()))
    yield from sorted(found, key=lambda item: item.start)


def tag_in_cell(text: str) -> Tag | None:
    """Read a cell that holds one tag and nothing else but a mark; None when it does not."""
    text = _NESTING.sub("", text.strip())
    found = list(find_tags(text))
    if len(found) == 1:
        before, after = text[: found[0].start], text[found[0].end :]
        return found[0].tag if not before.strip(" .*[]") and _MARKS.fullmatch(after) else None
    cell = _CELL.fullmatch(text.strip(" .*")) if not found and not _RANGE.match(text) else None
    tag = _tag(cell["group"], cell["element"]) if cell else None
    # "Cell food" is no tag: where letters stand for digits, some digits must be written.
    return None if tag is None or (tag.repaired and not re.search(r"\d", text)) else tag


def is_certain_tag(text: str) -> bool:
    """Whether a cell is a tag even if nothing else says so, as a telephone number is not one."""
    tag = tag_in_cell(text)
    return tag is not None and (bool(tag.letters) or bool(list(find_tags(text))))


def tag_in_cells(group: str, element: str) -> Tag | None:
    """Read group and element from cells of their own; None when either is no number.

    An element column may give the two digits within the block alone.
    """
    first, second = _GROUP_CELL.fullmatch(_NESTING.sub("", group.strip())), element.strip()
    if first is None:
        return None
    if whole := _ELEMENT_CELL.fullmatch(second):
        return _tag(first["group"], whole["element"])
    offset = _OFFSET_CELL.fullmatch(second)
    return _tag(first["group"], "xx" + offset["element"]) if offset else None


def is_group(text: str) -> bool:
    """Whether a cell is a group number."""
    return _GROUP_CELL.fullmatch(text.strip()) is not None


def is_element(text: str) -> bool:
    """Whether a cell is an element number, whole or within its block."""
    text = text.strip()
    return bool(_ELEMENT_CELL.fullmatch(text) or _OFFSET_CELL.fullmatch(text))


def _tag(group: str, element: str, creator: str | None = None) -> Tag:
    element = re.sub(r"[\s.]|(?<=[0-9A-Fa-f])-(?=[0-9A-Fa-f])", "", element)
    high, low = element[:2], element[2:]
    digits = group + "".join(half for half in (high, low) if not _is_open(half))
    return Tag(
        group=_number(group),
        block=None if _is_open(high) else _number(high),
        offset=None if _is_open(low) else _number(low),
        creator=creator,
        repaired=bool(set(digits) & set("OolI")),
        letters=next((half.lower() for half in (high, low) if _is_open(half)), ""),
    )


def _is_open(half: str) -> bool:
    return re.fullmatch(_ANY, half) is not None


def _number(digits: str) -> int:
    return int(digits.translate(_DIGITS), 16)


_DIGITS = str.maketrans("OolI", "0011")
