"""Keywords in the style of PS3.6 for entries whose sources give a name alone.

Used by `resolution`. A keyword has ASCII letters and digits only, begins with a letter and stays
within the 64 characters of LO, in which (0008,030D) Private Data Element Keyword is written.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z0-9]+")
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])['\u2019](?=s\b)")
_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_PLACEHOLDERS = frozenset({"", "unknown", "unknownname", "num", "internal", "na", "none"})
_ORDINALS = {"1st": "First", "2nd": "Second", "3rd": "Third"}
_LONGEST = 64


def is_placeholder(name: str) -> bool:
    """Return whether `name` says nothing: empty, ``Unknown``, ``?``, ``<internal``."""
    return "".join(_WORD.findall(name)).lower() in _PLACEHOLDERS


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
    words = [w for i, w in enumerate(words) if not (w == "s" and i)]
    words[0] = _ORDINALS.get(words[0].lower(), words[0])
    keyword = "".join(word[0].upper() + word[1:] for word in words)
    digits = len(keyword) - len(keyword.lstrip("0123456789"))
    spelled = "".join(_DIGITS[int(d)] for d in keyword[:digits])
    return (spelled + keyword[digits:])[:_LONGEST]
