"""A table as rows of cells, ruled or not, with the places of its columns."""

from dataclasses import dataclass

from atlas_scraper.lines import Box


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
    """A table.

    Parameters
    ----------
    rows : tuple of GridRow
        Its rows from top to bottom, the heading first where there is one.
    box : tuple of float
        Its place in points.
    lefts, rights : tuple of float
        Left and right edge of each column; of a table without ruling those of its texts.
    ruled : bool
        Lines divide its cells; otherwise the places of the words do.
    """

    rows: tuple[GridRow, ...]
    box: Box
    lefts: tuple[float, ...]
    rights: tuple[float, ...] = ()
    ruled: bool = True
