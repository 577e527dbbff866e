"""Where tags stand on a page without ruling, and which stand below each other.

`text_tables` makes a table of each run of them. A tag is certain, or weak: two words of four
digits are one only where a title or their place in a table says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from atlas_scraper.columns import columns_of_line
from atlas_scraper.creator_names import (
    creator_of_line,
    group_of_line,
    is_caption,
    is_label,
    section_depth,
)
from atlas_scraper.lines import Line
from atlas_scraper.pages import Word
from atlas_scraper.tags import find_tags, is_certain_tag, tag_in_cell, tag_in_cells

SAME_PLACE = 0.6
MOST_LINES_OF_A_ROW = 12
_WIDEST_ROW_GAP = 4.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag in a line; `weak` when a heading or its neighbours must show that it is one."""

    line: int
    x0: float
    x1: float
    weak: bool


@dataclass(slots=True)
class Run:
    """The lines of one table: its tags, and the lines from the first one to the last."""

    marks: list[Mark] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The line of the first tag."""
        return self.marks[0].line

    @property
    def last(self) -> int:
        """The line of the last tag."""
        return self.marks[-1].line


def _marks(lines: Sequence[Line]) -> list[Mark]:
    marks = []
    for index, line in enumerate(lines):
        for item in find_tags(line.text):
            first, last = line.word_at(item.start), line.word_at(item.end - 1)
            marks.append(Mark(index, first.x0, last.x1, weak=False))
        for position, word in enumerate(line.words):
            after = line.words[position + 1] if position + 1 < len(line.words) else None
            if after is not None and _are_group_and_element(word, after):
                certain = is_certain_tag(f"{word.text} {after.text}")
                marks.append(Mark(index, word.x0, after.x1, weak=not certain))
            elif not list(find_tags(word.text)) and tag_in_cell(word.text) is not None:
                marks.append(Mark(index, word.x0, word.x1, weak=True))
    return marks


def _are_group_and_element(word: Word, after: Word) -> bool:
    return (
        after.x0 - word.x1 < 12 * (word.bottom - word.top)
        and len(after.text) >= 4
        and not list(find_tags(f"{word.text} {after.text}"))
        and tag_in_cells(word.text, after.text) is not None
    )


def runs(lines: Sequence[Line]) -> list[Run]:
    """Gather tags below each other, without a heading between them, into tables."""
    stacks: list[list[Mark]] = []
    for mark in _marks(lines):
        for stack in stacks:
            if _share(stack[-1], mark) >= SAME_PLACE and stack[-1].weak == mark.weak:
                stack.append(mark)
                break
        else:
            stacks.append([mark])
    found: list[Run] = []
    for stack in stacks:
        run = Run([stack[0]])
        for before, mark in pairwise(stack):
            if _is_divided(lines, before.line, mark.line):
                found.append(run)
                run = Run()
            run.marks.append(mark)
        found.append(run)
    # The table of most rows takes its lines first: a tag in a note is not the tag of its row.
    return sorted(found, key=lambda run: (-len(run.marks), run.marks[0].x0))


def _share(one: Mark, other: Mark) -> float:
    width = min(one.x1 - one.x0, other.x1 - other.x0)
    return common(one, (other.x0, other.x1)) / max(1.0, width)


def common(mark: Mark, place: tuple[float, float]) -> float:
    """Give how many points of a place the tag stands in; negative when it stands beside it."""
    return min(mark.x1, place[1]) - max(mark.x0, place[0])


def _is_divided(lines: Sequence[Line], first: int, last: int) -> bool:
    """Whether something between two lines says that another table begins."""
    if last - first > MOST_LINES_OF_A_ROW:
        return True
    for before, line in pairwise(lines[first : last + 1]):
        height = max(1.0, before.box[3] - before.box[1])
        if line.box[1] - before.box[3] > _WIDEST_ROW_GAP * height:
            return True
    return any(is_break(line) for line in lines[first + 1 : last])


def is_break(line: Line) -> bool:
    """Whether a line begins another table: a caption, a heading, a line of titles."""
    text = line.text.replace("\t", " ").strip()
    if is_caption(text) or (section_depth(text) and line.emphasised):
        return True
    return columns_of_line(line.segments()) is not None


def is_banner(line: Line, tag: Mark) -> bool:
    """Whether a line within a table names the creator of the rows below it.

    A creator by itself below a tag belongs to the row of the tag.
    """
    text = line.text.replace("\t", " ").strip()
    if creator_of_line(text) is None:
        return False
    labelled = is_label(text) or group_of_line(text)
    return bool(labelled) or not common(tag, (line.box[0], line.box[2])) > 0
