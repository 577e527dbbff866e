"""What a user asks for in words: ``0019 xx0a``, ``(0019,100a)``, ``PatientName``.

Called by ``atlas-dict lookup`` and ``search``. A private tag without its creator has as many
answers as creators define it.
"""

from __future__ import annotations

import re

from atlas_dictionary.creator import encode, fold, trim
from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Entry
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.keys import ElementKey, parse_key

_TAG = re.compile(r"\(?\s*([0-9a-fx]{4})\s*[, ]?\s*([0-9a-fx]{4})\s*\)?", re.ASCII | re.IGNORECASE)


def parse_tag(text: str) -> tuple[str, str] | None:
    """Return group and element of a tag in one word, or None where `text` is no tag.

    Examples
    --------
    >>> parse_tag("(0019,xx0A)"), parse_tag("0019100a"), parse_tag("PatientName")
    (('0019', 'xx0A'), ('0019', '100a'), None)
    """
    match = _TAG.fullmatch(text.strip())
    return None if match is None else (match[1], match[2])


def reserved_block(group: str, element: str) -> int | None:
    """Return the block that (gggg,00bb) Private Creator reserves, or None for any other tag.

    Examples
    --------
    >>> reserved_block("0019", "0010"), reserved_block("0019", "xx10")
    (16, None)
    """
    if group[-1:].lower() not in set("13579bdf"):
        return None
    match = re.fullmatch(r"00([1-9a-f][0-9a-f])", element.strip().lower(), re.ASCII)
    return None if match is None else int(match[1], 16)


def parse_number(text: str) -> int:
    """Return a group or an element number; its open digits, ``x``, become 0.

    Raises
    ------
    DictionaryError
        Where it is not two or four hexadecimal digits.

    Examples
    --------
    >>> parse_number("0019"), parse_number("xx0A"), parse_number("0a")
    (25, 10, 10)
    """
    digits = text.strip().lower()
    if not re.fullmatch(r"[0-9a-fx]{4}|[0-9a-f]{2}", digits, re.ASCII):
        raise DictionaryError(f"{text!r} is not a number of four hexadecimal digits")
    return int(digits.replace("x", "0"), 16)


def answer_tag(
    dictionary: Dictionary, group: str, element: str, creator: str | None
) -> list[Entry]:
    """Return the entries of a tag: one at most, unless a private tag comes without creator.

    Raises
    ------
    DictionaryError
        Where group or element is not four hexadecimal digits.
    """
    if creator is not None:
        found = _private(dictionary, parse_key(group, element, trim(creator) or "-"), creator)
        return [] if found is None else [found]
    if group[-1:].lower() not in set("13579bdf"):
        found = dictionary.public(parse_key(group, element, None).tag)
        return [] if found is None else [found]
    entries = (
        _private(dictionary, parse_key(group, element, name), name)
        for name in dictionary.creators()
    )
    return [entry for entry in entries if entry is not None]


def answer_keyword(dictionary: Dictionary, keyword: str) -> list[Entry]:
    """Return the standard element of this keyword, or the private ones that have it."""
    found = dictionary.by_keyword(keyword)
    if found is not None:
        return [found]
    return [entry for entry in dictionary if entry.keyword == keyword and keyword]


def _private(dictionary: Dictionary, key: ElementKey, creator: str) -> Entry | None:
    creator = trim(creator)
    if not key.names_block:
        return dictionary.private(creator, key.tag >> 16, key.tag)
    wanted = fold(encode(creator) or b"")
    return next(
        (
            entry
            for entry in dictionary
            if entry.key.names_block
            and (entry.key.tag, entry.key.mask) == (key.tag, key.mask)
            and fold((entry.creator or "").encode("utf-8")) == wanted
        ),
        None,
    )
