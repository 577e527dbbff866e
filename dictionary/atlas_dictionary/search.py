"""Search through all entries of a dictionary: by words, and by what an entry must have.

`Dictionary.search` and ``atlas-dict search`` are this; a look-up of one element is `reader`'s work.
Everything is compared without case, creators also without regard to runs of spaces, and words with
names also without regard to spaces and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from atlas_dictionary.creator import encode, fold
from atlas_dictionary.keys import sort_key

if TYPE_CHECKING:
    from atlas_dictionary.dictionary import Dictionary
    from atlas_dictionary.entry import Entry

_TAG = re.compile(r"\(?([0-9a-f]{4}),?((?:[0-9a-f]{2}|xx)[0-9a-f]{2})\)?", re.ASCII)
_MARKS = re.compile(r"[\W_]+")
_FAR = 1 << 8
"""Rank of a word that only the description or the creator has."""


def search(
    dictionary: Dictionary,
    text: str = "",
    *,
    group: int | None = None,
    element: int | None = None,
    name: str | None = None,
    vr: str | None = None,
    creator: str | None = None,
) -> list[Entry]:
    """Return the entries that meet every condition, the best first.

    Parameters
    ----------
    dictionary : Dictionary
    text : str
        Words, each of which keyword, name, description, creator or tag must have; or a whole tag,
        ``0019100a`` or ``(0019,100a)``. Without words the entries come in the order of the
        dictionary.
    group : int, optional
        Group number; a repeating group such as 60xx meets each of its groups.
    element : int, optional
        Element number; of private elements the lower eight bits count.
    name : str, optional
        Pattern for keyword or name: the whole of it, with ``*`` for any characters.
    vr : str, optional
        VR that was chosen; an ambiguous entry meets each of its VRs.
    creator : str, optional
        Pattern for a spelling of the private creator, with ``*``.

    Examples
    --------
    >>> from atlas_dictionary import open_dictionary
    >>> best = open_dictionary().search("images mosaic", creator="siemens mr*", vr="US")[0]
    >>> best.creator, str(best.key), best.name
    ('SIEMENS MR HEADER', '(0019,xx0a)', 'Number of Images in Mosaic')
    """
    meets = _creator_test(dictionary, creator)
    named = None if name is None else _pattern(name.casefold())
    wanted_vr = None if vr is None else vr.upper()
    words = text.casefold().split()
    tag = _TAG.fullmatch(text.strip().casefold())
    if tag is not None:
        words = []
        group, element = (int(digits.replace("x", "0"), 16) for digits in tag.groups())
    found = []
    for entry in dictionary:
        if group is not None and (group << 16 ^ entry.key.tag) & entry.key.mask >> 16 << 16:
            continue
        if element is not None and not _has_element(entry, element):
            continue
        if wanted_vr is not None and wanted_vr not in entry.vr.split(" or "):
            continue
        if not meets(entry.creator):
            continue
        if named and not any(map(named, (entry.keyword.casefold(), entry.name.casefold()))):
            continue
        ranks = [_rank(word, entry) for word in words]
        if None not in ranks:
            found.append((sum(filter(None, ranks)), entry))
    if words:
        found.sort(key=lambda pair: (pair[0], len(pair[1].name), sort_key(pair[1].key)))
    return [entry for _, entry in found]


def _has_element(entry: Entry, element: int) -> bool:
    if entry.key.names_block:
        return False
    return not (element ^ entry.key.tag) & entry.key.mask & 0xFFFF


def _pattern(text: str) -> Callable[[str], object]:
    """Return a test for `text`, in which ``*`` stands for any characters."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL).fullmatch


def _creator_test(dictionary: Dictionary, pattern: str | None) -> Callable[[str | None], bool]:
    if pattern is None:
        return lambda _: True
    test = _pattern(_folded(pattern))
    chosen = {
        creator
        for creator, spellings in dictionary.spellings().items()
        if any(test(_folded(spelling)) for spelling in (creator, *spellings))
    }
    return chosen.__contains__


def _folded(text: str) -> str:
    return fold(encode(text) or b"").decode("utf-8").casefold()


def _rank(word: str, entry: Entry) -> int | None:
    """Return how well `word` fits, 0 the best; None where the entry does not have it.

    Punctuation parts no words: ``b-value`` fits ``B Value`` and ``BValue``.
    """
    keyword, name = entry.keyword.casefold(), entry.name.casefold()
    if word in (keyword, name):
        return 0
    for rank, text in enumerate((name, keyword)):
        if text.startswith(word):
            return 1 + rank
    if re.search(rf"\b{re.escape(word)}", name):
        return 3
    if word in name or word in keyword:
        return 4
    folded = _MARKS.sub("", word)
    if folded and (folded in _MARKS.sub("", name) or folded in _MARKS.sub("", keyword)):
        return 5
    rest = (entry.description, entry.creator or "", str(entry.key), str(entry.key)[1:-1])
    return _FAR if any(word in text.casefold() for text in rest) else None
