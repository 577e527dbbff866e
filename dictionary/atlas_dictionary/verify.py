"""Full check of a compiled file: checksum, and every reference in every record.

`open_dictionary` runs it for a file of one's own, ``atlas-dict verify`` for any. A file that
passes cannot make a reader look outside of a section. The checks are whole-array operations, so
that they cost a few milliseconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_dictionary.container import Container

_Column = NDArray[Any]


def verify(file: Container) -> None:
    """Check all of `file`.

    Raises
    ------
    DictionaryError
        At the first fault; the message names section and record.
    """
    file.check_body()
    _Verifier(file).run()


class _Verifier:
    """The checks of one file; each raises at the first record that fails."""

    def __init__(self, file: Container) -> None:
        self.file = file
        strings = file.section("STRS")
        data = np.frombuffer(file.data, np.uint8, strings.count, strings.offset)
        # A reference is good where a string begins: at 0, and after every NUL.
        self.begins = np.concatenate([[True], data[:-1] == 0])
        try:
            data.tobytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise file.refused(f"damaged: string at {error.start} is not UTF-8") from None

    def run(self) -> None:
        self.strings("META", 0, 4)
        self.strings("SRCS", 0, 4, 8, 12, 16, 20)
        self.strings("CRTR", 0, 4)
        self.strings("SPEL", 0)
        self.strings("BNAM", 0)
        self.strings("ENTR", 12, 16, 20, 24)
        self.strings("COND", 0, 4, 8)
        self.strings("SREF", 4, 8)
        self.runs("CRTR", self.u32("CRTR", 8), self.u32("CRTR", 12), "BLKS")
        self.runs("CRTR", self.u32("CRTR", 16), self.u32("CRTR", 20), "SPEL")
        self.runs("ENTR", self.u32("ENTR", 28), self.column("ENTR", 36, "u1"), "CAND")
        self.runs("ENTR", self.u32("ENTR", 32), self.column("ENTR", 37, "u1"), "SREF")
        self.runs("BLKS", self.u32("BLKS", 8), self.u32("BLKS", 12), "ENTR")
        self.indexes("BLKS", self.u32("BLKS", 0), "CRTR")
        self.indexes("BNAM", self.u32("BNAM", 4), "BLKS")
        self.indexes("SREF", self.u32("SREF", 0), "SRCS")
        self.indexes("PATT", self.u32("PATT", 8), "ENTR")
        self.indexes("ENTR", self.u32("ENTR", 8), "CRTR", 1)
        self.indexes("CAND", self.u32("CAND", 8), "COND", 1)
        self.slots("BHSH", "BNAM")
        self.slots("THSH", "ENTR")
        self.slots("KHSH", "ENTR")
        self.blocks()
        self.values()

    def column(self, tag: str, offset: int, kind: str) -> _Column:
        section = self.file.section(tag)
        record = np.dtype(
            {"names": ["f"], "formats": [kind], "offsets": [offset], "itemsize": section.size}
        )
        return np.frombuffer(self.file.data, record, section.count, section.offset)["f"]

    def u32(self, tag: str, offset: int) -> _Column:
        return self.column(tag, offset, "<u4").astype(np.int64)

    def require(self, good: Any, tag: str, reason: str) -> None:
        bad = np.flatnonzero(~np.asarray(good))
        if bad.size:
            raise self.file.refused(f"damaged: record {bad[0]} of section {tag}: {reason}")

    def strings(self, tag: str, *offsets: int) -> None:
        for offset in offsets:
            reference = self.u32(tag, offset)
            inside = reference < len(self.begins)
            self.require(inside, tag, "a string outside of section STRS")
            self.require(self.begins[reference], tag, "a reference into the middle of a string")

    def indexes(self, tag: str, index: _Column, target: str, base: int = 0) -> None:
        limit = self.file.section(target).count + base
        self.require(index < limit, tag, f"a record that section {target} does not have")

    def runs(self, tag: str, first: _Column, count: _Column, target: str) -> None:
        end = first + count
        limit = self.file.section(target).count
        self.require(end <= limit, tag, f"records that section {target} does not have")

    def slots(self, tag: str, target: str) -> None:
        slot = self.u32(tag, 0)
        self.indexes(tag, slot, target, 1)
        if slot.all():
            raise self.file.refused(f"damaged: hash table {tag} has no free slot")

    def blocks(self) -> None:
        """Check that the map of each block tells the offsets of its entries."""
        count, first = self.u32("BLKS", 12), self.u32("BLKS", 8)
        maps = np.ascontiguousarray(self.column("BLKS", 16, "(32,)u1"))
        present = np.unpackbits(maps, axis=1, bitorder="little")
        self.require(present.sum(axis=1) == count, "BLKS", "map and number of entries differ")
        block, offset = np.nonzero(present)
        before = np.cumsum(count) - count
        number = first[block] + np.arange(len(block)) - before[block]
        tag = self.u32("ENTR", 0)[number]
        group = self.column("BLKS", 4, "<u2").astype(np.int64)[block]
        owner = self.u32("BLKS", 0)[block] + 1
        same = (tag == (group << 16 | offset)) & (self.u32("ENTR", 8)[number] == owner)
        if not same.all():
            wrong = block[np.flatnonzero(~same)[0]]
            raise self.file.refused(
                f"damaged: record {wrong} of section BLKS: its entries are of another block"
            )

    def values(self) -> None:
        """Check what has a fixed set of values."""
        letters = self.column("ENTR", 40, "(2,)u1")
        capital = ((letters >= 65) & (letters <= 90)).all(axis=1)
        self.require(capital, "ENTR", "a VR that is not two capital letters")
        self.require(self.column("ENTR", 42, "u1") <= 100, "ENTR", "a confidence above 100")
