"""Names and keywords of entries, made of what sources write for them.

Used by `resolution`. A keyword is an identifier of ASCII letters, digits and underscores, begins
with a letter and stays within the 64 characters of LO, in which (0008,030D) Private Data Element
Keyword is written. One that is derived from a name has no underscores, as in PS3.6.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z0-9]+")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_DOUBT = re.compile(r"^[\s?]+|[\s?]+$")
_TYPESET = str.maketrans({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2010: "-",
                          0x2011: "-", 0x2013: "-"})  # fmt: skip
"""Quotation marks and hyphens of typesetting, and what a keyboard has for them."""
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])['\u2019](?=s\b)")
_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_PLACEHOLDERS = frozenset(
    {"", "unknown", "unknownname", "num", "internal", "na", "none", "true", "false"}
)
_ORDINALS = {"1st": "First", "2nd": "Second", "3rd": "Third"}
_LONGEST = 64


def is_placeholder(name: str) -> bool:
    """Return whether `name` says nothing: empty, ``Unknown``, ``?``, ``<internal``."""
    return "".join(filter(str.isalnum, name)).lower() in _PLACEHOLDERS


def clean_name(name: str) -> str:
    """Return `name` without marks of doubt and typesetting; empty when it says nothing.

    Examples
    --------
    >>> clean_name("?vect1?"), clean_name("Operators\u2019 Name"), clean_name("VEPRO UID ??")
    ('vect1', "Operators' Name", 'VEPRO UID')
    >>> clean_name("?"), clean_name("<internal"), clean_name("Unknown")
    ('', '', '')
    """
    return "" if is_placeholder(name) else _DOUBT.sub("", name.translate(_TYPESET))


def valid_keyword(keyword: str) -> str:
    """Return `keyword` as it is where it is an identifier, else one that is derived from it.

    Examples
    --------
    >>> valid_keyword("FILTER_REAL_POSITION"), valid_keyword("Total Treatment Time")
    ('FILTER_REAL_POSITION', 'TotalTreatmentTime')
    >>> valid_keyword("3DPointFile"), valid_keyword("class"), valid_keyword("?")
    ('ThreeDPointFile', 'Class', '')
    """
    if is_placeholder(keyword):
        return ""
    # A word that a programming language keeps for itself has no capital.
    if _IDENTIFIER.fullmatch(keyword) and not keyword.islower():
        return keyword
    return derive_keyword(keyword)


def derive_keyword(name: str) -> str:
    """Return a keyword for `name`; empty when it says nothing.

    Examples
    --------
    >>> derive_keyword("Number of images in mosaic")
    'NumberOfImagesInMosaic'
    >>> derive_keyword("3D Patient's position [mm]")
    'ThreeDPatientPositionMm'
    >>> derive_keyword("Unknown")
    ''
    """
    if is_placeholder(name):
        return ""
    words = _WORD.findall(_APOSTROPHE.sub(" ", name))
    if not words:
        return ""
    words = [w for i, w in enumerate(words) if not (w == "s" and i)]
    words[0] = _ORDINALS.get(words[0].lower(), words[0])
    keyword = "".join(word[0].upper() + word[1:] for word in words)
    digits = len(keyword) - len(keyword.lstrip("0123456789"))
    spelled = "".join(_DIGITS[int(d)] for d in keyword[:digits])
    return (spelled + keyword[digits:])[:_LONGEST]
