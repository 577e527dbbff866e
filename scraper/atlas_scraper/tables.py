"""What stands on a page, from top to bottom: tables, and lines of text between them.

`scrape` calls `lay_out` on each page with a candidate. A ruled table that is only a frame (one
column, or several tags in one cell) is given back to its words, in which `text_tables` looks for
the table that it frames; so is a table without any tag, whose words may be a heading.
"""

from bisect import bisect_left
from typing import TYPE_CHECKING

from atlas_scraper import text_tables
from atlas_scraper.columns import Role, role_of
from atlas_scraper.grids import Grid, GridRow
from atlas_scraper.lines import Box, Line, lines_of
from atlas_scraper.pages import Page, Word, body_font
from atlas_scraper.split_tags import joined
from atlas_scraper.tags import find_tags, is_element, is_group, tag_in_cell
from atlas_scraper.text import join_lines

if TYPE_CHECKING:
    from pdfplumber._typing import T_obj, T_obj_list
    from pdfplumber.page import Page as PlumberPage
    from pdfplumber.table import Table

_LONG_RULE = 100.0
_FEWEST_TITLES = 2


def lay_out(page: Page, before: text_tables.Frame | None = None) -> list[Line | Grid]:
    """Give the tables and lines of a page in reading order.

    Parameters
    ----------
    page : Page
        The page.
    before : Frame, optional
        The columns of a table without ruling that may go on from the page before.
    """
    if page.plumbed is None:
        return list(_plain_lines(page.text))
    chars = _Chars(page.plumbed.chars)
    found = (_grid(table, chars) for table in page.plumbed.find_tables())
    grids = [grid for grid in found if grid is not None]
    grids = [g for g in grids if not any(o is not g and _inside(o.box, g.box) for o in grids)]
    outside = joined([w for w in page.words if not any(_holds(g.box, w) for g in grids)])
    lines = lines_of(outside, body_font(page.words))
    tables, rest = text_tables.find(lines, _rules(page.plumbed), before)
    items: list[Line | Grid] = [*grids, *tables, *rest]
    return sorted(items, key=lambda item: (round(item.box[1]), item.box[0]))


def _rules(page: "PlumberPage") -> list[float]:
    """Give the heights of the long horizontal lines, edges of shaded bands among them."""
    return sorted(
        edge["top"] for edge in page.horizontal_edges if edge["x1"] - edge["x0"] >= _LONG_RULE
    )


def _plain_lines(text: str) -> list[Line]:
    """Lines of a page that was not laid out: for headings alone, so without a place."""
    lines = [join_lines(line) for line in text.split("\n")]
    return [
        Line((Word(line, 0.0, 0.0, float(i), float(i), "", 0.0),), line, (0.0, i, 0.0, i))
        for i, line in enumerate(lines)
        if line
    ]


class _Chars:
    """The letters of a page from top to bottom, to find those of a cell without a full pass."""

    def __init__(self, chars: "T_obj_list") -> None:
        self._chars = sorted(chars, key=_middle)
        self._middles = [_middle(char) for char in self._chars]

    def text(self, cell: Box) -> str:
        """Give the text of a cell: the letters whose middle lies in it, as pdfplumber does."""
        from pdfplumber.utils.text import extract_text  # noqa: PLC0415 (an optional dependency)

        left, top, right, bottom = cell
        first, end = bisect_left(self._middles, top), bisect_left(self._middles, bottom)
        inside = [c for c in self._chars[first:end] if left <= (c["x0"] + c["x1"]) / 2 < right]
        return join_lines(extract_text(inside, x_tolerance_ratio=0.2)) if inside else ""


def _middle(char: "T_obj") -> float:
    return float((char["top"] + char["bottom"]) / 2)


def _grid(table: "Table", chars: _Chars) -> Grid | None:
    """Read a table of pdfplumber's; None when its ruling does not divide its tags."""
    rows = tuple(
        GridRow(tuple(None if c is None else chars.text(c) for c in row.cells), row.bbox)
        for row in table.rows
    )
    if not rows or len(rows[0].cells) < 2:
        return None
    tagged = apart = 0
    for row in rows:
        counts = [len(list(find_tags(text))) for text in row.texts]
        split = sum(is_group(text) for text in row.texts)
        cells = sum(tag_in_cell(text) is not None for text in row.texts)
        tagged += bool(sum(counts) or split or cells)
        apart += bool(split or cells or any(_holds_a_tag(text) for text in row.texts))
        crowded = [text for text, count in zip(row.texts, counts, strict=True) if count > 1]
        if any(_is_mostly_tags(text) for text in crowded):
            return None
    if not tagged and _has_element_column(rows):
        return Grid(rows, table.bbox, _lefts(table))
    if not tagged or (apart == 0 and _columns_merge(rows)):
        return None
    return _records_upright(Grid(rows, table.bbox, _lefts(table)))


def _records_upright(grid: Grid) -> Grid:
    """Give a table for one element, titles at the left and values beside them, as a row of cells.

    Its first column must hold titles alone, different ones, that of the tag among them.
    """
    texts = [row.texts for row in grid.rows]
    if len(texts[0]) != 2 or any(not title.strip() for title, _ in texts):
        return grid
    roles = [role_of(title) for title, _ in texts]
    if None in roles or len(set(roles)) < len(roles) or len(roles) < _FEWEST_TITLES:
        return grid
    at = roles.index(Role.TAG) if Role.TAG in roles else None
    if at is None or tag_in_cell(texts[at][1]) is None:
        return grid
    first = grid.rows[0].box
    return Grid(
        (
            GridRow(tuple(title for title, _ in texts), first),
            GridRow(tuple(value for _, value in texts), grid.box),
        ),
        grid.box,
        tuple(grid.lefts[0] + index for index in range(len(texts))),
    )


def _has_element_column(rows: tuple[GridRow, ...]) -> bool:
    """Whether a table gives element numbers alone, of a group that stands above it."""
    for index, title in enumerate(rows[0].texts):
        cells = [row.texts[index] for row in rows[1:] if row.texts[index].strip()]
        if role_of(title) is Role.ELEMENT and cells and all(is_element(cell) for cell in cells):
            return True
    return False


def _holds_a_tag(text: str) -> bool:
    """Whether a cell is a tag with little beside it, as its creator."""
    return any(item.start < 3 for item in find_tags(text)) and len(text) < 90


def _columns_merge(rows: tuple[GridRow, ...]) -> bool:
    """Whether cells hold whole rows of another table: most of the text stands beside a tag."""
    beside = sum(len(t) for row in rows for t in row.texts if list(find_tags(t)))
    return beside > 0.5 * sum(len(t) for row in rows for t in row.texts)


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
