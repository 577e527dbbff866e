"""Tables without ruling: their rows and columns, found in the places of words.

`tables` gives the lines of a page that no ruled table holds. Lines whose tags stand below each
other are a table. Its columns lie between the white gaps that run down through all of its lines;
its rows are gathered around the tags, by horizontal rules where there are some and by the larger
gap where there are none. The heading is looked for right above. What a line says is left to the
readers of rows: here only places are compared, and whether a word can be a tag.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from atlas_scraper.columns import count_of_titles
from atlas_scraper.creator_names import creator_of_line, is_caption, section_depth
from atlas_scraper.grids import Grid, GridRow
from atlas_scraper.lines import Line
from atlas_scraper.side_by_side import side_by_side
from atlas_scraper.tag_marks import SAME_PLACE, Mark, Run, common, is_break, runs
from atlas_scraper.tags import find_tags
from atlas_scraper.text_columns import (
    Column,
    cells_of,
    columns_between,
    fitting,
    merged,
    set_titles,
)
from atlas_scraper.text_rows import around, lines_below, rows_of

_WIDEST_CELL = 0.6
_MOST_HEADING_LINES = 4
_FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """The columns of a table, for its rows further on, where no heading stands above them.

    Parameters
    ----------
    lefts, rights : tuple of float
        The edges of the columns.
    tag : tuple of float
        The edges of the column of tags, or of groups and elements.
    """

    lefts: tuple[float, ...]
    rights: tuple[float, ...]
    tag: tuple[float, float]

    def holds(self, mark: Mark) -> bool:
        """Whether a tag stands in the column of tags."""
        return common(mark, self.tag) >= SAME_PLACE * min(
            mark.x1 - mark.x0, self.tag[1] - self.tag[0]
        )

    def columns(self) -> list[Column]:
        """Give the columns for rows further on."""
        return [Column(x0, x1) for x0, x1 in zip(self.lefts, self.rights, strict=True)]


def find(
    lines: Sequence[Line], rules: Sequence[float], before: Frame | None = None
) -> tuple[list[Grid], list[Line]]:
    """Find the tables among lines.

    Parameters
    ----------
    lines : sequence of Line
        The lines from top to bottom.
    rules : sequence of float
        Heights of the long horizontal rules of the page.
    before : Frame, optional
        The table of texts that may go on from the page before.

    Returns
    -------
    tables : list of Grid
        The tables, each with its heading as the first row where one was found.
    rest : list of Line
        The lines that are in no table.
    """
    grids: list[Grid] = []
    rest: list[Line] = []
    for part in side_by_side(lines):
        taken: set[int] = set()
        frames: dict[int, Frame] = {} if before is None else {-1: before}
        untitled = []
        for run in runs(part):
            grid = None if run.first in taken else _titled(part, run, rules, taken)
            if grid is None:
                untitled.append(run)
            else:
                grids.append(grid)
                frames[run.first] = _frame(grid, run)
        for run in sorted(untitled, key=lambda run: run.first):
            run.marks = [mark for mark in run.marks if mark.line not in taken]
            if not run.marks:
                continue
            above = max((first for first in frames if first < run.first), default=None)
            frame = None if above is None else frames[above]
            grid = _untitled(part, run, rules, taken, frame)
            if grid is not None:
                grids.append(grid)
                frames.setdefault(run.first, _frame(grid, run))
        rest += [line for index, line in enumerate(part) if index not in taken]
    return grids, rest


def _frame(grid: Grid, run: Run) -> Frame:
    tag = min(mark.x0 for mark in run.marks), max(mark.x1 for mark in run.marks)
    return Frame(grid.lefts, grid.rights, tag)


def _titled(
    lines: Sequence[Line], run: Run, rules: Sequence[float], taken: set[int]
) -> Grid | None:
    """Make the table of tags under a heading; None when there is no heading."""
    body, columns = _divided_up(lines, run, taken)
    heading, above = _heading(lines, run, columns, taken)
    if not heading:
        return None
    set_titles(columns, [lines[i] for i in heading])
    columns = merged(columns, [lines[i] for i in body])
    titles = GridRow(tuple(column.title for column in columns), around([lines[i] for i in heading]))
    grid = _table(lines, run, columns, above + body, rules, taken, titles)
    taken |= set(heading)
    return grid


def _untitled(
    lines: Sequence[Line],
    run: Run,
    rules: Sequence[float],
    taken: set[int],
    frame: Frame | None,
) -> Grid | None:
    """Make the table of tags without a heading: one that goes on, or that stands for itself."""
    anchors = {mark.line for mark in run.marks}
    body, columns = _divided_up(lines, run, taken)
    if frame is not None and frame.holds(run.marks[0]):
        same = frame.columns()
        if all(fitting(*c, same) is not None for c in cells_of(lines[run.first], run.marks[0])):
            return _table(lines, run, same, body, rules, taken)
    columns = merged(columns, [lines[i] for i in body])
    if not _stands_alone([lines[i] for i in sorted(anchors)], run, columns):
        return None
    return _table(lines, run, columns, body, rules, taken)


def _table(
    lines: Sequence[Line],
    run: Run,
    columns: Sequence[Column],
    body: list[int],
    rules: Sequence[float],
    taken: set[int],
    titles: GridRow | None = None,
) -> Grid:
    anchors = {mark.line: mark for mark in run.marks}
    body = [i for i in body if i in anchors or _may_be_of_row(lines[i], columns)]
    body += lines_below(lines, run.marks[-1], columns, taken)
    rows = rows_of(lines, body, anchors, columns, rules)
    taken |= set(body)
    return Grid(
        tuple([titles, *rows] if titles else rows),
        around([lines[i] for i in body] + ([] if titles is None else [titles])),
        tuple(column.x0 for column in columns),
        tuple(column.x1 for column in columns),
        ruled=False,
    )


def _may_be_of_row(line: Line, columns: Sequence[Column]) -> bool:
    """Whether a line may be part of a row: no ornament, and no sentence through three columns."""
    return any(c.isalnum() for c in line.text) and not any(
        sum(min(x1, c.x1) - max(x0, c.x0) > 3 for c in columns) > 2
        for x0, x1 in cells_of(line, None)
    )


def _divided_up(lines: Sequence[Line], run: Run, taken: set[int]) -> tuple[list[int], list[Column]]:
    """Give the lines from the first tag to the last, and the columns that those in cells show."""
    anchors = {mark.line: mark for mark in run.marks}
    body = [i for i in range(run.first, run.last + 1) if i not in taken]
    width = max(lines[i].box[2] - lines[i].box[0] for i in anchors)
    shown = [
        i
        for i in body
        if i in anchors
        or (
            creator_of_line(lines[i].text) is None
            and max(x1 - x0 for x0, x1 in cells_of(lines[i], None)) < _WIDEST_CELL * width
        )
    ]
    return body, columns_between([lines[i] for i in shown], [anchors.get(i) for i in shown])


def _stands_alone(lines: Sequence[Line], run: Run, columns: Sequence[Column]) -> bool:
    """Whether lines without a heading are a table: several, in columns, and no sentences."""
    if len(run.marks) < _FEWEST_ROWS or len(columns) < 2:
        return False
    if any(mark.weak for mark in run.marks):
        return False
    return sum(_is_sentence(line.text) for line in lines) <= 0.2 * len(lines)


def _is_sentence(text: str) -> bool:
    return re.search(r"\b(?:is|are|was|will|shall|should|can|has|used|see)\b", text) is not None


def _heading(
    lines: Sequence[Line], run: Run, columns: Sequence[Column], taken: set[int]
) -> tuple[list[int], list[int]]:
    """Find the heading above the first tag, and lines between that belong to the first row.

    Of several ways to read the lines above, the one with most known titles, then the one with
    fewest words is the heading.
    """
    best: tuple[tuple[int, int], list[int], list[int]] = ((1, 0), [], [])
    for skipped in range(_MOST_HEADING_LINES):
        for count in range(1, _MOST_HEADING_LINES + 1):
            start = run.first - skipped - count
            block = list(range(start, run.first))
            if start < 0 or not _hang_together([lines[i] for i in [*block, run.first]]):
                break
            if any(i in taken or list(find_tags(lines[i].text)) for i in block):
                break
            heading, between = block[:count], block[count:]
            if any(_is_heading_of_text(lines[i]) for i in heading):
                continue
            if any(is_break(lines[i]) for i in between):
                continue
            trial = [Column(c.x0, c.x1, c.narrow) for c in columns]
            set_titles(trial, [lines[i] for i in heading])
            titles = [column.title for column in trial if column.titles]
            known = count_of_titles(titles)
            score = known, -sum(len(title.split()) for title in titles)
            if score > best[0] and known >= 0.5 * len(titles):
                best = (score, heading, between)
    return best[1], best[2]


def _is_heading_of_text(line: Line) -> bool:
    text = line.text.replace("\t", " ").strip()
    if is_caption(text) or creator_of_line(text) is not None:
        return True
    return bool(section_depth(text)) and line.emphasised


def _hang_together(lines: Sequence[Line]) -> bool:
    return all(
        line.box[1] - before.box[3] <= 2.5 * max(1.0, before.box[3] - before.box[1])
        for before, line in pairwise(lines)
    )
