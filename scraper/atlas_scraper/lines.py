"""Lines of text, gathered from the words of a page by their places.

`tables` makes them; the readers of text tables and of running text, and the scope of creators,
read them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from atlas_scraper.pages import Word

Box = tuple[float, float, float, float]
# A gap wider than this share of the letters' height divides two columns; a space is 0.2 to 0.35.
COLUMN_GAP = 0.6
_NO_FONT = ("", 0.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `text` has a tab where a gap divides columns.

    `emphasised` says that its font or size is not that of the page's body.
    """

    words: tuple[Word, ...]
    text: str
    box: Box
    emphasised: bool = False

    @property
    def style(self) -> tuple[str, float]:
        """Font and size of the first word."""
        return self.words[0].font, self.words[0].size

    def segments(self) -> list[tuple[str, float]]:
        """Give the parts that gaps divide, each with its left edge."""
        return [(" ".join(w.text for w in part), part[0].x0) for part in _parts(self.words)]

    def word_at(self, position: int) -> Word:
        """Give the word that stands at a position of `text`."""
        end = 0
        for word in self.words:
            end += len(word.text)
            if position < end:
                return word
            end += 1
        return self.words[-1]


def lines_of(words: Sequence[Word], body: tuple[str, float] = _NO_FONT) -> list[Line]:
    """Gather words into lines: those whose middles lie within half a letter's height."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: ((w.top + w.bottom) / 2, w.x0)):
        middle = (word.top + word.bottom) / 2
        if lines:
            last = lines[-1][0]
            if abs(middle - (last.top + last.bottom) / 2) <= (last.bottom - last.top) / 2:
                lines[-1].append(word)
                continue
        lines.append([word])
    ordered = [sorted(line, key=lambda w: w.x0) for line in lines]
    return [
        line_of(line, emphasised=body not in {_NO_FONT, (line[0].font, line[0].size)})
        for line in ordered
    ]


def line_of(words: Sequence[Word], *, emphasised: bool = False) -> Line:
    """Make one line of words that stand side by side."""
    text = "\t".join(" ".join(w.text for w in part) for part in _parts(words))
    box = (
        words[0].x0,
        min(w.top for w in words),
        max(w.x1 for w in words),
        max(w.bottom for w in words),
    )
    return Line(tuple(words), text, box, emphasised)


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    parts = [[words[0]]]
    for before, word in pairwise(words):
        gap = word.x0 - before.x1
        if gap > COLUMN_GAP * (before.bottom - before.top):
            parts.append([word])
        else:
            parts[-1].append(word)
    return parts
