"""What stands on a page, from top to bottom: ruled tables, and lines of text between them.

`scrape` calls `lay_out` on each page with a candidate. A ruled table that is only a frame (one
column, or several tags in one cell) is given as lines, which the text layouts read; so is a
table without any tag, whose words may be a heading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from atlas_scraper.pages import Page, Word, body_font
from atlas_scraper.tags import find_tags, is_group
from atlas_scraper.text import join_lines

if TYPE_CHECKING:
    from pdfplumber.table import Table

Box = tuple[float, float, float, float]
# A gap wider than this share of the letters' height divides two columns; a space is 0.2 to 0.35.
_COLUMN_GAP = 0.6
_NO_FONT = ("", 0.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `text` has a tab where a gap divides columns.

    `emphasised` says that its font or size is not that of the page's body.
    """

    words: tuple[Word, ...]
    text: str
    box: Box
    emphasised: bool = False

    @property
    def style(self) -> tuple[str, float]:
        """Font and size of the first word."""
        return self.words[0].font, self.words[0].size

    def segments(self) -> list[tuple[str, float]]:
        """Give the parts that gaps divide, each with its left edge."""
        return [(" ".join(w.text for w in part), part[0].x0) for part in _parts(self.words)]

    def word_at(self, position: int) -> Word:
        """Give the word that stands at a position of `text`."""
        end = 0
        for word in self.words:
            end += len(word.text)
            if position < end:
                return word
            end += 1
        return self.words[-1]


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row of a ruled table; a cell that another one spans is None."""

    cells: tuple[str | None, ...]
    box: Box

    @property
    def texts(self) -> tuple[str, ...]:
        """The cells, with "" for those that are spanned."""
        return tuple(cell or "" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Grid:
    """A ruled table."""

    rows: tuple[GridRow, ...]
    box: Box
    lefts: tuple[float, ...]


def lay_out(page: Page) -> list[Line | Grid]:
    """Give the ruled tables and lines of a page in reading order."""
    if page.plumbed is None:
        return list(_plain_lines(page.text))
    grids = [grid for table in page.plumbed.find_tables() if (grid := _grid(table)) is not None]
    grids = [g for g in grids if not any(o is not g and _inside(o.box, g.box) for o in grids)]
    outside = [w for w in page.words if not any(_holds(g.box, w) for g in grids)]
    items: list[Line | Grid] = [*grids, *lines_of(outside, body_font(page.words))]
    return sorted(items, key=lambda item: (round(item.box[1]), item.box[0]))


def lines_of(words: Sequence[Word], body: tuple[str, float] = _NO_FONT) -> list[Line]:
    """Gather words into lines: those whose middles lie within half a letter's height."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: ((w.top + w.bottom) / 2, w.x0)):
        middle = (word.top + word.bottom) / 2
        if lines:
            last = lines[-1][0]
            if abs(middle - (last.top + last.bottom) / 2) <= (last.bottom - last.top) / 2:
                lines[-1].append(word)
                continue
        lines.append([word])
    return [_line(sorted(line, key=lambda w: w.x0), body) for line in lines]


def _line(words: list[Word], body: tuple[str, float]) -> Line:
    text = "\t".join(" ".join(w.text for w in part) for part in _parts(words))
    box = (
        words[0].x0,
        min(w.top for w in words),
        max(w.x1 for w in words),
        max(w.bottom for w in words),
    )
    first = words[0]
    return Line(tuple(words), text, box, body not in {_NO_FONT, (first.font, first.size)})


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    parts = [[words[0]]]
    for before, word in pairwise(words):
        gap = word.x0 - before.x1
        if gap > _COLUMN_GAP * (before.bottom - before.top):
            parts.append([word])
        else:
            parts[-1].append(word)
    return parts


def _plain_lines(text: str) -> list[Line]:
    """Lines of a page that was not laid out: for headings alone, so without a place."""
    lines = [join_lines(line) for line in text.split("\n")]
    return [
        Line((Word(line, 0.0, 0.0, float(i), float(i), "", 0.0),), line, (0.0, i, 0.0, i))
        for i, line in enumerate(lines)
        if line
    ]


def _grid(table: "Table") -> Grid | None:
    """Read a table of pdfplumber's; None when its ruling does not divide its tags."""
    rows = tuple(
        GridRow(tuple(None if c is None else join_lines(c) for c in cells), row.bbox)
        for row, cells in zip(table.rows, table.extract(x_tolerance_ratio=0.2), strict=True)
    )
    if not rows or len(rows[0].cells) < 2:
        return None
    tagged = 0
    for row in rows:
        counts = [len(list(find_tags(text))) for text in row.texts]
        split = sum(is_group(text) for text in row.texts)
        tagged += bool(sum(counts) or split)
        crowded = [text for text, count in zip(row.texts, counts, strict=True) if count > 1]
        if any(_is_mostly_tags(text) for text in crowded):
            return None
    if not tagged:
        return None
    return Grid(rows, table.bbox, _lefts(table))


def _is_mostly_tags(text: str) -> bool:
    found = list(find_tags(text))
    return sum(tag.end - tag.start for tag in found) > 0.5 * len(text)


def _lefts(table: "Table") -> tuple[float, ...]:
    edges: dict[int, float] = {}
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            if cell is not None:
                edges[index] = min(edges.get(index, cell[0]), cell[0])
    return tuple(edges[index] for index in sorted(edges))


def _holds(box: Box, word: Word) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _inside(inner: Box, outer: Box) -> bool:
    return (
        outer[0] - 1 <= inner[0]
        and outer[1] - 1 <= inner[1]
        and inner[2] <= outer[2] + 1
        and inner[3] <= outer[3] + 1
        and inner != outer
    )
