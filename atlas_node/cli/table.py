"""How commands show what they list: a plain table, times in UTC, nothing that moves the cursor."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows under headings; what came from the network is made visible."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from atlas_node.log import visible

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells: list[RenderableType] = [Text(visible(cell)) for cell in row]
        table.add_row(*cells)
    # A pipe has no width: no UID is broken over lines there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def iso(seconds: float | None) -> str | None:
    """Return a time in seconds since the epoch as JSON output has it (ISO 8601)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def shown_time(seconds: float) -> str:
    """Return a time in seconds since the epoch as a person reads it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
