"""The columns of a table without ruling: the white gaps that run down through its lines.

`text_tables` finds them in the lines between the first tag and the last, and gives each its title
from the lines above.
"""

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from atlas_scraper.columns import is_title, role_of
from atlas_scraper.lines import COLUMN_GAP, Line
from atlas_scraper.pages import Word
from atlas_scraper.representation import VRS
from atlas_scraper.tag_marks import Mark
from atlas_scraper.tags import is_group, tag_in_cell
from atlas_scraper.text import join_lines

# Shares of a table's lines: that a gap may be crossed by, and that a column's words begin in.
_CROSSED_BY_WORDS = 0.02
_CROSSED_BY_CELLS = 0.15
_BEGINNING = 0.6
_REGULAR_LINES = 4
_NARROWEST_GAP = 1.5
_NEAR_TITLE = 24.0


@dataclass(slots=True)
class Column:
    """A column: its extent, whether only a space divides it from the left, and its title."""

    x0: float
    x1: float
    narrow: bool = False
    titles: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The title; of several lines the last alone where they make none together."""
        whole = join_lines("\n".join(self.titles))
        last = self.titles[-1] if self.titles else ""
        return last if is_title(last) and not is_title(whole) else whole


def columns_between(lines: Sequence[Line], marks: Sequence[Mark | None]) -> list[Column]:
    """Find the white gaps that run down through the lines.

    A gap counts when next to no word crosses it, and either few cells do (a cell is what wide
    gaps divide) or most lines begin a word right after it, as narrow columns do.
    """
    height = max(1.0, lines[0].box[3] - lines[0].box[1])
    left = int(min(line.box[0] for line in lines)) - 2
    width = int(max(line.box[2] for line in lines)) - left + 4
    words, cells, begins = [0] * (width + 2), [0] * (width + 2), [0] * (width + 2)
    for line, mark in zip(lines, marks, strict=True):
        for word in line.words:
            _cover(words, word.x0 - left, word.x1 - left)
            begins[round(word.x0) - left] += 1
        for x0, x1 in cells_of(line, mark):
            _cover(cells, x0 - left, x1 - left)
    words, cells = list(accumulate(words)), list(accumulate(cells))
    columns: list[Column] = []
    end = None
    for x in range(width):
        if words[x] <= _CROSSED_BY_WORDS * len(lines):
            continue
        gap = 0 if end is None else x - end
        if not columns:
            columns.append(Column(x + left, x + left))
        elif gap >= _NARROWEST_GAP and end is not None:
            wide = min(cells[end:x]) <= _CROSSED_BY_CELLS * len(lines)
            regular = len(lines) >= _REGULAR_LINES and (
                sum(begins[x - 1 : x + 2]) >= _BEGINNING * len(lines)
            )
            if wide or regular:
                narrow = not wide or gap <= COLUMN_GAP * height
                columns.append(Column(x + left, x + left, narrow))
        columns[-1].x1 = x + 1 + left
        end = x + 1
    return columns


def cells_of(line: Line, mark: Mark | None) -> list[tuple[float, float]]:
    """Give the extents of what wide gaps divide; the tag is a cell by itself."""
    return [
        (min(word.x0 for word in words), max(word.x1 for word in words))
        for words in _words_of_cells(line, mark)
    ]


def _words_of_cells(line: Line, mark: Mark | None) -> list[list[Word]]:
    cells: list[list[Word]] = []
    before: Word | None = None
    for word in line.words:
        near = before is not None and (
            word.x0 - before.x1 <= COLUMN_GAP * (before.bottom - before.top)
        )
        at_tag = (
            before is not None
            and mark is not None
            and (abs(word.x0 - mark.x0) < 1 or abs(before.x1 - mark.x1) < 1)
        )
        if near and not at_tag:
            cells[-1].append(word)
        else:
            cells.append([word])
        before = word
    return cells


def _cover(counts: list[int], x0: float, x1: float) -> None:
    counts[int(x0)] += 1
    counts[max(int(x0) + 1, int(x1 + 0.5))] -= 1


def _column_at(columns: Sequence[Column], x0: float, x1: float) -> int:
    """Give the column that a word belongs to: the one it shares most with, or the nearest."""
    best, most = 0, float("-inf")
    for index, column in enumerate(columns):
        common = min(x1, column.x1) - max(x0, column.x0)
        if common > most:
            best, most = index, common
    return best


def merged(columns: Sequence[Column], lines: Sequence[Line]) -> list[Column]:
    """Join what a space alone divides and nothing shows to be a column of its own."""
    joined: list[Column] = []
    texts = _texts(lines, columns)
    titled = any(column.titles for column in columns)
    for column, cells in zip(columns, texts, strict=True):
        own = bool(column.titles) if titled else _is_typed(cells)
        if joined and column.narrow and not own:
            joined[-1].x1 = column.x1
        else:
            joined.append(column)
    return joined


def _texts(lines: Sequence[Line], columns: Sequence[Column]) -> list[list[str]]:
    texts: list[list[str]] = [[] for _ in columns]
    for line in lines:
        for column, words in divided(line, columns).items():
            texts[column].append(" ".join(word.text for word in words))
    return texts


def divided(line: Line, columns: Sequence[Column]) -> dict[int, list[Word]]:
    """Divide the words of a line among columns: cells that fit one as a whole, others by word."""
    cells: dict[int, list[Word]] = {}
    for words in _words_of_cells(line, None):
        whole = fitting(min(w.x0 for w in words), max(w.x1 for w in words), columns)
        for word in words:
            index = _column_at(columns, word.x0, word.x1) if whole is None else whole
            cells.setdefault(index, []).append(word)
    return cells


def fitting(x0: float, x1: float, columns: Sequence[Column]) -> int | None:
    """Give the column that a text begins in, and ends before the next one."""
    for index, column in enumerate(columns):
        right = columns[index + 1].x0 if index + 1 < len(columns) else column.x1 + 6
        if column.x0 - 2 <= x0 <= column.x1 and x1 <= right:
            return index
    return None


def _is_typed(cells: Sequence[str]) -> bool:
    """Whether the form of its texts shows a column: tags, groups, VRs or numbers."""
    if not cells:
        return False
    forms = (
        sum(tag_in_cell(cell) is not None for cell in cells),
        sum(cell in VRS for cell in cells),
        sum(re.fullmatch(r"[\d\sn.-]+|[RUOPS]", cell) is not None for cell in cells),
        sum(is_group(cell) for cell in cells),
    )
    return max(forms) >= 0.8 * len(cells)


def set_titles(columns: list[Column], lines: Sequence[Line]) -> None:
    """Give each column its title; a title over no text at all makes an empty column."""
    for line in lines:
        for text, x0, x1 in _titles(line, columns):
            index = min(range(len(columns)), key=lambda i: _distance(columns[i], x0, x1))
            if _distance(columns[index], x0, x1) > _NEAR_TITLE and not any(
                min(x1, c.x1) > max(x0, c.x0) for c in columns
            ):
                index = bisect([column.x0 for column in columns], x0)
                columns.insert(index, Column(x0, x1))
            columns[index].titles.append(text)


def _titles(line: Line, columns: Sequence[Column]) -> list[tuple[str, float, float]]:
    """Divide a heading line: where gaps do, and where words stand over different columns."""
    titles: list[tuple[str, float, float]] = []
    for words in _words_of_cells(line, None):
        x0, x1 = min(word.x0 for word in words), max(word.x1 for word in words)
        text = " ".join(word.text for word in words)
        over = {_nearest(columns, word.x0, word.x1) for word in words}
        if role_of(text) is not None or len(over) < 2:
            titles.append((text, x0, x1))
            continue
        for word in words:
            place = _nearest(columns, word.x0, word.x1)
            if titles and titles[-1][1] >= x0 and _nearest(columns, *titles[-1][1:]) == place:
                titles[-1] = (f"{titles[-1][0]} {word.text}", titles[-1][1], word.x1)
            else:
                titles.append((word.text, word.x0, word.x1))
    return titles


def _nearest(columns: Sequence[Column], x0: float, x1: float) -> int:
    return min(range(len(columns)), key=lambda i: _distance(columns[i], x0, x1))


def _distance(column: Column, x0: float, x1: float) -> float:
    """How far a title is from standing over a column: by its left, its middle or its right."""
    middle = abs((x0 + x1) / 2 - (column.x0 + column.x1) / 2)
    return min(abs(x0 - column.x0), middle, abs(x1 - column.x1))
