"""One document from its first page to its last: what the command and the tests call.

`scrape` walks the pages in reading order and keeps what reaches over a row: the columns of the
present table, the creators in force, and the rows still open. A row stays open until the next
one begins, since its text may go on in the next line or on the next page. Rows of one table are
compared before they leave: a table that gives one tag two names contradicts itself.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlas_scraper.columns import (
    Columns,
    Role,
    columns_by_content,
    columns_of_heading,
    columns_of_line,
    with_vr_by_content,
)
from atlas_scraper.creator_names import creator_of_line
from atlas_scraper.creators import CreatorScope, is_creator_row
from atlas_scraper.doubts import Doubt
from atlas_scraper.emit import Element, Place, element
from atlas_scraper.layouts import Fields, Unreadable, of_columns, running_text, text_line
from atlas_scraper.pages import Page, read_pages
from atlas_scraper.tables import Grid, GridRow, Line, lay_out
from atlas_scraper.tags import find_tags
from atlas_scraper.text import compact, join_lines

_HEADING_ROWS = 3
_SAME_LEFT = 3.0
_NEXT_LINE = 0.9

Box = tuple[float, float, float, float]
_Identity = tuple[int, int, int | None, int | None, str | None]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that looks like a private element and cannot be read."""

    source: str
    page: int
    table: int | None
    box: Box
    reason: str
    text: str


@dataclass(slots=True)
class _Open:
    """A row that may go on: its texts, its place, the creator and doubts found for it."""

    fields: Fields
    place: Place
    creator: str | None
    doubts: list[Doubt]
    lefts: tuple[tuple[Role, float], ...] = ()


def scrape(
    path: Path, turned: Callable[[int, int, bool], None] | None = None
) -> Iterator[Element | Reject]:
    """Give the private data elements of a document, and the rows that cannot be read.

    Parameters
    ----------
    path : Path
        A PDF file.
    turned : callable, optional
        Called after each page with its number, the number of pages, and whether it was laid out
        (a page without a candidate is not).

    Raises
    ------
    UnreadableDocumentError
        See `pages.read_pages`; what was found before a broken page has been given by then.
    """
    reader = _DocumentReader(path.name)
    for page in read_pages(path):
        yield from reader.page(page)
        if turned is not None:
            turned(page.number, page.count, page.plumbed is not None)
    yield from reader.close()


@dataclass(slots=True)
class _DocumentReader:
    source: str
    scope: CreatorScope = field(default_factory=CreatorScope)
    columns: Columns | None = None
    ruled: bool = False
    number: int = 0
    table: int = 0
    on_table: bool = False
    tag_left: float | None = None
    rows: list[_Open] = field(default_factory=list)
    names: dict[_Identity, set[str]] = field(default_factory=dict)
    out: list[Element | Reject] = field(default_factory=list)

    def page(self, page: Page) -> Iterator[Element | Reject]:
        self.number, self.table, self.on_table = page.number, 0, False
        self.tag_left = None
        if page.sideways:
            self._reject("the text of this page runs sideways", page.text[:200], (0, 0, 0, 0))
        for item in lay_out(page):
            if isinstance(item, Grid):
                self._grid(item)
            else:
                self._line(item, laid_out=page.plumbed is not None)
        self._settle(keep=1)
        yield from self._drain()

    def close(self) -> Iterator[Element | Reject]:
        self._settle()
        yield from self._drain()

    def _drain(self) -> Iterator[Element | Reject]:
        out, self.out = self.out, []
        yield from out

    # Ruled tables

    def _grid(self, grid: Grid) -> None:
        self.table += 1
        self.on_table = True
        heading, start = _heading_of(grid)
        if heading is not None:
            texts = [row.texts for row in grid.rows[start:]]
            self._begin(with_vr_by_content(heading, texts), ruled=True)
            for row in grid.rows[: start - 1]:
                self._single_cell(row)
        elif not (self.ruled and self.columns is not None and self.columns.match(grid.lefts)):
            texts = [row.texts for row in grid.rows]
            self._begin(columns_by_content(texts, grid.lefts), ruled=True)
        above: tuple[str | None, ...] = ()
        for row in grid.rows[start:]:
            again = columns_of_heading(row.texts, grid.lefts)
            if again is not None and not any(list(find_tags(t)) for t in row.texts):
                self.columns = again
                continue
            above = self._row(row, above)

    def _row(self, row: GridRow, above: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """Read one ruled row; give its cells, with those that a cell above spans filled in."""
        columns = self.columns
        layout = of_columns(columns) if columns is not None else None
        if columns is None or layout is None:
            if any(item.tag.private for text in row.texts for item in find_tags(text)):
                self._reject("no column can be told apart", " | ".join(row.texts), row.box)
            return row.cells
        filled, doubts = _fill(row, above, columns)
        cells = columns.at([cell or "" for cell in filled])
        found = layout(cells)
        if isinstance(found, Unreadable):
            self._reject(found.reason, " | ".join(row.texts), row.box)
        elif found is not None:
            self._open(replace(found, headed=columns.headed), row.box, doubts)
        elif not self._single_cell(row):
            self._continue(cells)
        return filled

    def _single_cell(self, row: GridRow) -> bool:
        """Take a row that is one cell across the table for a heading within it."""
        texts = [text for text in row.texts if text.strip()]
        if len(texts) != 1 or (row.cells.count(None) == 0 and creator_of_line(texts[0]) is None):
            return False
        self.scope.line(Line((), texts[0], row.box))
        return True

    # Lines

    def _line(self, line: Line, *, laid_out: bool) -> None:
        tags = [item for item in find_tags(line.text) if item.tag.private]
        under = self.columns if not self.ruled else None
        found = text_line.anchor(line, under, self.tag_left) if laid_out and under else None
        if found is not None and under is not None:
            self.tag_left = found.left
            if not self.on_table:
                self.table += 1
                self.on_table = True
            fields = text_line.read(line, found, under)
            lefts = _free_lefts(line, fields)
            self._open(fields, line.box, [Doubt.TEXT_LINE], lefts)
        elif tags and laid_out:
            self._bare(line)
        elif laid_out and (heading := columns_of_line(line.segments())) is not None:
            self.table += 1
            self.on_table = True
            self._begin(heading, ruled=False)
        elif self.scope.line(line):
            self._end_table()
            self.columns = None
            self.on_table = False
        elif laid_out:
            self._next_line(line)

    def _bare(self, line: Line) -> None:
        found = text_line.only_anchor(line)
        if found is None:
            self._reject("several tags in one line", line.text, line.box)
            return
        fields = text_line.bare(line, found)
        if isinstance(fields, Unreadable):
            fields = running_text.read(line, found)
        if isinstance(fields, Unreadable):
            self._reject(fields.reason, line.text, line.box)
        else:
            self._open(fields, line.box, [Doubt.TEXT_LINE])

    def _next_line(self, line: Line) -> None:
        """Join a line to the free text right above it, when it begins at the same left edge."""
        if self.ruled or not self.rows or self.rows[-1].place.page != self.number:
            return
        row = self.rows[-1]
        box = row.place.box
        near = 0 <= line.box[1] - box[3] <= _NEXT_LINE * (line.box[3] - line.box[1])
        segments = line.segments()
        joined: dict[Role, str] = {}
        for text, left in segments:
            for role, edge in row.lefts:
                if abs(edge - left) <= _SAME_LEFT:
                    joined[role] = text
        if near and len(joined) == len(segments):
            self._continue(joined)
            box = (box[0], box[1], max(box[2], line.box[2]), line.box[3])
            row.place = replace(row.place, box=box)

    # Rows

    def _end_table(self) -> None:
        self._settle()
        self.names = {}

    def _begin(self, columns: Columns | None, *, ruled: bool) -> None:
        before = self.columns
        going_on = (
            columns is not None
            and before is not None
            and self.table == 1
            and columns.roles == before.roles
            and columns.match(before.lefts)
        )
        if not going_on:
            self.scope.table()
            self._end_table()
        self.columns, self.ruled = columns, ruled
        self.tag_left = None

    def _open(
        self,
        fields: Fields,
        box: Box,
        doubts: list[Doubt],
        lefts: tuple[tuple[Role, float], ...] = (),
    ) -> None:
        table = self.table if self.on_table else None
        place = Place(self.source, self.number, table, box)
        creator = None
        doubts = list(doubts)
        if is_creator_row(fields):
            self.scope.declare(fields)
        elif fields.tag.private:
            creator, more = self.scope.find(fields)
            doubts += more
        self.rows.append(_Open(fields, place, creator, doubts, lefts))

    def _continue(self, cells: dict[Role, str]) -> None:
        """Add the cells of a line without a tag to the row before it."""
        if not self.rows:
            return
        row = self.rows[-1]
        texts = row.fields
        row.fields = replace(
            texts,
            name=join_lines(f"{texts.name}\n{cells.get(Role.NAME, '')}"),
            description=join_lines(f"{texts.description}\n{cells.get(Role.DESCRIPTION, '')}"),
        )

    def _settle(self, keep: int = 0) -> None:
        """Conclude the rows, all but the last `keep` that may go on on the next page."""
        going = self.rows[len(self.rows) - keep :] if keep else []
        done = self.rows[: len(self.rows) - len(going)]
        self.rows = going
        for row in done:
            name = compact(row.fields.name)
            if name and not is_creator_row(row.fields):
                self.names.setdefault(_identity(row), set()).add(name)
        other_names = {tag for tag, names in self.names.items() if _differ(names)}
        for row in done:
            if not row.fields.tag.private or is_creator_row(row.fields):
                continue
            doubts = list(row.doubts)
            if _identity(row) in other_names:
                doubts.append(Doubt.OTHER_NAME)
            if len(other_names) > 1:
                doubts.append(Doubt.CONTRADICTORY_TABLE)
            concluded = element(row.fields, row.creator, row.place, doubts)
            if isinstance(concluded, str):
                text = f"{row.fields.name} {row.fields.vr} {row.fields.vm}".strip()
                self.out.append(_rejected(row.place, concluded, text))
            else:
                self.out.append(concluded)

    def _reject(self, reason: str, text: str, box: Box) -> None:
        place = Place(self.source, self.number, self.table if self.on_table else None, box)
        self.out.append(_rejected(place, reason, text))


def _rejected(place: Place, reason: str, text: str) -> Reject:
    text = text.replace("\t", "  ")
    return Reject(place.source, place.page, place.table, place.box, reason, text)


def _heading_of(grid: Grid) -> tuple[Columns | None, int]:
    """Find the heading among the first rows; give it and the index of the row after it."""
    for index, row in enumerate(grid.rows[:_HEADING_ROWS]):
        if any(list(find_tags(text)) for text in row.texts):
            break
        columns = columns_of_heading(row.texts, grid.lefts)
        if columns is not None:
            return columns, index + 1
    return None, 0


def _fill(
    row: GridRow, above: tuple[str | None, ...], columns: Columns
) -> tuple[tuple[str | None, ...], list[Doubt]]:
    """Fill in the group and the creator that a cell above spans."""
    filled = list(row.cells)
    doubts = []
    for index, role in enumerate(columns.roles[: len(filled)]):
        if filled[index] is None and index < len(above) and above[index]:
            if role is Role.CREATOR:
                filled[index] = above[index]
            elif role is Role.GROUP:
                filled[index] = above[index]
                doubts.append(Doubt.GROUP_ABOVE)
    return tuple(filled), doubts


def _free_lefts(line: Line, fields: Fields) -> tuple[tuple[Role, float], ...]:
    """Give the left edges of the name and the description of a line."""
    lefts = []
    for role, text in ((Role.NAME, fields.name), (Role.DESCRIPTION, fields.description)):
        first = re.escape(text.split()[0]) if text else ""
        match = re.search(rf"(?<!\S)(?:>\s*)*{first}", line.text) if first else None
        if match:
            lefts.append((role, line.word_at(match.start()).x0))
    return tuple(lefts)


def _identity(row: _Open) -> _Identity:
    tag = row.fields.tag
    return row.fields.depth, tag.group, tag.block, tag.offset, row.creator


def _differ(names: set[str]) -> bool:
    """Whether names of one tag differ by more than what a table leaves out at the end."""
    return not all(name.startswith(min(names, key=len)) for name in names)
