"""Whose element it is: the private creator that a heading, a row, a column or a tag names.

`scrape` shows every line and every creator row to one `CreatorScope` in reading order, and asks
it for the creator of each element. A creator holds as far as its source reaches: a row for its
block of the group, a caption for its table, a heading for its section. No creator is carried
into a section that does not name one (PS3.5 7.8.1: the creator reserves the block in its data
set, nowhere else), but for a concrete block, (gggg,1000-10FF), that the document gives to one
creator alone; and that is a doubt.
"""

import re
from dataclasses import dataclass, field

from atlas_scraper.creator_names import (
    creator_in,
    creator_of_line,
    creator_of_note,
    group_of_line,
    is_caption,
    is_creator,
    is_heading_length,
    is_label,
    is_one_name,
    may_be_creator,
    section_depth,
    unbroken,
    unmarked_creator,
)
from atlas_scraper.doubts import Doubt
from atlas_scraper.known_creators import mended
from atlas_scraper.layouts.fields import Fields
from atlas_scraper.lines import Line
from atlas_scraper.tags import Tag


def is_creator_row(fields: Fields) -> bool:
    """Whether a row with an element number 00ee is a creator element, and no element 00ee."""
    if not fields.tag.private or not fields.tag.may_declare:
        return False
    if fields.tag.offset is None or is_label(fields.name):
        return True
    if fields.vr not in ("", "LO"):
        return False
    alone = not fields.name and is_creator(fields.creator)
    return alone or is_creator(fields.name) or is_creator(fields.value)


def creator_of_row(fields: Fields) -> str | None:
    """Give the creator that a creator row names; None when it names none."""
    from_name = creator_of_line(fields.name)
    if from_name:
        return from_name
    texts = (fields.value, fields.creator, fields.description, fields.usage, fields.name)
    for index, text in enumerate(texts):
        if creator := creator_in(text):
            return creator
        candidate = text.strip(" \"'\u201c\u201d\u2018\u2019")
        # A column of values or creators may hold a name that nothing but its place shows.
        if index < 2 and may_be_creator(candidate) and is_one_name(candidate):
            return candidate
    return None


def unmarked_creator_of_row(fields: Fields) -> str | None:
    """Give the one text beside the title "Private Creator" that may be the creator."""
    if not is_label(fields.name):
        return None
    texts = {t for t in (fields.value, fields.creator, fields.description, fields.usage) if t}
    creators = [creator for text in texts if (creator := unmarked_creator(text))]
    return creators[0] if len(creators) == 1 else None


_NEXT_LINE = 2.0
_NUMBERED = re.compile(r"^\S*\d\S*\s+")


@dataclass(slots=True)
class _Declared:
    creator: str | None
    block: int | None
    table: int
    letters: str = ""
    doubts: tuple[Doubt, ...] = ()


@dataclass(slots=True)
class CreatorScope:
    """The creators in force at the present place of a document."""

    _section: str | None = None
    _depth: int = 0
    _style: tuple[str, float] | None = None
    _caption: str | None = None
    _table: int = 0
    _last_heading: str = ""
    _last_line: Line | None = None
    group: str = ""
    _rows: dict[tuple[int, int], list[_Declared]] = field(default_factory=dict)
    _blocks: dict[tuple[int, int], set[str]] = field(default_factory=dict)

    def line(self, line: Line) -> bool:
        """Take note of a line without an element; tell whether it is a heading or a caption."""
        text = line.text.replace("\t", " ").strip()
        if not is_heading_length(text):
            return False
        creator = creator_of_line(text)
        if creator is None and line.words and self._went_on(line):
            # A heading of two lines: "Private Creator Identification" above "(GEMS_IDEN_01)".
            creator = creator_of_line(f"{self._last_heading} {text}")
        group = group_of_line(text)
        if is_caption(text):
            self.group = group or self.group
            self._caption = creator
            return True
        depth = section_depth(text)
        if depth == 1 and creator is None and not line.emphasised:
            return False
        if group and (depth or creator is not None or line.emphasised):
            self.group = group
        if depth or creator is not None:
            self._head(text, creator, depth, line)
            return True
        if self._style is not None and line.emphasised and line.style == self._style:
            self._head(text, None, self._depth, line)
            return True
        return False

    def table(self) -> None:
        """Begin another table: creator rows of the one before are less than certain from here."""
        self._table += 1

    def declare(self, fields: Fields) -> str | None:
        """Take note of a creator row; give the creator, None when the row names none."""
        creator = creator_of_row(fields)
        doubts: tuple[Doubt, ...] = ()
        if creator is None and (creator := unmarked_creator_of_row(fields)):
            doubts = (Doubt.CREATOR_PLAIN,)
        self._leave_items(fields.depth)
        offset = fields.tag.offset
        rows = self._rows.setdefault((fields.depth, fields.tag.group), [])
        letters = fields.tag.letters
        rows[:] = [
            row
            for row in rows
            if (row.letters != letters if offset is None else row.block not in (offset, None))
        ]
        rows.append(_Declared(creator, offset, self._table, letters, doubts))
        if creator is not None and offset is not None:
            self._blocks.setdefault((fields.tag.group, offset), set()).add(creator)
        return creator

    def find(self, fields: Fields) -> tuple[str | None, list[Doubt]]:
        """Give the creator of an element, and what makes it less than certain."""
        if fields.tag.creator:
            return fields.tag.creator, []
        if may_be_creator(fields.creator) or is_creator(fields.creator):
            creator = mended(fields.creator)
            whole = unbroken(creator)
            return whole, [] if whole == creator else [Doubt.CREATOR_BROKEN]
        if noted := creator_of_note(fields.description):
            return noted, [Doubt.CREATOR_IN_NOTE]
        self._leave_items(fields.depth)
        declared, doubts = self._declared(fields.tag, fields.depth)
        if declared is not None and (declared.table == self._table or not self._heading):
            if declared.table != self._table:
                doubts.append(Doubt.CREATOR_FROM_EARLIER_TABLE)
            return declared.creator, doubts
        if self._heading:
            return self._heading, [] if self._caption else [Doubt.CREATOR_FROM_HEADING]
        elsewhere = self._blocks.get((fields.tag.group, fields.tag.block or 0), set())
        if len(elsewhere) == 1:
            return next(iter(elsewhere)), [Doubt.CREATOR_FROM_OTHER_SECTION]
        return None, [Doubt.NO_CREATOR]

    def _went_on(self, line: Line) -> bool:
        """Whether a line may go on with the heading right above it, in its font."""
        above = self._last_line
        return (
            above is not None
            and is_label(_NUMBERED.sub("", self._last_heading))
            and above.style == line.style
            and 0 <= line.box[1] - above.box[3] <= _NEXT_LINE * (line.box[3] - line.box[1])
        )

    @property
    def _heading(self) -> str | None:
        return self._caption or self._section

    def _head(self, text: str, creator: str | None, depth: int, line: Line) -> None:
        """Enter a section. One deeper than the section that named the creator keeps it."""
        if text == self._last_heading:
            return
        self._last_heading, self._last_line = text, line if line.words else None
        self._caption = None
        deeper = 0 < self._depth < depth
        if creator is None and deeper:
            return
        self._section = creator
        self._depth = depth if creator else 0
        self._style = line.style if creator and line.emphasised else None
        self._rows.clear()

    def _leave_items(self, depth: int) -> None:
        """Forget creator rows of deeper items: each item of a sequence has its own."""
        for key in [key for key in self._rows if key[0] > depth]:
            del self._rows[key]

    def _declared(self, tag: Tag, depth: int) -> tuple[_Declared | None, list[Doubt]]:
        for level in range(depth, -1, -1):
            rows = self._rows.get((level, tag.group), [])
            if tag.block:
                rows = [row for row in rows if row.block in (tag.block, None)]
            elif any(row.letters == tag.letters for row in rows):
                rows = [row for row in rows if row.letters == tag.letters]
            named = [row for row in rows if row.creator is not None]
            if named:
                open_ = not tag.block and len({row.creator for row in rows}) > 1
                several = [Doubt.SEVERAL_CREATORS] if open_ else []
                return named[-1], [*named[-1].doubts, *several]
        return None, []
