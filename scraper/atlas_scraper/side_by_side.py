"""Two tables without ruling beside each other, divided where their titles begin again.

`text_tables` asks it first, so that every other module may take a line for one row.
"""

from collections.abc import Sequence

from atlas_scraper.columns import Role, columns_of_line, role_of
from atlas_scraper.lines import Line, line_of
from atlas_scraper.tag_marks import is_break


def side_by_side(lines: Sequence[Line]) -> list[list[Line]]:
    """Divide the lines where two tables stand beside each other; the left one comes first."""
    found = _pair(lines)
    if found is None:
        return [list(lines)]
    first, last, gutter = found
    left: list[Line] = []
    right: list[Line] = []
    for line in lines[first : last + 1]:
        for part, words in (
            (left, [word for word in line.words if word.x1 <= gutter]),
            (right, [word for word in line.words if word.x1 > gutter]),
        ):
            if words:
                part.append(line_of(words, emphasised=line.emphasised))
    after = side_by_side(lines[last + 1 :]) if last + 1 < len(lines) else []
    return [list(lines[:first]), left, right, *after]


def _pair(lines: Sequence[Line]) -> tuple[int, int, float] | None:
    """Find two tables side by side: the first and the last line, and where they divide."""
    for index, line in enumerate(lines):
        titles = [(role_of(text), x0) for text, x0 in line.segments()]
        roles = [role for role, _ in titles]
        half = len(roles) // 2
        if half < 2 or roles[:half] != roles[half:] or Role.TAG not in roles[:half]:
            continue
        gutter = titles[half][1] - 1
        last = index
        for position in range(index + 1, len(lines)):
            if any(word.x0 < gutter < word.x1 for word in lines[position].words):
                break
            if is_break(lines[position]) and columns_of_line(lines[position].segments()) is None:
                break
            last = position
        if last > index:
            return index, last, gutter
    return None
