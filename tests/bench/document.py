"""Regions of a document that a benchmark writes: between two comments that carry its name."""

from __future__ import annotations

import sys
from pathlib import Path


def write_region(document: Path, name: str, text: str) -> None:
    """Put `text` between ``<!-- name: begin -->`` and ``<!-- name: end -->`` of a document."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = document.read_text("utf-8") if document.is_file() else ""
    before, found, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        sys.exit(f"{document}: expected a line '{begin}' and below it a line '{end}'")
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", "utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; what has no letter in any row stands to the right."""
    plain = [not any(c.isalpha() for row in rows for c in row[i]) for i in range(len(head))]
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "|".join("--:" if right else "---" for right in plain) + "|")
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
