"""The dictionary against pydicom's: opening, single look-ups, a million at once, memory, size.

    .venv/bin/python tests/bench/bench_dictionary.py

Prints the table of docs/performance.md. Both sides answer the same questions in turns, and the
median of the rounds counts. pydicom's private dictionary has fewer entries; nothing is scaled by
that. A million look-ups of pydicom are ten times a measured hundred thousand. pydicom keeps its
entries as Python objects; ours are decoded when they are first asked for, which has its own row.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import private_dictionary_VR

from atlas_dictionary import open_dictionary
from atlas_dictionary.reader import BUILT_IN

ROUNDS = 9
MILLION = 1_000_000
PYDICOM_DATA = Path(pydicom.__file__).with_name("_private_dict.py")
Timed = Callable[[], object]


def interleaved(*timed: Timed, rounds: int = ROUNDS, calls: int = 1) -> list[float]:
    """Return for each function the median of its rounds, in seconds a call."""
    seconds: list[list[float]] = [[] for _ in timed]
    for _ in range(rounds):
        for function, taken in zip(timed, seconds, strict=True):
            gc.collect()
            begin = time.perf_counter()
            function()
            taken.append((time.perf_counter() - begin) / calls)
    return [statistics.median(taken) for taken in seconds]


def questions(count: int) -> list[tuple[str, int, int]]:
    """Return creator, group and element of elements that both dictionaries have, in any order."""
    shared = []
    for entry in open_dictionary():
        if entry.creator is None or entry.key.names_block:
            continue
        try:
            private_dictionary_VR(entry.group << 16 | 0x1000 | entry.element, entry.creator)
        except KeyError:
            continue
        shared.append((entry.creator, entry.group, 0x1000 | entry.element))
    return random.Random(1).choices(shared, k=count)


def open_and_look_up() -> list[float]:
    def ours() -> None:
        open_dictionary().private("SIEMENS MR HEADER", 0x0019, 0x100A)

    def theirs() -> None:
        del sys.modules["pydicom._private_dict"]
        module = importlib.import_module("pydicom._private_dict")
        module.private_dictionaries["SIEMENS MR HEADER"]["0019xx0A"]

    before = sys.modules["pydicom._private_dict"]
    try:
        return interleaved(ours, theirs, rounds=21)
    finally:
        sys.modules["pydicom._private_dict"] = before


def single(asked: list[tuple[str, int, int]]) -> list[float]:
    """Return seconds a look-up: ours, pydicom's, ours in a block that is held."""
    dictionary = open_dictionary()
    private = dictionary.private
    tags = [(group << 16 | element, creator) for creator, group, element in asked]
    held = [(dictionary.block(creator, group), element & 0xFF) for creator, group, element in asked]

    def ours() -> None:
        for creator, group, element in asked:
            private(creator, group, element)

    def theirs() -> None:
        for tag, creator in tags:
            private_dictionary_VR(tag, creator)

    def in_block() -> None:
        for block, offset in held:
            block.get(offset)  # type: ignore[union-attr]

    for function in (ours, theirs, in_block):
        function()
    return interleaved(ours, theirs, in_block, calls=len(asked))


def first_time() -> float:
    """Return seconds a look-up of ours, of elements of which none was asked for before."""
    asked = list(dict.fromkeys(questions(5000)))
    taken: list[float] = []
    for _ in range(ROUNDS):
        dictionary = open_dictionary()
        begin = time.perf_counter()
        for question in asked:
            dictionary.private(*question)
        taken.append((time.perf_counter() - begin) / len(asked))
    return statistics.median(taken)


def many(asked: list[tuple[str, int, int]]) -> list[float]:
    """Return seconds for all: ours by name, ours by number of the creator, pydicom's loop."""
    dictionary = open_dictionary()
    creators = [creator for creator, _, _ in asked]
    numbers = {creator: number for number, creator in enumerate(dictionary.creators())}
    codes = np.array([numbers[creator] for creator in creators], np.int32)
    groups = np.array([group for _, group, _ in asked])
    elements = np.array([element for _, _, element in asked])
    part = [(group << 16 | element, creator) for creator, group, element in asked[: MILLION // 10]]

    def loop() -> None:
        vrs = []
        for tag, creator in part:
            try:
                vrs.append(private_dictionary_VR(tag, creator))
            except KeyError:
                vrs.append("UN")

    dictionary.lookup_many(codes[:1], groups[:1], elements[:1])
    by_name, by_number, theirs = interleaved(
        lambda: dictionary.lookup_many(creators, groups, elements),
        lambda: dictionary.lookup_many(codes, groups, elements),
        loop,
        rounds=5,
    )
    return [by_name, by_number, theirs * len(asked) / len(part)]


OURS_READY = "from atlas_dictionary import open_dictionary; import atlas_dictionary.reader"
OURS = f"{OURS_READY}; d = open_dictionary(); d.container.check_body()"
"""Has every page of the file in memory."""
THEIRS_READY = "import importlib.util as u, sys"
THEIRS = (
    f"{THEIRS_READY}; s = u.spec_from_file_location('p', {str(PYDICOM_DATA)!r});"
    " m = u.module_from_spec(s); s.loader.exec_module(m)"
)


def added_memory(code: str, ready: str, processes: int) -> float:
    """Return MB of proportional set size (PSS) a process that `code` adds to `ready`."""
    return (memory(code, processes) - memory(ready, processes)) / 1024


def memory(code: str, processes: int) -> float:
    """Return kB of PSS a process, when so many of them run `code` and wait."""
    command = [sys.executable, "-c", f"{code}; print(flush=True); input()"]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        return statistics.mean(proportional(process.pid) for process in running)
    finally:
        for process in running:
            process.communicate(b"\n")


def proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise SystemExit("this kernel does not tell PSS")


def main() -> None:
    if sys.platform != "linux":
        sys.exit("PSS is measured with Linux's /proc")
    asked = questions(MILLION)
    opened, imported = open_and_look_up()
    ours, theirs, in_block = single(asked[:20_000])
    uncached = first_time()
    by_name, by_number, loop = many(asked)
    rows = [
        row("open, first look-up", 1e3, "ms", opened, imported),
        row("one look-up, `private`", 1e6, "µs", ours, theirs),
        row("the same, not asked for before", 1e6, "µs", uncached, theirs),
        row("one look-up in a held block", 1e6, "µs", in_block, theirs),
        row("a million, creators by name", 1e3, "ms", by_name, loop),
        row("a million, creators by number", 1e3, "ms", by_number, loop),
    ]
    for processes in (1, 8):
        mine = added_memory(OURS, OURS_READY, processes)
        other = added_memory(THEIRS, THEIRS_READY, processes)
        name = "memory (PSS) a process, " + (f"{processes} at once" if processes > 1 else "alone")
        rows.append(row(name, 1, "MB", mine, other))
    sizes = (float(path.stat().st_size) for path in (BUILT_IN, PYDICOM_DATA))
    rows.append(row("file", 1e-6, "MB", *sizes))
    print(f"| | atlas_dictionary | pydicom {pydicom.__version__} | factor |")
    print("|---|--:|--:|--:|")
    print("\n".join(rows))
    print(f"\nPython {platform.python_version()}, numpy {np.__version__}, {processor()}")


def row(name: str, scale: float, unit: str, ours: float, theirs: float) -> str:
    """Return a line of the table; the factor is above 1 where ours needs less."""
    mine, other = (f"{float(f'{value * scale:.3g}'):g} {unit}" for value in (ours, theirs))
    return f"| {name} | {mine} | {other} | {theirs / ours:.1f} |"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
