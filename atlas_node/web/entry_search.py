"""Finds entries of the dictionary as fast as one types.

The dictionary page keeps one `EntrySearch`. `atlas_dictionary.search` is thorough and takes up to
a second for all entries; here what can be searched is folded once, and a question is then a pass
over short strings. The rule: the words mean what they mean there.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from atlas_dictionary import Dictionary, Entry, Flags
from atlas_dictionary.vendors import OTHER, vendor_of

STANDARD: Final = "DICOM standard"
"""Stands for a vendor where an element is public."""

ONLY: Final[Mapping[str, tuple[str, Callable[[Entry], bool]]]] = {
    "observed": ("Seen in vendors' files", lambda it: Flags.OBSERVED in it.flags),
    "disagreement": ("Sources disagree", lambda it: Flags.DISAGREEMENT in it.flags),
    "ambiguous": ("No single VR", lambda it: it.ambiguous),
    "no-vr": ("VR not known", lambda it: it.vr == "UN"),
    "inferred": ("VR inferred", lambda it: Flags.INFERRED in it.flags),
    "safe": ("Safe to keep (PS3.15)", lambda it: Flags.SAFE in it.flags),
    "retired": ("Retired", lambda it: it.retired),
}
"""Properties that entries can be asked for: what the page calls each, and its test."""

_LAST: Final = (OTHER, STANDARD)
_TAG: Final = re.compile(r"\(?([0-9a-fx]{4})\s*,?\s*([0-9a-fx]{4})\)?", re.ASCII)
_GROUP: Final = re.compile(r"[0-9a-fx]{4}", re.ASCII)
_ELEMENT: Final = re.compile(r"(?:[0-9a-fx]{2})?[0-9a-fx]{2}", re.ASCII)
_MARKS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; an empty field asks nothing.

    Attributes
    ----------
    text : str
        Words, each of which name, keyword, description, creator or tag must have; or a tag.
    group : str
        Four hexadecimal digits.
    element : str
        Four, or the two of the offset; ``x`` stands for any digit.
    vr : str
        A VR that the entry has; an ambiguous one has several.
    creator : str
        Part of a spelling of the private creator, or with ``*`` all of it.
    vendor : str
        As `atlas_dictionary.vendors` names it, or `STANDARD`.
    only : str
        A key of `ONLY`.
    """

    text: str = ""
    group: str = ""
    element: str = ""
    vr: str = ""
    creator: str = ""
    vendor: str = ""
    only: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Question:
        """Return the question that the parameters of a URL ask; ``q`` has the words.

        Raises
        ------
        ValueError
            One of them is nothing that can be asked.
        """
        given = {it.name: query.get(it.name, "").strip() for it in fields(cls)}
        given["text"] = query.get("q", "").strip()
        for name, pattern, expected in (
            ("group", _GROUP, "four hexadecimal digits such as 0019"),
            ("element", _ELEMENT, "a number such as 0a, xx0a or 100a"),
        ):
            given[name] = given[name].lower()
            if given[name] and not pattern.fullmatch(given[name]):
                raise ValueError(f"{name}: expected {expected}")
        given["vr"] = given["vr"].upper()
        if given["only"] and given["only"] not in ONLY:
            raise ValueError(f"only: expected one of {', '.join(ONLY)}")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Found:
    """What fits a question.

    Attributes
    ----------
    entries : list of Entry
        The best first.
    vendors : dict of str to int
        How many fit of each vendor when no vendor is asked for, the most first.
    only : dict of str to int
        How many have each of the properties of `ONLY` when none is asked for.
    """

    entries: list[Entry]
    vendors: dict[str, int]
    only: dict[str, int]


class EntrySearch:
    """All entries of a dictionary, made ready for questions; for any number of threads.

    Parameters
    ----------
    dictionary : callable
        Returns the dictionary in force; everything is made ready again when that is another one.
    """

    def __init__(self, dictionary: Callable[[], Dictionary]) -> None:
        self._dictionary = dictionary
        self._lock = threading.Lock()
        self._ready: ReadyEntries | None = None

    def find(self, question: Question) -> Found:
        """Return the entries that fit a question.

        Raises
        ------
        DictionaryError
            When the dictionary cannot be opened.
        """
        return self.ready().find(question)

    def ready(self) -> ReadyEntries:
        """Return the entries made ready, which takes a second the first time.

        Raises
        ------
        DictionaryError
            When the dictionary cannot be opened.
        """
        dictionary = self._dictionary()
        with self._lock:
            if self._ready is None or self._ready.dictionary is not dictionary:
                self._ready = ReadyEntries(dictionary)
            return self._ready


class ReadyEntries:
    """The entries of one dictionary, made ready for questions.

    Attributes
    ----------
    dictionary : Dictionary
    entries : list of Entry
        In the order of the dictionary.
    by_key : dict
        Entries by creator (empty: public), group and element as text.
    sources : dict of str to dict
        What each layer of the dictionary says of its sources, by their identifiers.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.entries = list(dictionary)
        self.by_key = {
            (it.creator or "", it.key.group_text, it.key.element_text): it for it in self.entries
        }
        self.sources = _sources(dictionary.info())
        spellings = dictionary.spellings()
        vendors = {name: vendor_of(name) for name in dictionary.creators()}
        self._vendors = [vendors.get(it.creator or "", STANDARD) for it in self.entries]
        self._keys = [it.key.group_text + it.key.element_text for it in self.entries]
        self._names = [f"{_folded(it.name)}\n{it.keyword.casefold()}" for it in self.entries]
        creators = {
            name: "\n".join(_folded(each) for each in dict.fromkeys((name, *spellings[name])))
            for name in vendors
        }
        self._creators = [creators.get(it.creator or "", "") for it in self.entries]
        self._has = {name: bytes(map(test, self.entries)) for name, (_, test) in ONLY.items()}
        self._rest = [
            f"{names}\n{_MARKS.sub('', names)}\n{creator}\n{key[:4]},{key[4:]}\n{key}\n"
            f"{_folded(entry.description)}"
            for names, creator, key, entry in zip(
                self._names, self._creators, self._keys, self.entries, strict=True
            )
        ]

    def count(self, only: str) -> int:
        """Return how many entries have a property of `ONLY`."""
        return sum(self._has[only])

    def find(self, question: Question) -> Found:
        """Return the entries that fit a question."""
        found: Iterable[int] = range(len(self.entries))
        words = question.text.casefold().split()
        tag = _TAG.fullmatch(question.text.casefold())
        if tag is not None:
            words = []
            found = self._with_key(found, tag[1], tag[2])
        found = self._with_key(found, question.group, question.element)
        if question.vr:
            found = [at for at in found if question.vr in self.entries[at].vr.split(" or ")]
        if question.creator:
            found = self._of_creator(found, question.creator)
        for word in words:
            squeezed = _MARKS.sub("", word) or word
            rest = self._rest
            found = [at for at in found if word in rest[at] or squeezed in rest[at]]
        found = list(found)
        vendors = Counter(self._vendors[at] for at in found)
        if question.vendor:
            found = [at for at in found if self._vendors[at] == question.vendor]
        only = {name: sum(map(has.__getitem__, found)) for name, has in self._has.items()}
        if question.only:
            found = [at for at in found if self._has[question.only][at]]
        if words:
            found.sort(key=lambda at: (self._rank(words, at), len(self._names[at]), at))
        return Found(
            [self.entries[at] for at in found],
            dict(sorted(vendors.items(), key=_vendor_order)),
            {name: count for name, count in only.items() if count},
        )

    def _with_key(self, found: Iterable[int], group: str, element: str) -> Iterable[int]:
        """Keep what a group and an element mean; of private elements the offset counts."""
        if not group and not element:
            return found
        group, element = group or "xxxx", element.rjust(4, "x")
        public = _key_pattern(group + element)
        private = _key_pattern(group + "xx" + element[2:])
        # Of a block as a whole nobody asks by element.
        blocks = element == "xxxx"
        keys, entries = self._keys, self.entries
        return [
            at
            for at in found
            if (private if entries[at].creator else public)(keys[at])
            and (blocks or keys[at][4:] != "xxxx")
        ]

    def _of_creator(self, found: Iterable[int], pattern: str) -> list[int]:
        folded = _folded(pattern)
        if "*" in pattern:
            expression = ".*".join(re.escape(_folded(part)) for part in pattern.split("*"))
            whole = re.compile(f"^{expression}$", re.MULTILINE)
            fits = {name for name in set(self._creators) if name and whole.search(name)}
        else:
            fits = {name for name in set(self._creators) if folded in name}
        return [at for at in found if self._creators[at] in fits]

    def _rank(self, words: list[str], at: int) -> int:
        """Return how well words fit a name, 0 the best."""
        names = self._names[at]
        name, _, keyword = names.partition("\n")
        rank = 0
        for word in words:
            if word in (name, keyword):
                continue
            if name.startswith(word):
                rank += 1
            elif f" {word}" in name:
                rank += 2
            elif word in names:
                rank += 3
            elif (_MARKS.sub("", word) or word) in _MARKS.sub("", names):
                rank += 4
            else:
                rank += 100
        return rank


def _sources(info: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    layers = info.get("layers", [info])
    return {source["id"]: source for layer in layers for source in layer["sources"]}


def _vendor_order(vendor: tuple[str, int]) -> tuple[int, int, str]:
    """Put the most frequent vendor first, and what is no vendor last."""
    name, count = vendor
    return _LAST.index(name) + 1 if name in _LAST else 0, -count, name


def _key_pattern(key: str) -> Callable[[str], object]:
    """Return a test for keys; ``x`` fits every digit, in the key that is asked for as in others."""
    return re.compile("".join("." if it == "x" else f"[{it}x]" for it in key)).fullmatch


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
