"""What the fault tests came to, fault by fault: the table of docs/reliability.md.

`Ledger` notes each tally here. With ``ATLAS_FAULT_TABLE=docs/reliability.md`` the table is written
between its two marks when all tests have passed; ``make faults`` does that.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

COLUMNS = ("sent", "answered", "delivered", "duplicated", "dead", "lost")
BEGIN = "<!-- faults: made by `make faults`, do not edit -->"
END = "<!-- end of faults -->"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many objects of a run came to what."""

    sent: int
    answered: int
    delivered: int
    duplicated: int
    dead: int
    lost: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name)}" for name in COLUMNS)


_tallies: defaultdict[str, dict[Hashable, Tally]] = defaultdict(dict)


def note(fault: str, run: Hashable, tally: Tally) -> None:
    """Note what a run under a fault came to; a later tally takes the place of an earlier one."""
    _tallies[fault][run] = tally


def table() -> str:
    """Return the table in Markdown: a row for each fault, with the sums of its runs."""
    lines = [f"| fault | runs | {' | '.join(COLUMNS)} |", "|---|" + "--:|" * (1 + len(COLUMNS))]
    everything = {(fault, run): it for fault, its in _tallies.items() for run, it in its.items()}
    for fault, runs in [*_tallies.items(), ("**all**", everything)]:
        sums = [sum(getattr(it, name) for it in runs.values()) for name in COLUMNS]
        lines.append(f"| {fault} | {len(runs)} | {' | '.join(f'{it:,}' for it in sums)} |")
    return "\n".join(lines)


def write_table(document: Path, seeds: int) -> None:
    """Write the table between the two marks of a document."""
    said = f"`make faults SEEDS={seeds}` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores:"
    replace_between(document, BEGIN, END, f"{said}\n\n{table()}")


def replace_between(document: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of a document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{document} has no {begin} with {end} after it")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
