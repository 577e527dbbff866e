"""Look-up of many private and public keys at once, as numpy arrays.

`BulkIndex` turns the maps of a compiled file into arrays once, on the first question; a question
is then a few gathers, whatever the number of keys. The only part of the reader that needs numpy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_dictionary.creator import encode, fold
from atlas_dictionary.entry import Entry
from atlas_dictionary.keys import EXACT

if TYPE_CHECKING:
    from atlas_dictionary.reader import FileDictionary

Creators = str | None | Sequence[str | None] | NDArray[Any]
Integers = ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Answers to many questions, in their order.

    Attributes
    ----------
    found : array of bool
    vr : array of S2
        The VR that was chosen; ``b"UN"`` where there is no entry, no usable VR or no single one.
    number : array of int32
        Number of the entry, for `entry`; -1 where there is none.
    """

    found: NDArray[np.bool_]
    vr: NDArray[np.bytes_]
    number: NDArray[np.int32]
    _entry: Callable[[int], Entry]

    def entry(self, index: int) -> Entry | None:
        """Return the entry that answers question `index`, or None."""
        number = int(self.number[index])
        return None if number < 0 else self._entry(number)


class BulkIndex:
    """Arrays over the sections of one compiled file."""

    def __init__(self, dictionary: FileDictionary) -> None:
        self._dictionary = dictionary
        file = dictionary.container

        def column(tag: str, offset: int, kind: str) -> NDArray[Any]:
            """Return one field of every record of a section, where it lies."""
            section = file.section(tag)
            record = np.dtype(
                {"names": ["f"], "formats": [kind], "offsets": [offset], "itemsize": section.size}
            )
            return np.frombuffer(file.data, record, section.count, section.offset)["f"]

        spellings = dictionary.spellings()
        self._names = len(spellings)
        self._exact: dict[str | None, int] = {None: -1, "": -1}
        self._folded: dict[bytes, int] = {}
        for code, (name, spelled) in enumerate(spellings.items()):
            self._exact.update(dict.fromkeys(spelled, code))
            self._folded[fold(name.encode("utf-8"))] = code
        vr = column("ENTR", 40, "S2")
        self._vr = np.concatenate([np.ascontiguousarray(vr), np.array([b"UN"], "S2")])
        # Of a number that is -1, no entry, the last place answers.
        self._has_vr = np.append(column("ENTR", 36, "u1") > 0, False)
        self._index_blocks(column)
        tags, masks, owners = (column("ENTR", o, "<u4") for o in (0, 4, 8))
        public = np.flatnonzero((owners == 0) & (masks == EXACT)).astype(np.int32)
        self._tags, self._tagged = np.ascontiguousarray(tags[public]), public
        self._patterns = list(
            zip(*(column("PATT", o, "<u4").tolist() for o in (0, 4, 8)), strict=True)
        )

    def lookup(self, creators: Creators, groups: Integers, elements: Integers) -> Matches:
        """Look up many keys; the three arguments are broadcast against each other.

        Parameters
        ----------
        creators : str, None, sequence of them, or array of int
            Private creators; None or empty for a public element. An array of integers indexes
            `Dictionary.creators`, -1 standing for public elements: the quickest form.
        groups : array of int
            Group numbers.
        elements : array of int
            Element numbers; of private elements the lower eight bits count.

        Raises
        ------
        ValueError
            When a number is no 16-bit number, or no index of a creator.
        """
        codes, group, element = np.broadcast_arrays(
            self._creator_codes(creators), _words("group", groups), _words("element", elements)
        )
        block = self._matrix.take(codes * self._width + self._columns.take(group))
        number = self._slots.take((block.astype(np.int32) << 8) + (element & 0xFF))
        public = codes < 0
        if public.any():
            number[public] = self._public(group[public] << 16 | element[public])
        return Matches(number >= 0, self._vr.take(number), number, self._dictionary.entry)

    def has_vr(self, number: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which of the entries have a VR, one or several; -1, no entry, has none."""
        return self._has_vr.take(number)

    def _index_blocks(self, column: Callable[[str, int, str], NDArray[Any]]) -> None:
        """Make the way from creator and group to block, and from block and offset to entry."""
        owner, first = column("BLKS", 0, "<u4"), column("BLKS", 8, "<u4")
        group, mask = column("BLKS", 4, "<u2"), column("BLKS", 6, "<u2")
        maps = np.ascontiguousarray(column("BLKS", 16, "(32,)u1"))
        present = np.unpackbits(maps, axis=1, bitorder="little").astype(bool)
        rank = np.cumsum(present, axis=1, dtype=np.int32) - 1
        slots = np.full((len(owner) + 1, 256), -1, np.int32)
        slots[1:][present] = (rank + first[:, None].astype(np.int32))[present]
        every = np.arange(0x10000, dtype=np.uint16)
        repeating = [
            (block, every[every & mask[block] == group[block]])
            for block in np.flatnonzero(mask != 0xFFFF).tolist()
        ]
        used = np.unique(np.concatenate([group, *(groups for _, groups in repeating)]))
        self._columns = np.zeros(0x10000, np.int32)
        self._columns[used] = np.arange(1, len(used) + 1)
        self._width = len(used) + 1
        # The last row belongs to creators that are unknown, and to none.
        matrix = np.zeros((self._names + 1, self._width), np.uint16)
        for number, groups in repeating:
            matrix[owner[number], self._columns[groups]] = number + 1
        for number in np.flatnonzero(mask == 0xFFFF).tolist():
            matrix[owner[number], self._columns[group[number]]] = number + 1
        self._matrix, self._slots = matrix.ravel(), slots.ravel()

    def _creator_codes(self, creators: Creators) -> NDArray[np.int32]:
        if creators is None or isinstance(creators, str):
            return np.array(self._table()[creators], np.int32)
        if isinstance(creators, np.ndarray):
            if creators.dtype.kind in "iu":
                if creators.size and not -1 <= creators.min() <= creators.max() < self._names:
                    raise ValueError(f"creators are numbered -1 to {self._names - 1}")
                return creators.astype(np.int32)
            creators = creators.tolist()
        return np.fromiter(map(self._table().__getitem__, creators), np.int32, len(creators))

    def _table(self) -> _Codes:
        return _Codes(self._exact, self._folded, self._names)

    def _public(self, tags: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the numbers of the entries of public tags."""
        number = np.full(len(tags), -1, np.int32)
        if len(self._tags):
            place = np.minimum(np.searchsorted(self._tags, tags), len(self._tags) - 1)
            number = np.where(self._tags[place] == tags, self._tagged[place], number)
        for value, mask, entry in self._patterns:
            number[(number < 0) & (tags & mask == value)] = entry
        number[tags & 0x10000 != 0] = -1
        return number


class _Codes(dict[str | None, int]):
    """Codes of creators by name; finds those that are spelled otherwise."""

    def __init__(self, exact: dict[str | None, int], folded: dict[bytes, int], names: int) -> None:
        super().__init__(exact)
        self._folded = folded
        self._unknown = names

    def __missing__(self, name: str | None) -> int:
        encoded = encode(name) if name else None
        code = self._unknown if encoded is None else self._folded.get(fold(encoded), self._unknown)
        self[name] = code
        return code


def _words(name: str, numbers: Integers) -> NDArray[np.uint32]:
    array = np.asarray(numbers)
    if array.dtype.kind not in "iu" or (array.size and not 0 <= array.min() <= array.max() < 65536):
        raise ValueError(f"a {name} number is 0 to 65535")
    return array.astype(np.uint32)


def overlay(
    layers: Sequence[FileDictionary],
    names: Sequence[str],
    completed: Callable[[Entry, int], Entry],
    creators: Creators,
    groups: Integers,
    elements: Integers,
) -> Matches:
    """Look up many keys in several dictionaries, of which a later one wins.

    Parameters
    ----------
    layers : sequence of FileDictionary
        The lowest first.
    names : sequence of str
        What an array of integers in `creators` indexes.
    completed : callable
        Gives an entry of the layer at this place the VR of a lower one where it has none.
    creators, groups, elements
        As for `BulkIndex.lookup`.
    """
    if isinstance(creators, np.ndarray) and creators.dtype.kind in "iu":
        creators = np.array([*names, None], object)[creators]
    answers = [layer.lookup_many(creators, groups, elements) for layer in layers]
    bases = [0, *accumulate(len(layer) for layer in layers)]
    found, vr, number = answers[0].found, answers[0].vr, answers[0].number
    for layer, answer, base in zip(layers[1:], answers[1:], bases[1:], strict=False):
        found = found | answer.found
        vr = np.where(answer.found & layer.bulk.has_vr(answer.number), answer.vr, vr)
        number = np.where(answer.found, answer.number + np.int32(base), number)

    def entry(index: int) -> Entry:
        place = bisect_right(bases, index) - 1
        return completed(layers[place].entry(index - bases[place]), place)

    return Matches(found, vr, number, entry)
