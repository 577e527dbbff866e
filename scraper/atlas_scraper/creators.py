"""Whose element it is: the private creator that a heading, a row, a column or a tag names.

`scrape` shows every line and every creator row to one `CreatorScope` in reading order, and asks
it for the creator of each element. A creator holds as far as its source reaches: a row for its
block of the group, a caption for its table, a heading for its section. No creator is carried
into a section that does not name one (PS3.5 7.8.1: the creator reserves the block in its data
set, nowhere else).
"""

from dataclasses import dataclass, field

from atlas_scraper.creator_names import (
    creator_of_line,
    is_caption,
    is_creator,
    is_heading_length,
    is_label,
    is_one_name,
    may_be_creator,
    section_depth,
)
from atlas_scraper.doubts import Doubt
from atlas_scraper.layouts.fields import Fields
from atlas_scraper.tables import Line
from atlas_scraper.tags import Tag


def is_creator_row(fields: Fields) -> bool:
    """Whether a row with an element number 00ee is a creator element, and no element 00ee."""
    if not fields.tag.private or not fields.tag.may_declare:
        return False
    if fields.tag.offset is None or is_label(fields.name):
        return True
    return fields.vr in ("", "LO") and (is_creator(fields.name) or is_creator(fields.value))


def creator_of_row(fields: Fields) -> str | None:
    """Give the creator that a creator row names; None when it names none."""
    from_name = creator_of_line(fields.name)
    if from_name:
        return from_name
    texts = (fields.value, fields.creator, fields.description, fields.usage, fields.name)
    for index, text in enumerate(texts):
        candidate = text.strip(" \"'\u201c\u201d\u2018\u2019")
        # A column of values or creators may hold a name that nothing but its place shows.
        if is_creator(candidate) or (
            index < 2 and may_be_creator(candidate) and is_one_name(candidate)
        ):
            return candidate
    return None


@dataclass(slots=True)
class _Declared:
    creator: str | None
    block: int | None
    table: int


@dataclass(slots=True)
class CreatorScope:
    """The creators in force at the present place of a document."""

    _section: str | None = None
    _depth: int = 0
    _style: tuple[str, float] | None = None
    _caption: str | None = None
    _table: int = 0
    _last_heading: str = ""
    _rows: dict[tuple[int, int], list[_Declared]] = field(default_factory=dict)

    def line(self, line: Line) -> bool:
        """Take note of a line without an element; tell whether it is a heading or a caption."""
        text = line.text.replace("\t", " ").strip()
        if not is_heading_length(text):
            return False
        creator = creator_of_line(text)
        if is_caption(text):
            self._caption = creator
            return True
        depth = section_depth(text)
        if depth == 1 and creator is None and not line.emphasised:
            return False
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
        self._leave_items(fields.depth)
        offset = fields.tag.offset
        rows = self._rows.setdefault((fields.depth, fields.tag.group), [])
        rows[:] = [row for row in rows if offset is not None and row.block not in (offset, None)]
        rows.append(_Declared(creator, offset, self._table))
        return creator

    def find(self, fields: Fields) -> tuple[str | None, list[Doubt]]:
        """Give the creator of an element, and what makes it less than certain."""
        if fields.tag.creator:
            return fields.tag.creator, []
        if may_be_creator(fields.creator):
            return fields.creator, []
        self._leave_items(fields.depth)
        declared, doubts = self._declared(fields.tag, fields.depth)
        if declared is not None and (declared.table == self._table or not self._heading):
            if declared.table != self._table:
                doubts.append(Doubt.CREATOR_FROM_EARLIER_TABLE)
            return declared.creator, doubts
        if self._heading:
            return self._heading, [] if self._caption else [Doubt.CREATOR_FROM_HEADING]
        return None, [Doubt.NO_CREATOR]

    @property
    def _heading(self) -> str | None:
        return self._caption or self._section

    def _head(self, text: str, creator: str | None, depth: int, line: Line) -> None:
        """Enter a section. One deeper than the section that named the creator keeps it."""
        if text == self._last_heading:
            return
        self._last_heading = text
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
            named = [row for row in rows if row.creator is not None]
            if named:
                open_ = not tag.block and len({row.creator for row in rows}) > 1
                return named[-1], [Doubt.SEVERAL_CREATORS] if open_ else []
        return None, []
