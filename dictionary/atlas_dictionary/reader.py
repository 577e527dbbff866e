"""Reader of compiled dictionary files: `open_dictionary` and the `Dictionary` that it gives.

Opening maps the file and checks its header; an entry is decoded when it is asked for. Hash tables
and maps are read as FORMAT.md says, by struct alone, so that opening needs neither numpy nor a
pass over the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_dictionary import layout
from atlas_dictionary.container import Container, map_file
from atlas_dictionary.creator import encode, fold
from atlas_dictionary.dictionary import Block, Dictionary
from atlas_dictionary.entry import Candidate, Condition, Entry, Flags, Source, heaviest
from atlas_dictionary.keys import ElementKey

if TYPE_CHECKING:
    from atlas_dictionary.bulk import BulkIndex, Creators, Integers, Matches

BUILT_IN = Path(__file__).with_name("data") / "atlas.adict"
"""The compiled dictionary that comes with this package."""

_REPEATING = 0xFF00
"""Mask of a repeating group."""


def open_dictionary(path: str | Path | None = None) -> FileDictionary:
    """Open a compiled dictionary.

    Parameters
    ----------
    path : str or Path, optional
        The file; the built-in dictionary when None. A file of one's own is checked as a whole
        (`verify.verify`); of the built-in one, which is checked when it is built, the header.

    Raises
    ------
    DictionaryError
        When the file cannot be read or must be refused (FORMAT.md, "What a reader refuses").

    Examples
    --------
    >>> dictionary = open_dictionary()
    >>> dictionary.private("SIEMENS MR HEADER", 0x0019, 0x100A).vr
    'US'
    >>> dictionary.public(0x00100010).keyword
    'PatientName'
    """
    if path is None:
        return FileDictionary(map_file(BUILT_IN))
    container = map_file(Path(path))
    from atlas_dictionary.verify import verify  # noqa: PLC0415 - numpy only where it is used

    verify(container)
    return FileDictionary(container)


class FileDictionary(Dictionary):
    """The entries of one compiled file.

    Parameters
    ----------
    container : Container
        The file, mapped, or its bytes in memory.
    """

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._file = container
        section = container.section
        self._entries = section("ENTR")
        self._candidates, self._references = section("CAND"), section("SREF")
        self._decoded: dict[int, Entry] = {}
        self._numbered: dict[int, Block] = {}
        self._patterns: tuple[tuple[int, int, int], ...] | None = None
        self._bulk: BulkIndex | None = None
        self._text = cache(container.string)
        self._evidence = cache(self._read_evidence)

    @property
    def container(self) -> Container:
        """The file underneath."""
        return self._file

    def entry(self, number: int) -> Entry:
        """Return the entry of record `number` of section ENTR.

        Raises
        ------
        DictionaryError
            When there is no such record, or when it is damaged.
        """
        try:
            return self._decoded[number]
        except KeyError:
            pass
        entry = self._decoded[number] = self._read_entry(number)
        return entry

    def by_keyword(self, keyword: str) -> Entry | None:
        """Return the standard element of this keyword (PS3.6), or None."""
        key = encode(keyword)
        if not key:
            return None
        for number in self._slots("KHSH", layout.keyword_hash(key)):
            fields = self._file.record(self._entries, layout.ENTRY, number)
            if self._file.string_bytes(fields[4]) == key:
                return self.entry(number)
        return None

    def creators(self) -> tuple[str, ...]:
        """Return all private creators, sorted, each as the dictionary spells it."""
        section = self._file.section("CRTR")
        return tuple(
            self._text(self._file.record(section, layout.CREATOR, number)[0])
            for number in range(section.count)
        )

    def spellings(self) -> dict[str, tuple[str, ...]]:
        """Return for each creator every spelling that its sources use, itself among them."""
        section, spelling = self._file.section("CRTR"), self._file.section("SPEL")
        result = {}
        for number in range(section.count):
            name, _, _, _, first, count = self._file.record(section, layout.CREATOR, number)
            references = (
                self._file.record(spelling, layout.INDEX, n)[0] for n in range(first, first + count)
            )
            result[self._text(name)] = tuple(map(self._text, references))
        return result

    def __iter__(self) -> Iterator[Entry]:
        return map(self.entry, range(self._entries.count))

    def __len__(self) -> int:
        return self._entries.count

    def info(self) -> dict[str, Any]:
        """Return counts, sources and origin of the dictionary, ready for JSON."""
        # Who merely looks an element up does not wait for these.
        from atlas_dictionary.conflicts import conflicts  # noqa: PLC0415
        from atlas_dictionary.vendors import vendor_of  # noqa: PLC0415

        private = [entry for entry in self if entry.creator is not None]
        public = len(self) - len(private)
        vendors = Counter(vendor_of(entry.creator or "") for entry in private)
        return {
            "file": self._file.name,
            "bytes": len(self._file.data),
            "format": f"{self._file.major}.{self._file.minor}",
            "checksum": f"{self._file.body_crc:08x}",
            "entries": len(self),
            "private": len(private),
            "private_with_vr": sum(e.vr != "UN" for e in private),
            "public": public,
            "creators": self._file.section("CRTR").count,
            "blocks": self._file.section("BLKS").count,
            "ambiguous": sum(e.ambiguous for e in private),
            "observed": sum(Flags.OBSERVED in e.flags for e in private),
            "safe": sum(Flags.SAFE in e.flags for e in private),
            "conflicts": dict(sorted(Counter(c.kind for c in conflicts(self)).items())),
            "private_by_vendor": dict(vendors.most_common()),
            "private_by_vr": dict(sorted(Counter(e.vr for e in private).items())),
            "entries_by_source": dict(
                sorted(Counter(i for e in self for i in {s.id for s in e.sources}).items())
            ),
            "sources": self._source_table(),
            "build": self._meta(),
        }

    def lookup_many(self, creators: Creators, groups: Integers, elements: Integers) -> Matches:
        """Look up many keys at once; see `atlas_dictionary.bulk.BulkIndex.lookup`."""
        return self.bulk.lookup(creators, groups, elements)

    @property
    def bulk(self) -> BulkIndex:
        """The arrays that answer `lookup_many`, made on the first question."""
        if self._bulk is None:
            from atlas_dictionary.bulk import BulkIndex  # noqa: PLC0415 - numpy where it is used

            self._bulk = BulkIndex(self)
        return self._bulk

    def find_block_number(self, creator: str, group: int) -> int | None:
        """Return the number of the block record of `creator` in `group`, or None."""
        written = encode(creator)
        if not written or not 0 <= group <= 0xFFFF:
            return None
        folded = fold(written)
        names = (written,) if folded == written else (written, folded)
        for wanted, mask in ((group, 0xFFFF), (group & _REPEATING, _REPEATING)):
            for name in names:
                number = self._find_block_record(name, wanted, mask)
                if number is not None:
                    return number
        return None

    def _find_block_record(self, name: bytes, group: int, mask: int) -> int | None:
        file = self._file
        named, blocks = file.section("BNAM"), file.section("BLKS")
        for slot in self._slots("BHSH", layout.block_hash(name, group, mask)):
            reference, number = file.record(named, layout.BLOCK_NAME, slot)
            if file.string_bytes(reference) == name:
                fields = file.record(blocks, layout.BLOCK, number)
                if fields[1] == group and fields[2] == mask:
                    return int(number)
        return None

    def _find_block(self, creator: str, group: int) -> Block | None:
        number = self.find_block_number(creator, group)
        if number is None:
            return None
        block = self._numbered.get(number)
        if block is None:
            block = self._numbered[number] = self._read_block(number)
        return block

    def _read_block(self, number: int) -> Block:
        file = self._file
        creator, group, _, first, _, raw = file.record(file.section("BLKS"), layout.BLOCK, number)
        name = self._text(file.record(file.section("CRTR"), layout.CREATOR, creator)[0])
        offsets = int.from_bytes(raw, "little")

        def fetch(offset: int) -> Entry | None:
            if not offsets >> offset & 1:
                return None
            return self.entry(first + (offsets & ((1 << offset) - 1)).bit_count())

        return Block(name, group, tuple(o for o in range(256) if offsets >> o & 1), fetch)

    def _find_public(self, tag: int) -> Entry | None:
        for number in self._slots("THSH", layout.tag_hash(tag)):
            if self._file.record(self._entries, layout.ENTRY, number)[0] == tag:
                return self.entry(number)
        if self._patterns is None:
            self._patterns = tuple(self._read_patterns())
        for value, mask, number in self._patterns:
            if tag & mask == value:
                return self.entry(number)
        return None

    def _read_patterns(self) -> Iterator[tuple[int, int, int]]:
        section = self._file.section("PATT")
        for row in range(section.count):
            value, mask, number = self._file.record(section, layout.PATTERN, row)
            yield value, mask, number

    def _slots(self, tag: str, key: int) -> Iterator[int]:
        """Yield the record numbers that a hash table files under `key`, until a free slot."""
        file, section = self._file, self._file.section(tag)
        last = section.count - 1
        for step in range(section.count):
            (slot,) = layout.INDEX.unpack_from(
                file.data, section.offset + (key + step & last) * section.size
            )
            if slot == 0:
                return
            yield slot - 1

    def _read_entry(self, number: int) -> Entry:
        file, text = self._file, self._text
        (
            tag, mask, creator, name, keyword, description, vm,
            first_candidate, first_source, candidates, sources, flags, vr, confidence, _,
        ) = file.record(self._entries, layout.ENTRY, number)  # fmt: skip
        spelled = None
        if creator:
            spelled = text(file.record(file.section("CRTR"), layout.CREATOR, creator - 1)[0])
        choice, references = self._evidence(first_candidate, candidates, first_source, sources)
        chosen = vr.decode("ascii", "replace")
        if flags & Flags.AMBIGUOUS and choice:
            chosen = " or ".join(heaviest(choice))
        return Entry(
            key=ElementKey(spelled, tag, mask),
            vr=chosen,
            vm=text(vm),
            keyword=text(keyword),
            name=text(name),
            description=text(description),
            candidates=choice,
            sources=references,
            confidence=confidence / 100,
            flags=Flags(flags),
        )

    def _read_evidence(
        self, first_candidate: int, candidates: int, first_source: int, sources: int
    ) -> tuple[tuple[Candidate, ...], tuple[Source, ...]]:
        """Return candidates and sources; many entries share one list of each."""
        choice, references = [], []
        for number in range(first_candidate, first_candidate + candidates):
            vr, _, weight, condition = self._file.record(self._candidates, layout.CANDIDATE, number)
            held = self._read_condition(condition - 1) if condition else None
            choice.append(Candidate(vr.decode("ascii", "replace"), weight, held))
        for number in range(first_source, first_source + sources):
            source, detail, stated = self._file.record(
                self._references, layout.SOURCE_REFERENCE, number
            )
            fields = self._file.record(self._file.section("SRCS"), layout.SOURCE, source)
            references.append(Source(self._text(fields[0]), self._text(detail), self._text(stated)))
        return tuple(choice), tuple(references)

    def _read_condition(self, number: int) -> Condition:
        fields = self._file.record(self._file.section("COND"), layout.CONDITION, number)
        return Condition(*map(self._text, fields))

    def _source_table(self) -> list[dict[str, Any]]:
        section = self._file.section("SRCS")
        names = ("id", "title", "origin", "version", "licence", "sha256")
        rows = []
        for number in range(section.count):
            fields = self._file.record(section, layout.SOURCE, number)
            row: dict[str, Any] = {n: self._text(r) for n, r in zip(names, fields, strict=False)}
            row["weight"], row["statements"] = fields[6:]
            rows.append(row)
        return rows

    def _meta(self) -> dict[str, str]:
        section = self._file.section("META")
        records = (
            self._file.record(section, layout.META, number) for number in range(section.count)
        )
        return {self._text(key): self._text(value) for key, value in records}
