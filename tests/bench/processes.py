"""Processor time and memory of a program with all its processes, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants that live."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))
    except (FileNotFoundError, ProcessLookupError):
        return


def processor_seconds(pid: int, name: str = "") -> float:
    """Return the seconds of processor time that a tree has used, ended children included.

    With a `name`, only of the processes whose own name begins so.
    """
    ticks = 0
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        its_name, _, rest = stat.partition("(")[2].rpartition(")")
        if its_name.startswith(name):
            ticks += sum(map(int, rest.split()[11:15]))
    return ticks / TICK


def memory(pid: int) -> int:
    """Return the bytes of memory of a tree; a page that several share counts once (PSS)."""
    total = 0
    for one in tree(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(
            1024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return total
