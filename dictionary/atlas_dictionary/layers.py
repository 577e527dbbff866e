"""Dictionaries in layers: the built-in one, then files of one's own, of which the later wins.

Called by whoever opens a dictionary for use: the node, the command line, a script. The built-in
file is mapped; compiled files of one's own are read; tables and ``.dic`` files are compiled in
memory as they are.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_dictionary.compiler import SUFFIXES, compile_tables, read_source
from atlas_dictionary.container import Container
from atlas_dictionary.creator import fold
from atlas_dictionary.dictionary import Block, Dictionary
from atlas_dictionary.entry import Entry
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.keys import sort_key
from atlas_dictionary.reader import FileDictionary, open_dictionary

if TYPE_CHECKING:
    from atlas_dictionary.bulk import Creators, Integers, Matches

VARIABLE = "ATLAS_DICTPATH"
"""Environment variable that names more files, separated by colons."""

_logger = logging.getLogger(__name__)


def open_layers(
    paths: Iterable[str | Path] = (), environ: Mapping[str, str] = os.environ
) -> Dictionary:
    """Open the built-in dictionary with the files in `paths` above it.

    Parameters
    ----------
    paths : iterable of str or Path
        Compiled files, or sources (``.dic``, ``.tsv``, ``.csv``); a later one wins over an
        earlier one, and every one over the built-in dictionary.
    environ : mapping
        Environment; the files that ``ATLAS_DICTPATH`` names there lie above `paths`. Whoever wants
        another order gives them among `paths` (`environment_paths`) and no environment.

    Raises
    ------
    DictionaryError
        When a file cannot be used; the message names it, and the line where it has lines.
    """
    layers = [open_file(path) for path in (*paths, *environment_paths(environ))]
    return LayeredDictionary([open_dictionary(), *layers]) if layers else open_dictionary()


def environment_paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files that ``ATLAS_DICTPATH`` names, the lowest first."""
    return [Path(part) for part in environ.get(VARIABLE, "").split(os.pathsep) if part]


def open_file(path: str | Path) -> FileDictionary:
    """Open one file alone, compiled or a source that is compiled in memory.

    It is read, not mapped: a file of one's own may be overwritten while it is in use, and what is
    open stays as it was. Lines that are well formed and name no private element are left out and
    logged.

    Raises
    ------
    DictionaryError
        When it cannot be used, or has a line that cannot be read; the message names it, and the
        line where it has lines.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES:
        table = read_source(path)
        if table.faults:
            raise DictionaryError(table.faults[0].removesuffix(": left out"))
        for note in table.notes:
            _logger.info("%s", note)
        return FileDictionary(Container(compile_tables([table]), str(path)))
    try:
        container = Container(path.read_bytes(), str(path))
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be read: {error.strerror}") from None
    from atlas_dictionary.verify import verify  # noqa: PLC0415 - numpy only where it is used

    verify(container)
    return FileDictionary(container)


class LayeredDictionary(Dictionary):
    """Several dictionaries as one; an entry of a later one hides that of an earlier one.

    An entry without a usable VR hides no VR: it takes over that of the layer below, with its
    evidence, and adds its name.

    Parameters
    ----------
    layers : sequence of FileDictionary
        The lowest first.
    """

    def __init__(self, layers: Sequence[FileDictionary]) -> None:
        super().__init__()
        self._layers = tuple(layers)
        self._numbered = tuple(enumerate(self._layers))[::-1]
        """Place and layer, the topmost first."""

    @property
    def layers(self) -> tuple[FileDictionary, ...]:
        """The dictionaries, the lowest first."""
        return self._layers

    def by_keyword(self, keyword: str) -> Entry | None:
        """Return the standard element of this keyword (PS3.6), or None."""
        for place, layer in self._numbered:
            entry = layer.by_keyword(keyword)
            if entry is not None:
                return self.completed(entry, place)
        return None

    def creators(self) -> tuple[str, ...]:
        """Return all private creators, sorted, each as the topmost layer spells it."""
        return tuple(sorted({e.creator for e in self if e.creator is not None}))

    def spellings(self) -> dict[str, tuple[str, ...]]:
        """Return for each creator every spelling that a layer has, itself among them."""
        alike: dict[bytes, set[str]] = {}
        for layer in self._layers:
            for creator, spelled in layer.spellings().items():
                alike.setdefault(fold(creator.encode("utf-8")), set()).update(spelled)
        return {
            creator: tuple(sorted(alike[fold(creator.encode("utf-8"))]))
            for creator in self.creators()
        }

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._visible(), key=lambda entry: sort_key(entry.key)))

    def __len__(self) -> int:
        return sum(1 for _ in self._visible())

    def info(self) -> dict[str, Any]:
        """Return counts of what is visible, and what each layer says of itself, lowest first."""
        entries = list(self)
        private = [entry for entry in entries if entry.creator is not None]
        return {
            "entries": len(entries),
            "private": len(private),
            "public": len(entries) - len(private),
            "layers": [layer.info() for layer in self._layers],
        }

    def lookup_many(self, creators: Creators, groups: Integers, elements: Integers) -> Matches:
        """Look up many keys at once; see `atlas_dictionary.bulk.BulkIndex.lookup`."""
        from atlas_dictionary.bulk import overlay  # noqa: PLC0415 - numpy where it is used

        return overlay(self._layers, self.creators(), self.completed, creators, groups, elements)

    def completed(self, entry: Entry, place: int) -> Entry:
        """Return `entry`, of the layer at `place`, with the VR of a lower one if it has none."""
        key = entry.key
        if entry.candidates or key.names_block:
            return entry
        for layer in self._layers[:place][::-1]:
            if key.creator is None:
                below = layer.public(key.tag)
            else:
                below = layer.private(key.creator, entry.group, entry.element)
            if below is not None:
                entry = _over(entry, below)
            if entry.candidates:
                break
        return entry

    def _visible(self) -> Iterator[Entry]:
        """Yield the entries that no later layer hides."""
        for place, layer in enumerate(self._layers):
            above = self._layers[place + 1 :]
            for entry in layer:
                if not any(_hides(other, entry) for other in above):
                    yield self.completed(entry, place)

    def _find_block(self, creator: str, group: int) -> Block | None:
        found = [layer.block(creator, group) for _, layer in self._numbered]
        blocks = [block for block in found if block is not None]
        if len(blocks) < 2:
            return blocks[0] if blocks else None
        offsets = sorted({offset for block in blocks for offset in block.offsets})

        def fetch(offset: int) -> Entry | None:
            return _first(block.get(offset) for block in blocks)

        return Block(blocks[0].creator, group, tuple(offsets), fetch)

    def _find_public(self, tag: int) -> Entry | None:
        return _first(layer.public(tag) for _, layer in self._numbered)


def _first(entries: Iterable[Entry | None]) -> Entry | None:
    """Return the first of `entries`, the topmost first, with what it lacks from those below it."""
    found = None
    for entry in entries:
        if entry is not None:
            found = entry if found is None else _over(found, entry)
            if found.candidates:
                break
    return found


def _over(upper: Entry, lower: Entry) -> Entry:
    """Return `upper` with what `lower` says of the VR; `upper` has none."""
    return replace(
        lower,
        key=upper.key,
        keyword=upper.keyword or lower.keyword,
        name=upper.name or lower.name,
        description=upper.description or lower.description,
        sources=(*upper.sources, *lower.sources),
        flags=upper.flags | lower.flags,
    )


def _hides(layer: FileDictionary, entry: Entry) -> bool:
    """Return whether `layer`, which lies above that of `entry`, answers in its place."""
    key = entry.key
    if key.creator is None:
        found = layer.public(key.tag)
    elif key.names_block:
        found = None
    else:
        found = layer.private(key.creator, entry.group, entry.element)
    # An element of its own does not hide the repeating group that it belongs to.
    return found is not None and found.key.mask & key.mask == found.key.mask
