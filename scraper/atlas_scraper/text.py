"""Text of a PDF made plain: what a renderer put in for the eye is taken out again.

Called by `pages` and `tables` on every word and cell, so that all later modules may compare
strings. Nothing is corrected here: an O that stands for a zero is the business of `tags`.
"""

import re

_LIGATURES = {
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u202f"), " ")
_TABLE = str.maketrans(_LIGATURES) | _INVISIBLE | _SPACES
_SOFT_HYPHEN = "\u00ad"
_LONG_WORD = 12
# Endings of words that are whole.
_WHOLE = re.compile(r"(?:ion|ing|ity|ment|ness|ance|ence|ed|er|or|al|es|ic|ive|ude|ate|s)$")


def plain(text: str) -> str:
    """Give the text with ligatures spelt out and invisible characters removed."""
    return text.translate(_TABLE).replace(_SOFT_HYPHEN, "")


def join_lines(text: str) -> str:
    """Join the lines of one table cell into running text.

    A line that ends in a hyphen or a soft hyphen goes on without a space, and so does a word
    that the cell was too narrow for: long, alone, and one that cannot end so ("TechniqueDe",
    "scription").
    """
    joined = ""
    for raw in text.translate(_TABLE).split("\n"):
        line = " ".join(raw.split())
        if not line:
            continue
        if not joined:
            joined = line
        elif joined.endswith(_SOFT_HYPHEN):
            joined = joined[:-1] + line
        elif joined.endswith("-") or _is_broken_word(joined, line):
            joined += line
        else:
            joined = f"{joined} {line}"
    return joined.replace(_SOFT_HYPHEN, "")


def compact(text: str) -> str:
    """Give the letters and digits alone, in lower case, to compare names and headings."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _is_broken_word(before: str, after: str) -> bool:
    if " " in before or len(before) < _LONG_WORD or not after[0].islower():
        return False
    return not _WHOLE.search(before) or re.search(r"[a-z][A-Z]", before) is not None
