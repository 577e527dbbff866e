"""Annotation against pydicom, object by object, and how it grows with elements and pixel data.

    .venv/bin/python tests/bench/bench_annotate.py [--write docs/performance.md]

Both sides are given the bytes of the same file. pydicom reads it, decodes every element and writes
it; ours annotates it with the policy `decode` and writes the pieces; both write to memory. They
take turns, and the median of the rounds counts. Seconds are those of the processor: neither side
waits for anything, and what else the machine does would only blur them.
"""

from __future__ import annotations

import argparse
import gc
import io
import mmap
import platform
import statistics
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotation, Annotator
from atlas_node.encoding.header import explicit_header, item_header
from atlas_node.encoding.part10 import split_file
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from atlas_node.model import Policy
from tests.bench.bench_dictionary import processor
from tests.bench.document import table, write_region
from tests.bench.plot import Axis, write_plot
from tests.peers import SCANS, make_unknown

PER_FRAME_GROUPS = b"\x00\x52\x30\x92SQ"
COUNTS = (100, 300, 1_000, 3_000, 10_000, 20_000)
SIZES = (1 << 10, 1 << 16, 1 << 20, 1 << 24, 1 << 27, 1 << 29)
BLOCK = ("GEMS_ACQU_01", 0x0019)
SEQUENCE = ("Philips MR Imaging DD 005", 0x2005, 0x0F)
"""A private sequence whose items hold elements of `BLOCK` in the measurements."""

ROUNDS = 11
ROUND = 0.02
"""Seconds of a round, at least one call long."""

ANNOTATOR = Annotator(open_dictionary())
Timed = Callable[[], object]


def in_turns(*timed: Timed, rounds: int) -> list[float]:
    """Return for each function the median of its rounds, in seconds of the processor a call."""
    calls = [max(1, round(ROUND / once(function))) for function in timed]
    seconds: list[list[float]] = [[] for _ in timed]
    for _ in range(rounds):
        for function, count, taken in zip(timed, calls, seconds, strict=True):
            gc.collect()
            begin = time.process_time()
            for _ in range(count):
                function()
            taken.append((time.process_time() - begin) / count)
    return [statistics.median(taken) for taken in seconds]


def once(function: Timed) -> float:
    """Return the seconds of a second call."""
    function()
    begin = time.process_time()
    function()
    return max(time.process_time() - begin, 1e-6)


def theirs(data: bytes) -> None:
    ds = pydicom.dcmread(io.BytesIO(data))
    for _ in ds.iterall():
        pass
    ds.save_as(io.BytesIO())


def ours(data: bytes) -> Annotation:
    view = memoryview(data)
    file = split_file(view)
    annotation = ANNOTATOR.annotate(view[file.offset :], file.transfer_syntax_uid, Policy.DECODE)
    written = io.BytesIO()
    written.write(view[: file.offset])
    written.writelines(annotation.pieces)
    return annotation


def unknown(source: Path) -> bytes | None:
    """Return a file with its private VRs lost as a PACS loses them; None when it cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "unknown.dcm"
        return copy.read_bytes() if make_unknown(source, copy) else None


def computed_tomography() -> bytes:
    """Return pydicom's GE CT with 512 x 512 pixels and 170 `UN` elements."""
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    ds.PixelData = np.kron(ds.pixel_array, np.ones((4, 4), ds.pixel_array.dtype)).tobytes()
    ds.Rows = ds.Columns = 512
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "ct.dcm"
        ds.save_as(source)
        data = unknown(source)
    assert data is not None
    return data


def enhanced() -> Iterator[tuple[str, bytes]]:
    """Yield manufacturer and bytes of the enhanced multi-frame objects among the scans."""
    for path in sorted(p for p in SCANS.rglob("*") if p.is_file()):
        if PER_FRAME_GROUPS not in path.read_bytes():
            continue
        data = unknown(path)
        if data is not None:
            ds = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
            yield f"{ds.Manufacturer.split()[0].title()}, {ds.NumberOfFrames} frames", data


def objects() -> str:
    """Return the table of objects against pydicom."""
    cases = [("CT, 512 x 512", computed_tomography())]
    cases += sorted(enhanced(), key=lambda case: (case[0].split()[0], len(case[1])))
    rows = []
    for name, data in cases:
        elements = sum(1 for _ in pydicom.dcmread(io.BytesIO(data)).iterall())
        private = ours(data).counts["private"]
        peer, mine, records = in_turns(
            lambda data=data: theirs(data),
            lambda data=data: ours(data),
            lambda data=data: ours(data).elements(),
            rounds=ROUNDS,
        )
        rows.append(
            [name, f"{len(data) / 1e6:.2f} MB", f"{elements:,}", f"{private:,}"]
            + [f"{1e3 * seconds:.3g} ms" for seconds in (peer, mine)]
            + [f"{peer / mine:.1f}", f"{1e3 * records:.3g} ms", f"{peer / records:.1f}"]
        )
    head = ["object", "size", "elements", "private", f"pydicom {pydicom.__version__}", "ours"]
    return table([*head, "factor", "ours with records", "factor"], rows)


def known_elements() -> list[tuple[int, bytes]]:
    """Return offset and value of elements of `BLOCK` whose VR is told at once."""
    block = open_dictionary().block(*BLOCK)
    assert block is not None
    values = {"SS": b"\1\0", "US": b"\1\0", "SL": b"\1\0\0\0", "FL": b"\0\0\0\0", "DS": b"12.5"}
    entries = [(offset, block.get(offset)) for offset in range(256)]
    return [(n, values[e.vr]) for n, e in entries if e and e.vr in values and e.vm in ("1", "1-n")]


def private_block(number: int, count: int, *, explicit: bool = True) -> bytes:
    """Return a private creator and `count` `UN` elements of the block that it reserves."""
    creator, group = BLOCK
    value = creator.encode() + b" " * (len(creator) % 2)
    parts = [(number, "LO", value)]
    parts += [(number << 8 | offset, "UN", v) for offset, v in known_elements()[:count]]
    return b"".join(
        explicit_header(group, element, vr, len(value)) + value
        if explicit
        else struct.pack("<HHI", group, element, len(value)) + value
        for element, vr, value in parts
    )


def flat(count: int) -> bytes:
    """Return a data set of `count` private elements, 100 in each of its blocks."""
    return b"".join(
        private_block(0x10 + n // 100, min(100, count - n)) for n in range(0, count, 100)
    )


def items(count: int, *, explicit: bool) -> bytes:
    blocks = (
        private_block(0x10, min(10, count - n), explicit=explicit) for n in range(0, count, 10)
    )
    return b"".join(item_header(len(block)) + block for block in blocks)


def in_items(count: int) -> bytes:
    """Return a data set of `count` private elements, 10 in each item of a standard sequence."""
    content = items(count, explicit=True)
    return explicit_header(0x5200, 0x9230, "SQ", len(content)) + content


def in_unknown(count: int) -> bytes:
    """Return a data set of `count` private elements, 10 in each item of a `UN` sequence."""
    creator, group, offset = SEQUENCE
    value = creator.encode() + b" " * (len(creator) % 2)
    content = items(count, explicit=False)
    return b"".join(
        (
            explicit_header(group, 0x0010, "LO", len(value)), value,
            explicit_header(group, 0x1000 | offset, "UN", len(content)), content,
        )
    )  # fmt: skip


def annotated(data: bytes | memoryview) -> Annotation:
    return ANNOTATOR.annotate(data, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)


def by_elements() -> dict[str, list[tuple[float, float]]]:
    """Return milliseconds by number of private elements, for each way they may stand."""
    series = {}
    makers = {"in the object": flat, "in items": in_items, "inside a UN sequence": in_unknown}
    for name, make in makers.items():
        cases = [make(count) for count in COUNTS]
        for count, data in zip(COUNTS, cases, strict=True):
            decoded = annotated(data).counts["decoded"]
            assert decoded == count + (make is in_unknown), f"{name}: {decoded} of {count}"
        seconds = in_turns(*(lambda data=data: annotated(data) for data in cases), rounds=ROUNDS)
        series[name] = [(float(n), 1e3 * s) for n, s in zip(COUNTS, seconds, strict=True)]
    return series


@contextmanager
def with_pixels(head: bytes, size: int) -> Iterator[memoryview]:
    """Give a data set with `size` bytes of pixel data, mapped from a file of holes."""
    with tempfile.TemporaryFile() as file:
        file.write(head + explicit_header(0x7FE0, 0x0010, "OW", size))
        file.truncate(file.tell() + size)
        file.flush()
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def by_pixels() -> list[tuple[int, float, int]]:
    """Return for each size of pixel data the milliseconds and the bytes that were copied."""
    file = computed_tomography()
    data = memoryview(file)[split_file(file).offset :]
    head = bytes(data[: bytes(data).index(b"\xe0\x7f\x10\x00")])
    measured = []
    for size in SIZES:
        with with_pixels(head, size) as view:
            copied = sum(len(piece) for piece in annotated(view).pieces if type(piece) is bytes)
            (seconds,) = in_turns(lambda view=view: annotated(view), rounds=ROUNDS)
        measured.append((size, 1e3 * seconds, copied))
    return measured


def size_text(size: int) -> str:
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} kB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=Path, help="document to write tables into, plots beside it")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = [objects()]
    elements, pixels = by_elements(), by_pixels()
    rows = [
        [f"{count:,}"]
        + [
            f"{ms:.3g} ms ({1e3 * ms / count:.2f} µs)"
            for _, ms in (s[n] for s in elements.values())
        ]
        for n, count in enumerate(COUNTS)
    ]
    parts.append(table(["private elements", *(f"{n} (each)" for n in elements)], rows))
    rows = [[size_text(size), f"{ms:.3g} ms", f"{copied:,}"] for size, ms, copied in pixels]
    parts.append(table(["pixel data", "ours", "bytes not views of the input"], rows))
    parts.append(f"Python {platform.python_version()}, {processor()}")
    if options.write:
        folder = options.write.parent
        write_plots(folder, elements, pixels)
        parts.insert(2, "![Time by number of elements](annotate-elements.svg)")
        parts.insert(4, "![Time by size of pixel data](annotate-pixels.svg)")
        write_region(options.write, "bench_annotate", "\n\n".join(parts))
    print("\n\n".join(parts))


def write_plots(
    folder: Path,
    elements: dict[str, list[tuple[float, float]]],
    pixels: list[tuple[int, float, int]],
) -> None:
    milliseconds = {0.01: "0.01", 0.1: "0.1", 1.0: "1", 10.0: "10", 100.0: "100"}
    write_plot(
        folder / "annotate-elements.svg",
        "Annotation takes time in proportion to the private elements",
        Axis("private elements", {n: f"{n:,.0f}" for n in (1e2, 1e3, 1e4, 2e4)}, True),
        Axis("milliseconds", milliseconds, True),
        elements,
    )
    longest = max(ms for _, ms, _ in pixels)
    write_plot(
        folder / "annotate-pixels.svg",
        "Annotation takes the same time whatever the size of the pixel data",
        Axis("pixel data", {float(size): size_text(size) for size in SIZES}, True),
        Axis("milliseconds", {n * longest / 4: f"{n * longest / 4:.2f}" for n in range(6)}, False),
        {"": [(float(size), ms) for size, ms, _ in pixels]},
    )


if __name__ == "__main__":
    main()
