"""A line by itself, without a heading or neighbours that make a table: its VR shows the row.

The VR stands beside the tag, "Gain (0019,1001) US 1", or at the end, "(0019,1001) Gain US 1" and
"(0019,1001) Gain: US, VM 1".
Any other line with a tag may be a sentence, and is left to `running_text`.
"""

import re
from dataclasses import dataclass

from atlas_scraper.columns import Role
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.lines import Line
from atlas_scraper.representation import VM_PATTERN, VR_PATTERN
from atlas_scraper.tags import Tag, find_tags

_AFTER = re.compile(
    rf"(?P<vr>{VR_PATTERN})(?!\w)[ \t]*(?P<vm>{VM_PATTERN}(?!\S))?[ \t]*(?P<rest>.*)"
)
_AT_END = re.compile(rf"(?P<rest>.*?)[ \t]+(?P<vr>{VR_PATTERN})[ \t]+(?P<vm>{VM_PATTERN})")
_NOTED = re.compile(
    rf"(?P<rest>[^:;.]*?)\s*[:;,\u2013(-]\s*(?:VR\s*[=:]?\s*)?(?P<vr>{VR_PATTERN})\s*[,;/]?\s*"
    rf"VM\s*[=:]?\s*(?P<vm>{VM_PATTERN})\)?"
)
_MARK = re.compile(r"[\W_]*(?:\(cid:\d+\))?[\W_]*")
_TYPE_OR_VM = frozenset("123")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The tag of a line, and where it stands in the text."""

    tag: Tag
    start: int
    end: int


def only_anchor(line: Line) -> Anchor | None:
    """Find the one private tag of a line; None when there are several."""
    private = [item for item in find_tags(line.text) if item.tag.private]
    return Anchor(private[0].tag, private[0].start, private[0].end) if len(private) == 1 else None


def read(line: Line, found: Anchor) -> Fields | Unreadable:
    """Read a line without a heading."""
    before, after = line.text[: found.start].strip(), line.text[found.end :].strip()
    if _MARK.fullmatch(before):
        before = ""
    if (match := _NOTED.fullmatch(after)) and not before and match["rest"]:
        named = {Role.NAME: match["rest"], Role.VR: match["vr"], Role.VM: match["vm"]}
        return fields(found.tag, named, headed=False)
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
