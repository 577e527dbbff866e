"""Writer of compiled dictionary files: resolved entries to the bytes that FORMAT.md specifies.

Called by `compiler`, and by `layers` for files that are compiled in memory. It is deterministic:
the same entries give the same bytes, on every machine and at any time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from zlib import crc32

from atlas_dictionary import layout
from atlas_dictionary.creator import encode, fold
from atlas_dictionary.entry import Candidate, Condition, Entry, Flags
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.keys import EXACT, sort_key
from atlas_dictionary.resolution import Resolved


def write_dictionary(resolved: Resolved, meta: Mapping[str, str]) -> bytes:
    """Return the file that holds `resolved`.

    Parameters
    ----------
    resolved : Resolved
    meta : mapping of str to str
        What the file says of itself, such as its title; kept in the order of the keys.

    Raises
    ------
    DictionaryError
        When an entry cannot be written: a creator with NUL, two entries of one key, a private
        group that repeats in another way than 60xx.
    """
    return _Writer(resolved, meta).file()


def save(data: bytes, path: Path) -> None:
    """Put the file in its place at once, so that no process maps half of it.

    Raises
    ------
    DictionaryError
        When it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be written: {error.strerror}") from None


class _Strings:
    """Section STRS: every string once, the empty one at 0."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._known = {b"": 0}

    def add(self, text: str | bytes) -> int:
        encoded = text if isinstance(text, bytes) else encode(text)
        if encoded is None:
            raise DictionaryError(f"{text!r} cannot be written: it has a NUL or is no Unicode text")
        reference = self._known.get(encoded)
        if reference is None:
            reference = self._known[encoded] = len(self.data)
            self.data += encoded + b"\0"
        return reference


class _Runs:
    """A section of records of which entries use runs; equal runs are written once."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._known: dict[tuple[bytes, ...], int] = {(): 0}

    def add(self, run: Sequence[bytes]) -> int:
        first = self._known.get(tuple(run))
        if first is None:
            first = self._known[tuple(run)] = len(self.records)
            self.records += run
        return first


class _Writer:
    """One file in the making: fills the sections in turn, then joins them."""

    def __init__(self, resolved: Resolved, meta: Mapping[str, str]) -> None:
        self.resolved = resolved
        self.strings = _Strings()
        self.conditions: dict[Condition, int] = {}
        self.candidates = _Runs()
        self.references = _Runs()
        self.sources = {info.id: number for number, info in enumerate(resolved.sources)}
        self.creators = {name: number for number, name in enumerate(resolved.spellings)}
        self.sections: dict[bytes, Sequence[bytes]] = {}
        self.sections[b"META"] = [
            layout.META.pack(self.strings.add(key), self.strings.add(meta[key]))
            for key in sorted(meta)
        ]

    def file(self) -> bytes:
        """Return the bytes of the whole file."""
        entries = self.resolved.entries
        keys = [entry.key for entry in entries]
        if keys != sorted(set(keys), key=sort_key):
            raise DictionaryError("entries are not sorted by key, or a key appears twice")
        self._sources()
        self._blocks()
        self.sections[b"ENTR"] = [self._entry(entry) for entry in entries]
        self.sections[b"CAND"] = self.candidates.records
        self.sections[b"COND"] = [
            layout.CONDITION.pack(*map(self.strings.add, (c.manufacturer, c.model, c.software)))
            for c in self.conditions
        ]
        self.sections[b"SREF"] = self.references.records
        self._public()
        return self._join()

    def _sources(self) -> None:
        add = self.strings.add
        self.sections[b"SRCS"] = [
            layout.SOURCE.pack(
                *map(add, (i.id, i.title, i.origin, i.version, i.licence, i.sha256)),
                i.weight,
                i.statements,
            )
            for i in self.resolved.sources
        ]

    def _blocks(self) -> None:
        """Fill CRTR, SPEL, BLKS and what finds a block: BNAM and BHSH."""
        add = self.strings.add
        members: dict[str, dict[tuple[int, int], list[int]]] = {n: {} for n in self.creators}
        for number, entry in enumerate(self.resolved.entries):
            key = entry.key
            if key.creator is None or key.names_block:
                continue
            group_mask = key.mask >> 16
            if group_mask not in (0xFFFF, 0xFF00) or key.mask & 0xFFFF != 0x00FF:
                raise DictionaryError(f"{key} of {key.creator!r}: only groups such as 60xx repeat")
            members[key.creator].setdefault((entry.group, group_mask), []).append(number)
        creators: list[bytes] = []
        spellings: list[bytes] = []
        blocks: list[bytes] = []
        names: list[bytes] = []
        hashes: list[int] = []
        for creator, spelled in self.resolved.spellings.items():
            encoded = [_encoded(spelling) for spelling in (creator, *spelled)]
            folded = fold(encoded[0])
            creators.append(
                layout.CREATOR.pack(
                    add(encoded[0]),
                    add(folded),
                    len(blocks),
                    len(members[creator]),
                    len(spellings),
                    len(spelled),
                )
            )
            spellings += [layout.INDEX.pack(add(spelling)) for spelling in encoded[1:]]
            for (group, mask), numbers in members[creator].items():
                offsets = sum(1 << self.resolved.entries[n].element for n in numbers)
                for name in dict.fromkeys((*encoded, folded)):
                    names.append(layout.BLOCK_NAME.pack(add(name), len(blocks)))
                    hashes.append(layout.block_hash(name, group, mask))
                blocks.append(
                    layout.BLOCK.pack(
                        self.creators[creator],
                        group,
                        mask,
                        numbers[0],
                        len(numbers),
                        offsets.to_bytes(32, "little"),
                    )
                )
        self.sections |= {b"CRTR": creators, b"SPEL": spellings, b"BLKS": blocks, b"BNAM": names}
        self.sections[b"BHSH"] = _hash_table(enumerate(hashes), len(hashes))

    def _public(self) -> None:
        """Fill PATT, THSH and KHSH."""
        public = [(n, e) for n, e in enumerate(self.resolved.entries) if e.creator is None]
        exact = [(n, e.key.tag) for n, e in public if e.key.mask == EXACT]
        patterns = [(e.key.mask, e.key.tag, n) for n, e in public if e.key.mask != EXACT]
        # The pattern with the most fixed digits is tried first.
        patterns.sort(key=lambda p: (-p[0].bit_count(), p[1], p[0]))
        self.sections[b"PATT"] = [layout.PATTERN.pack(tag, mask, n) for mask, tag, n in patterns]
        self.sections[b"THSH"] = _hash_table(
            ((n, layout.tag_hash(tag)) for n, tag in exact), len(exact)
        )
        keywords = {e.keyword: n for n, e in reversed(public) if e.keyword}
        self.sections[b"KHSH"] = _hash_table(
            ((n, layout.keyword_hash(_encoded(k))) for k, n in keywords.items()), len(keywords)
        )

    def _entry(self, entry: Entry) -> bytes:
        add = self.strings.add
        if len(entry.candidates) > 255 or len(entry.sources) > 255:
            raise DictionaryError(f"{entry.key}: more than 255 candidates or sources")
        candidates = [self._candidate(c) for c in entry.candidates]
        sources = [
            layout.SOURCE_REFERENCE.pack(self.sources[s.id], add(s.detail), add(s.stated))
            for s in entry.sources
        ]
        ambiguous = entry.flags & Flags.AMBIGUOUS
        return layout.ENTRY.pack(
            entry.key.tag,
            entry.key.mask,
            0 if entry.creator is None else 1 + self.creators[entry.creator],
            add(entry.name),
            add(entry.keyword),
            add(entry.description),
            add(entry.vm),
            self.candidates.add(candidates),
            self.references.add(sources),
            len(candidates),
            len(sources),
            entry.flags,
            b"UN" if ambiguous else entry.vr.encode("ascii"),
            round(entry.confidence * 100),
            0,
        )

    def _candidate(self, candidate: Candidate) -> bytes:
        condition = 0
        if candidate.condition is not None:
            number = self.conditions.setdefault(candidate.condition, len(self.conditions))
            condition = 1 + number
        return layout.CANDIDATE.pack(candidate.vr.encode("ascii"), 0, candidate.weight, condition)

    def _join(self) -> bytes:
        header_length = layout.HEADER.size + len(layout.SECTIONS) * layout.SECTION.size
        body, table = bytearray(), bytearray()
        for tag, size in layout.SECTIONS.items():
            body += bytes(-(header_length + len(body)) % layout.ALIGNMENT)
            records = self.strings.data if tag == b"STRS" else b"".join(self.sections[tag])
            table += layout.SECTION.pack(tag, header_length + len(body), len(records) // size, size)
            body += records
        fields = (
            layout.MAGIC,
            layout.MAJOR,
            layout.MINOR,
            header_length,
            header_length + len(body),
            len(layout.SECTIONS),
            crc32(body),
        )
        header_crc = crc32(layout.HEADER.pack(*fields, 0) + table)
        return layout.HEADER.pack(*fields, header_crc) + bytes(table) + bytes(body)


def _encoded(text: str) -> bytes:
    encoded = encode(text)
    if not encoded:
        raise DictionaryError(f"{text!r} cannot be a creator or a keyword")
    return encoded


def _hash_table(hashed: Iterable[tuple[int, int]], count: int) -> list[bytes]:
    """Return the slots of a table with linear probing that files record numbers by hash."""
    slots = [0] * layout.table_size(count)
    last = len(slots) - 1
    for number, key in hashed:
        place = key & last
        while slots[place]:
            place = (place + 1) & last
        slots[place] = 1 + number
    return [layout.INDEX.pack(slot) for slot in slots]
