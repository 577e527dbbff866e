"""The rows of a table without ruling: lines gathered around its tags.

`text_tables` calls it once the columns are known. A horizontal rule divides two rows; where there
is none, the larger gap does; a line that names a creator stands between them by itself.
"""

from collections.abc import Sequence
from itertools import pairwise

from atlas_scraper.grids import GridRow
from atlas_scraper.lines import Box, Line
from atlas_scraper.tag_marks import MOST_LINES_OF_A_ROW, Mark, common, is_banner, is_break
from atlas_scraper.tags import find_tags
from atlas_scraper.text import join_lines
from atlas_scraper.text_columns import Column, cells_of, divided, fitting

_NEXT_LINE = 0.9


def lines_below(
    lines: Sequence[Line], mark: Mark, columns: Sequence[Column], taken: set[int]
) -> list[int]:
    """Give the lines right below the last tag that go on with its row."""
    below: list[int] = []
    last = mark.line
    for index in range(last + 1, min(last + MOST_LINES_OF_A_ROW, len(lines))):
        before, line = lines[index - 1], lines[index]
        height = before.box[3] - before.box[1]
        if index in taken or is_break(line) or is_banner(line, mark) or _has_tag_at(line, mark):
            break
        if line.box[1] - before.box[3] > _NEXT_LINE * height or line.style != lines[last].style:
            break
        if not all(fitting(*cell, columns) is not None for cell in cells_of(line, None)):
            break
        below.append(index)
    return below


def _has_tag_at(line: Line, mark: Mark) -> bool:
    """Whether a line has a tag of its own below another one; a remark may name tags beside it."""
    return any(
        common(mark, (line.word_at(item.start).x0, line.word_at(item.end - 1).x1)) > 0
        for item in find_tags(line.text)
    )


def rows_of(
    lines: Sequence[Line],
    body: Sequence[int],
    anchors: dict[int, Mark],
    columns: Sequence[Column],
    rules: Sequence[float],
) -> list[GridRow]:
    """Give the rows of a table.

    Parameters
    ----------
    lines : sequence of Line
        The lines of the page.
    body : sequence of int
        Those of the table.
    anchors : dict of int to Mark
        The tags, by line.
    columns : sequence of Column
        The columns.
    rules : sequence of float
        Heights of the long horizontal rules of the page.
    """
    tag = next(iter(anchors.values()))
    groups: list[list[int]] = []
    waiting: list[int] = []
    for index in body:
        if index in anchors:
            above, below = _shared_out(lines, groups[-1] if groups else [], waiting, index, rules)
            if groups:
                groups[-1] += above
            groups.append([*below, index])
            waiting = []
        elif is_banner(lines[index], tag):
            if groups:
                groups[-1] += waiting
            groups.append([index])
            groups.append([])
            waiting = []
        else:
            waiting.append(index)
    if groups:
        groups[-1] += waiting
    rows = []
    for group in groups:
        if len(group) == 1 and group[0] not in anchors:
            text = lines[group[0]].text.replace("\t", " ")
            rows.append(GridRow((text, *[None] * (len(columns) - 1)), lines[group[0]].box))
        elif group:
            rows.append(_row([lines[i] for i in sorted(group)], columns))
    return rows


def _shared_out(
    lines: Sequence[Line],
    above: Sequence[int],
    between: Sequence[int],
    below: int,
    rules: Sequence[float],
) -> tuple[list[int], list[int]]:
    """Divide the lines between two tags among their rows.

    A horizontal rule divides; where there is none, the largest gap when it stands out, and
    otherwise the tag is taken to stand in the first line of its row.
    """
    if not between or not above:
        return [], list(between)
    chain = [max(above), *between, below]
    middles = [(lines[i].box[1] + lines[i].box[3]) / 2 for i in chain]
    gaps = [after - before for before, after in pairwise(middles)]
    ruled = [any(before < rule < after for rule in rules) for before, after in pairwise(middles)]
    if any(ruled):
        cut = ruled.index(True)
    else:
        cut = max(range(len(gaps)), key=lambda i: gaps[i])
        others = [gap for i, gap in enumerate(gaps) if i != cut]
        if others and gaps[cut] < 1.12 * max(others):
            cut = len(between)
    return list(between[:cut]), list(between[cut:])


def _row(lines: Sequence[Line], columns: Sequence[Column]) -> GridRow:
    texts = ["" for _ in columns]
    for line in lines:
        for column, words in divided(line, columns).items():
            text = " ".join(word.text for word in words)
            texts[column] = f"{texts[column]}\n{text}" if texts[column] else text
    return GridRow(tuple(join_lines(text) for text in texts), around(lines))


def around(lines: Sequence[Line | GridRow]) -> Box:
    """Give the box that holds them all."""
    return (
        min(line.box[0] for line in lines),
        min(line.box[1] for line in lines),
        max(line.box[2] for line in lines),
        max(line.box[3] for line in lines),
    )
