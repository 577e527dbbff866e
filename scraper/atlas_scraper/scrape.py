"""One document from its first page to its last: what the command and the tests call.

`scrape` walks the pages in reading order and keeps what reaches over a row: the columns of the
present table, the creators in force, and the rows still open. A row stays open until the next
one begins, since its text may go on in the next line or on the next page. Rows of one table are
compared before they leave: a table that gives one tag two names contradicts itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlas_scraper.columns import (
    Columns,
    Role,
    columns_by_content,
    columns_of_heading,
    columns_of_line,
    role_of,
)
from atlas_scraper.creator_names import creator_of_line, is_caption
from atlas_scraper.creators import CreatorScope, is_creator_row
from atlas_scraper.doubts import Doubt
from atlas_scraper.emit import Element, Place, element
from atlas_scraper.grids import Grid, GridRow
from atlas_scraper.layouts import Fields, Unreadable, of_columns, running_text, text_line
from atlas_scraper.layouts.fields import vr_before_name
from atlas_scraper.lines import Box, Line, line_of
from atlas_scraper.pages import Page, Turn, read_pages
from atlas_scraper.tables import lay_out
from atlas_scraper.tags import find_tags, is_element
from atlas_scraper.text import compact, join_lines
from atlas_scraper.text_tables import Frame

_HEADING_ROWS = 3
_SAME_LEFT = 3.0
_NEXT_LINE = 0.9
_NEAR_CAPTION = 25.0

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
    turn: Turn | None = None

    @property
    def on_page(self) -> Place:
        """Its place on the page as it is in the file."""
        if self.turn is None:
            return self.place
        return replace(self.place, box=self.turn.back(self.place.box))


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
    captions: tuple[Line, ...] = ()
    ended: bool = False
    turn: Turn | None = None
    above: tuple[str | None, ...] = ()
    number: int = 0
    table: int = 0
    on_table: bool = False
    rows: list[_Open] = field(default_factory=list)
    names: dict[_Identity, set[str]] = field(default_factory=dict)
    out: list[Element | Reject] = field(default_factory=list)

    def page(self, page: Page) -> Iterator[Element | Reject]:
        self.number, self.table, self.on_table = page.number, 0, False
        self.turn, self.captions = page.turn, ()
        items = lay_out(page, self._frame())
        if page.plumbed is not None and not any(_private_tag(text) for text in _texts(items)):
            hidden = next((line for line in page.text.split("\n") if _private_tag(line)), None)
            if hidden is not None:
                self._reject("a tag in text that does not stand upright", hidden, (0, 0, 0, 0))
        if page.image:
            text = " ".join(page.text.split())
            self._reject("an image of a page: it needs character recognition", text, (0, 0, 0, 0))
        for index, item in enumerate(items):
            if isinstance(item, Grid):
                self._grid(item)
            elif _stands_below(items, index) and self._caption_below(item):
                continue
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

    # Tables

    def _grid(self, grid: Grid) -> None:
        if self.captions:
            self.scope.line(max(self.captions, key=lambda line: _overlap(line.box, grid.box)))
        for part in _halves(grid):
            self.table += 1
            self.on_table = True
            self._part(part)

    def _part(self, grid: Grid) -> None:
        heading, start = _heading_of(grid)
        continued = self.columns.over(grid) if self.columns is not None else None
        if heading is not None:
            self._begin(heading, grid)
            for row in grid.rows[: start - 1]:
                self._single_cell(row)
        elif continued is None or self.ended:
            texts = [row.texts for row in grid.rows]
            self._begin(continued or columns_by_content(texts, grid.lefts), grid)
        else:
            self.columns = continued
        for row in grid.rows[start:]:
            again = columns_of_heading(row.texts, grid.lefts)
            if again is not None and not any(list(find_tags(t)) for t in row.texts):
                self.columns = replace(again, rights=grid.rights)
                continue
            self._row(row, ruled=grid.ruled)

    def _row(self, row: GridRow, *, ruled: bool) -> None:
        columns = self.columns
        layout = of_columns(columns) if columns is not None else None
        if columns is None or layout is None:
            if any(item.tag.private for text in row.texts for item in find_tags(text)):
                self._reject("no column can be told apart", " | ".join(row.texts), row.box)
            return
        filled, doubts = _fill(row, self.above, columns)
        if not ruled:
            doubts.append(Doubt.TEXT_LINE)
        cells = columns.at([cell or "" for cell in filled])
        if Role.ELEMENT in cells and not {Role.GROUP, Role.TAG} & set(cells):
            cells[Role.GROUP] = self.scope.group
            doubts.append(Doubt.GROUP_FROM_HEADING)
        found = layout(cells if columns.headed else vr_before_name(cells))
        if isinstance(found, Unreadable):
            self._reject(found.reason, " | ".join(row.texts), row.box)
        elif found is not None:
            self._open(replace(found, headed=columns.headed), row.box, doubts)
            self.above = filled
        elif not self._single_cell(row):
            self._continue(cells)

    def _single_cell(self, row: GridRow) -> bool:
        """Take a row that is one cell across the table for a heading within it."""
        texts = [text for text in row.texts if text.strip()]
        if len(texts) != 1 or (row.cells.count(None) == 0 and creator_of_line(texts[0]) is None):
            return False
        if self.scope.line(Line((), texts[0], row.box)):
            self.above = ()
        return True

    def _frame(self) -> Frame | None:
        """Give the columns of the present table, if it is one of texts that may go on."""
        columns = self.columns
        place = columns.place_of_tags if columns is not None else None
        return Frame(columns.lefts, columns.rights, place) if columns and place else None

    def _caption_below(self, line: Line) -> bool:
        """Give the rows of a table without a creator the one that its caption names."""
        creator = creator_of_line(line.text)
        rows = [row for row in self.rows if Doubt.NO_CREATOR in row.doubts]
        if creator is None or len(rows) < len([r for r in self.rows if r.fields.tag.private]):
            return False
        for row in rows:
            row.creator = creator
            row.doubts.remove(Doubt.NO_CREATOR)
            row.doubts.append(Doubt.CREATOR_FROM_HEADING)
        self._end_section()
        return True

    # Lines

    def _line(self, line: Line, *, laid_out: bool) -> None:
        if laid_out and any(item.tag.private for item in find_tags(line.text)):
            self._bare(line)
        elif laid_out and (heading := columns_of_line(line.segments())) is not None:
            self.table += 1
            self.on_table = True
            self._begin(heading)
        elif captions := _captions(line):
            self.captions = captions
            self._end_section()
        elif self.scope.line(line):
            self.captions = ()
            self._end_section()
        elif laid_out:
            self._next_line(line)

    def _bare(self, line: Line) -> None:
        found = text_line.only_anchor(line)
        if found is None:
            self._reject("several tags in one line", line.text, line.box)
            return
        fields = text_line.read(line, found)
        if isinstance(fields, Unreadable):
            fields = running_text.read(line, found)
        if isinstance(fields, Unreadable):
            self._reject(fields.reason, line.text, line.box)
        else:
            self._open(fields, line.box, [Doubt.TEXT_LINE], _free_lefts(line, fields))

    def _next_line(self, line: Line) -> None:
        """Join a line to the free text right above it, when it begins at the same left edge."""
        if not self.rows or self.rows[-1].place.page != self.number:
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

    def _end_section(self) -> None:
        self._end_table()
        self.ended, self.on_table = True, False

    def _end_table(self) -> None:
        self._settle()
        self.names = {}

    def _begin(self, columns: Columns | None, grid: Grid | None = None) -> None:
        """Enter a table; one with the same columns at the top of a page goes on."""
        before = self.columns
        going_on = (
            columns is not None
            and before is not None
            and grid is not None
            and self.table == 1
            and not self.ended
            and columns.roles == before.roles
            and before.over(grid) is not None
        )
        if not going_on:
            self.scope.table()
            self._end_table()
            self.above = ()
        if columns is not None and grid is not None:
            columns = replace(columns, rights=grid.rights)
        self.columns, self.ended = columns, False

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
        self.rows.append(_Open(fields, place, creator, doubts, lefts, self.turn))

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
            concluded = element(row.fields, row.creator, row.on_page, doubts)
            if isinstance(concluded, str):
                text = f"{row.fields.name} {row.fields.vr} {row.fields.vm}".strip()
                self.out.append(_rejected(row.on_page, concluded, text))
            else:
                self.out.append(concluded)

    def _reject(self, reason: str, text: str, box: Box) -> None:
        box = box if self.turn is None else self.turn.back(box)
        place = Place(self.source, self.number, self.table if self.on_table else None, box)
        self.out.append(_rejected(place, reason, text))


def _rejected(place: Place, reason: str, text: str) -> Reject:
    text = text.replace("\t", "  ")
    return Reject(place.source, place.page, place.table, place.box, reason, text)


def _captions(line: Line) -> tuple[Line, ...]:
    """Give the captions of tables that stand side by side, where a line is nothing else."""
    lefts = [left for _, left in line.segments()] if line.words else []
    if len(lefts) < 2:
        return ()
    ends = [*lefts[1:], float("inf")]
    parts = [
        line_of([w for w in line.words if left <= w.x0 < end], emphasised=line.emphasised)
        for left, end in zip(lefts, ends, strict=True)
    ]
    named = all(creator_of_line(part.text) is not None for part in parts)
    return tuple(parts) if named or all(is_caption(part.text) for part in parts) else ()


def _overlap(caption: Box, table: Box) -> float:
    """Give the width of a table that its caption stands over; less than 0 beside it."""
    return min(caption[2], table[2]) - max(caption[0], table[0])


def _texts(items: Sequence[Line | Grid]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Line):
            yield item.text
        else:
            for row in item.rows:
                yield " ".join(row.texts)


def _private_tag(text: str) -> bool:
    return any(item.tag.private for item in find_tags(text))


def _stands_below(items: Sequence[Line | Grid], index: int) -> bool:
    """Whether a line is a caption right below a table, and far from the next one."""
    line = items[index]
    before = items[index - 1] if index else None
    if isinstance(line, Grid) or not isinstance(before, Grid) or not is_caption(line.text):
        return False
    above = line.box[1] - before.box[3]
    after = next((item for item in items[index + 1 :] if isinstance(item, Grid)), None)
    below = after.box[1] - line.box[3] if after is not None else float("inf")
    return above < _NEAR_CAPTION and above < 0.75 * below


def _halves(grid: Grid) -> list[Grid]:
    """Divide a table whose heading names the same columns twice, side by side."""
    roles = [role_of(text) for text in grid.rows[0].texts]
    half = len(roles) // 2
    if half < 2 or len(roles) % 2 or roles[:half] != roles[half:] or Role.TAG not in roles:
        return [grid]
    return [
        replace(
            grid,
            rows=tuple(GridRow(row.cells[part], row.box) for row in grid.rows),
            lefts=grid.lefts[part],
            rights=grid.rights[part],
        )
        for part in (slice(None, half), slice(half, None))
    ]


def _heading_of(grid: Grid) -> tuple[Columns | None, int]:
    """Find the heading among the first rows; give it and the index of the row after it.

    A heading of two rows divides a title above ("Tag") into those below ("Group", "Element").
    """
    best: tuple[int, Columns | None, int] = (0, None, 0)
    rows = [row.texts for row in grid.rows]
    for index, texts in enumerate(rows[:_HEADING_ROWS]):
        if any(list(find_tags(text)) for text in texts):
            break
        trials = [texts]
        if index:
            pairs = zip(rows[index - 1], texts, strict=True)
            trials.append(tuple(below or above for above, below in pairs))
            pairs = zip(rows[index - 1], texts, strict=True)
            trials.append(tuple(f"{above} {below}".strip() for above, below in pairs))
        for trial in trials:
            columns = columns_of_heading(trial, grid.lefts, rows[index + 1 :])
            if columns is not None:
                known = len(set(columns.roles) - {Role.OTHER})
                if known > best[0]:
                    best = (known, columns, index + 1)
    return best[1], best[2]


def _fill(
    row: GridRow, above: tuple[str | None, ...], columns: Columns
) -> tuple[tuple[str | None, ...], list[Doubt]]:
    """Fill in the group and the creator that stand in a row above for this one too."""
    filled = list(row.cells)
    doubts = []
    has_tag = any(
        is_element(cell or "") if role is Role.ELEMENT else bool(list(find_tags(cell or "")))
        for role, cell in zip(columns.roles, row.cells, strict=False)
    )
    for index, role in enumerate(columns.roles[: len(filled)]):
        if filled[index] or index >= len(above) or not above[index]:
            continue
        if role is Role.CREATOR and (filled[index] is None or has_tag):
            doubts += [] if filled[index] is None else [Doubt.CREATOR_ABOVE]
            filled[index] = above[index]
        elif role is Role.GROUP and (filled[index] is None or has_tag):
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
