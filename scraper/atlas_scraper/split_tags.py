"""Tags that a narrow column divides over two lines: "(0019," above "xx0A)".

`tables` joins them among the words that no ruled table holds, before the words become lines, so
that all readers of lines meet whole tags. In a ruled table the cell keeps both lines together.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from atlas_scraper.pages import Word

_FIRST = re.compile(r"[(\[](?:0x)?[0-9A-F]{4}h?,", re.IGNORECASE)
_SECOND = re.compile(r"(?:0x)?(?:[0-9A-F]{2}|xx|nn|yy|zz)[0-9A-F]{2}h?[)\]]", re.IGNORECASE)
_SAME_LEFT = 3.0
# The second line stands right below: this share of the letters' height may lie between.
_NEXT_LINE = 0.9


def joined(words: Sequence[Word]) -> list[Word]:
    """Give the words with each divided tag as one word, in the place of its first line."""
    seconds = [word for word in words if _SECOND.fullmatch(word.text)]
    if not seconds:
        return list(words)
    gone: set[int] = set()
    whole: list[Word] = []
    for word in words:
        below = _below(word, seconds) if _FIRST.fullmatch(word.text) else None
        if below is None:
            whole.append(word)
        else:
            gone.add(id(below))
            text = f"{word.text}{below.text}"
            whole.append(replace(word, text=text, x1=max(word.x1, below.x1)))
    return [word for word in whole if id(word) not in gone]


def _below(word: Word, seconds: Sequence[Word]) -> Word | None:
    height = word.bottom - word.top
    for second in seconds:
        near = -0.5 * height <= second.top - word.bottom <= _NEXT_LINE * height
        if near and abs(second.x0 - word.x0) <= _SAME_LEFT:
            return second
    return None
