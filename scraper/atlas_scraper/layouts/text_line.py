"""Rows that are lines of text: divided into the columns of the heading above, or bare.

Under a heading, the tag is the anchor. What stands before and after it is matched against the
roles of the columns on that side, in their order: a VR, a VM or a type is a word of its own form,
a gap divides two columns of free text. The tag must stand below its title, so that a tag in a
sentence under the table is not taken for a row.

Without a heading only a line that carries its VR beside the tag or at its end is a row.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atlas_scraper.columns import Columns, Role
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.representation import TYPE_PATTERN, VM_PATTERN, VR_PATTERN
from atlas_scraper.tables import Line
from atlas_scraper.tags import Tag, find_tags, tag_in_cells

_FORMS = {
    Role.VR: rf"{VR_PATTERN}(?:\s*(?:/|or)\s*{VR_PATTERN})*",
    Role.VM: VM_PATTERN,
    Role.TYPE: TYPE_PATTERN,
}
_NUMBERS = re.compile(r"\S+[ \t]+\S+")
_AFTER = re.compile(
    rf"(?P<vr>{VR_PATTERN})(?!\w)[ \t]*(?P<vm>{VM_PATTERN}(?!\S))?[ \t]*(?P<rest>.*)"
)
_AT_END = re.compile(rf"(?P<rest>.*?)[ \t]+(?P<vr>{VR_PATTERN})[ \t]+(?P<vm>{VM_PATTERN})")
_BELOW_TITLE = 12.0
_SAME_LEFT = 6.0
_TYPE_OR_VM = frozenset("123")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The tag of a line: where it stands in the text, and its edges in points."""

    tag: Tag
    start: int
    end: int
    left: float
    right: float


def anchor(line: Line, columns: Columns, above: float | None = None) -> Anchor | None:
    """Find the tag of a line under a heading.

    Parameters
    ----------
    line : Line
        The line.
    columns : Columns
        The columns of the heading.
    above : float, optional
        Left edge of the tag in the row above, on the same page; without it the tag must stand
        below its title, which may be centred over the column.
    """
    split = Role.TAG not in columns.roles
    title = columns.lefts[columns.roles.index(Role.GROUP if split else Role.TAG)]
    for found in _numbers(line) if split else _tags(line):
        if above is not None and abs(found.left - above) <= _SAME_LEFT:
            return found
        if above is None and found.left - _BELOW_TITLE <= title <= found.right:
            return found
    return None


def only_anchor(line: Line) -> Anchor | None:
    """Find the one private tag of a line without a heading; None when there are several."""
    private = [found for found in _tags(line) if found.tag.private]
    return private[0] if len(private) == 1 else None


def cells(line: Line, found: Anchor, columns: Columns) -> dict[Role, str]:
    """Divide a line into the columns of its heading."""
    roles = list(columns.roles)
    first = roles.index(Role.TAG if Role.TAG in roles else Role.GROUP)
    last = first if Role.TAG in roles else roles.index(Role.ELEMENT)
    row = _match(roles[:first], line.text[: found.start].strip())
    for role, text in _match(roles[last + 1 :], line.text[found.end :].strip()).items():
        row.setdefault(role, text)
    return row


def read(line: Line, found: Anchor, columns: Columns) -> Fields:
    """Read a line below a heading."""
    return fields(found.tag, cells(line, found, columns))


def bare(line: Line, found: Anchor) -> Fields | Unreadable:
    """Read a line without a heading."""
    before, after = line.text[: found.start].strip(), line.text[found.end :].strip()
    if match := _AFTER.fullmatch(after):
        name = before or match["rest"]
        row = {Role.NAME: name, Role.VR: match["vr"], Role.VM: match["vm"] or ""}
        if before:
            row[Role.DESCRIPTION] = match["rest"]
    elif (match := _AT_END.fullmatch(after)) and not before:
        row = {Role.NAME: match["rest"], Role.VR: match["vr"], Role.VM: match["vm"]}
    else:
        return Unreadable("a tag in running text, without a heading or a VR beside it")
    # Without a heading a lone 1, 2 or 3 may be the type of PS3.5 7.4 as well as the VM.
    if row[Role.VM] in _TYPE_OR_VM:
        row[Role.VM] = ""
    return fields(found.tag, {k: v.replace("\t", " ") for k, v in row.items()}, headed=False)


def _tags(line: Line) -> Iterator[Anchor]:
    for item in find_tags(line.text):
        yield _anchor(line, item.tag, item.start, item.end)


def _numbers(line: Line) -> Iterator[Anchor]:
    """Give the pairs of words that are a group and an element number."""
    for match in re.finditer(r"\S+", line.text):
        pair = _NUMBERS.match(line.text, match.start())
        tag = tag_in_cells(*pair[0].split()) if pair else None
        if pair is not None and tag is not None:
            yield _anchor(line, tag, pair.start(), pair.end())


def _anchor(line: Line, tag: Tag, start: int, end: int) -> Anchor:
    return Anchor(tag, start, end, line.word_at(start).x0, line.word_at(end - 1).x1)


def _match(roles: Sequence[Role], text: str) -> dict[Role, str]:
    """Divide the text on one side of the tag into the columns of that side."""
    pattern = ""
    names: list[tuple[str, Role]] = []
    for index, role in enumerate(roles):
        group = f"c{index}"
        names.append((group, role))
        if form := _FORMS.get(role):
            pattern += rf"(?:(?P<{group}>{form})(?!\S)\s*)?"
        elif index + 1 < len(roles) and roles[index + 1] not in _FORMS:
            pattern += rf"(?P<{group}>[^\t]*?)(?:\t|\Z)"
        elif index + 1 < len(roles):
            pattern += rf"(?P<{group}>.*?)\s*"
        else:
            pattern += rf"(?P<{group}>.*)"
    if all(role in _FORMS for role in roles):
        pattern += "(?P<beyond>.*)"
    match = re.fullmatch(pattern, text) if roles else None
    if match is None:
        return {Role.DESCRIPTION: text.replace("\t", " ")} if text else {}
    row: dict[Role, str] = {}
    for group, role in names:
        row.setdefault(role, (match[group] or "").replace("\t", " ").strip())
    if beyond := match.groupdict().get("beyond"):
        row[Role.DESCRIPTION] = beyond.replace("\t", " ").strip()
    return row
