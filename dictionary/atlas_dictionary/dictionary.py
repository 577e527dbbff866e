"""The dictionary as its users see it, whatever it is made of: one file, or files in layers.

`Dictionary` keeps what was decoded, so that a repeated question costs one look into a Python
dict; `reader` and `layers` give the answers. Everything is read-only: an instance may be shared
by threads, and by processes that were forked after it was opened.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from operator import index
from typing import TYPE_CHECKING, Any

from atlas_dictionary.entry import Entry
from atlas_dictionary.search import search

if TYPE_CHECKING:
    from atlas_dictionary.bulk import Creators, Integers, Matches

_CACHE_LIMIT = 1 << 15
"""Answers kept by name: creators come from the network, and their spellings have no end."""


class Block:
    """The elements that one private creator reserves in one group (PS3.5 7.8.1).

    Hold it while the elements of a block are read: `get` is then a single look-up.

    Attributes
    ----------
    creator : str
        Private creator as the dictionary spells it.
    group : int
    offsets : tuple of int
        Offsets that have an entry, ascending.
    """

    __slots__ = ("_entries", "_fetch", "creator", "group", "offsets")

    def __init__(
        self,
        creator: str,
        group: int,
        offsets: tuple[int, ...],
        fetch: Callable[[int], Entry | None],
    ) -> None:
        self.creator = creator
        self.group = group
        self.offsets = offsets
        self._fetch = fetch
        self._entries: dict[int, Entry | None] = {}

    def get(self, offset: int) -> Entry | None:
        """Return the entry of the element at `offset`, 0 to 255, or None.

        Raises
        ------
        ValueError
            When the offset is none of these.
        """
        try:
            return self._entries[offset]
        except KeyError:
            pass
        if not 0 <= offset <= 0xFF:
            raise ValueError(f"offset {offset} is outside of a block, 0 to 255")
        entry = self._entries[offset] = self._fetch(index(offset))
        return entry

    def __iter__(self) -> Iterator[Entry]:
        for offset in self.offsets:
            entry = self.get(offset)
            if entry is not None:
                yield entry

    def __len__(self) -> int:
        return len(self.offsets)


class Dictionary(ABC):
    """Entries by private creator, group and element; by public tag; by keyword."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, int], Block] = {}
        self._tags: dict[int, Entry] = {}

    def private(self, creator: str, group: int, element: int) -> Entry | None:
        """Return the entry of a private element, or None.

        Parameters
        ----------
        creator : str
            Private creator without padding; compared as written, then folded
            (`atlas_dictionary.creator.fold`).
        group : int
        element : int
            Element number or offset; its lower eight bits count. An offset cannot be told from
            the number of a Private Creator element, (gggg,0010-00FF): 0x0010 is offset 10.
        """
        block = self.block(creator, group)
        return None if block is None else block.get(element & 0xFF)

    def block(self, creator: str, group: int) -> Block | None:
        """Return what `creator` defines in `group`, or None."""
        try:
            return self._blocks[creator, group]
        except KeyError:
            pass
        block = self._find_block(creator, index(group))
        if block is not None:
            if len(self._blocks) >= _CACHE_LIMIT:
                self._blocks.clear()
            self._blocks[creator, group] = block
        return block

    def public(self, tag: int) -> Entry | None:
        """Return the entry of the standard element `tag`, or None; None for every odd group.

        An element of a repeating group, such as (6002,3000), gives the entry of (60xx,3000).
        """
        try:
            return self._tags[tag]
        except KeyError:
            pass
        if tag & 0x10000 or not 0 <= tag <= 0xFFFFFFFF:
            return None
        entry = self._find_public(index(tag))
        if entry is not None:
            if len(self._tags) >= _CACHE_LIMIT:
                self._tags.clear()
            self._tags[tag] = entry
        return entry

    def search(
        self,
        text: str = "",
        *,
        group: int | None = None,
        element: int | None = None,
        name: str | None = None,
        vr: str | None = None,
        creator: str | None = None,
    ) -> list[Entry]:
        """Return the entries that meet every condition, the best first; see `search.search`."""
        return search(self, text, group=group, element=element, name=name, vr=vr, creator=creator)

    @abstractmethod
    def by_keyword(self, keyword: str) -> Entry | None:
        """Return the standard element of this keyword (PS3.6), or None."""

    @abstractmethod
    def creators(self) -> tuple[str, ...]:
        """Return all private creators, sorted, each as the dictionary spells it."""

    @abstractmethod
    def spellings(self) -> dict[str, tuple[str, ...]]:
        """Return for each creator every spelling that its sources use, itself among them."""

    @abstractmethod
    def __iter__(self) -> Iterator[Entry]:
        """Iterate over all entries: private ones by creator, group and offset, then public ones."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of entries."""

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """Return counts, sources and origin of the dictionary, ready for JSON."""

    @abstractmethod
    def lookup_many(self, creators: Creators, groups: Integers, elements: Integers) -> Matches:
        """Look up many keys at once; see `atlas_dictionary.bulk`."""

    @abstractmethod
    def _find_block(self, creator: str, group: int) -> Block | None:
        """Find a block that is not yet kept."""

    @abstractmethod
    def _find_public(self, tag: int) -> Entry | None:
        """Find an entry that is not yet kept; `tag` has 32 bits and an even group."""
