"""Running text that names one element: "Name (gggg,xxee) CREATOR", and nothing else.

A sentence about an element is no row: the line must begin with a name, have the tag in
parentheses in the middle and end with what is a creator beyond doubt. A line about a creator
element, "(gggg,0010) Private Creator: X", is read as a row that names a creator.
"""

import re

from atlas_scraper.columns import Role
from atlas_scraper.creator_names import (
    creator_of_line,
    is_creator,
    is_label,
    is_one_name,
    may_be_creator,
)
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.layouts.text_line import Anchor
from atlas_scraper.lines import Line

_SENTENCE = re.compile(r"[.;:!?]\s|\b(?:are|was|will|which|this|see)\b", re.IGNORECASE)
# The line ends in a creator: a name may have these words, but a clause begins or breaks off so.
_CLAUSE = re.compile(
    r"^(?:if|when|in|for|the\s+\S+(?:\s+\S+)*?\s+(?:is|has|and)|and|it|its)\b"
    r"|\b(?:is|in|of|by|from|the|and|or|as|to|with|for|at|on|under|attributes?|elements?|tags?)$",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?:\bvalue(?:\s+is)?|\bis|[:=])\s+(?P<value>[^.]+)\.?\s*$", re.I)
_LONGEST_NAME = 64
_MARKS = " \t-\u2013:,.=\"'\u201c\u201d"


def read(line: Line, found: Anchor) -> Fields | Unreadable:
    """Read one line around its tag."""
    if found.tag.may_declare and (creator := _declared(line, found)):
        cells = {Role.NAME: "Private Creator", Role.VALUE: creator}
        return fields(found.tag, cells, headed=False)
    name = line.text[: found.start].strip(" \t-\u2013\u2022*")
    creator = line.text[found.end :].strip(" \t-\u2013:,\"'\u201c\u201d")
    in_parentheses = line.text[found.start] == "("
    if not (in_parentheses and name and len(name) <= _LONGEST_NAME and is_creator(creator)):
        return Unreadable("a tag in running text, without a heading or a VR beside it")
    if _SENTENCE.search(name) or _CLAUSE.search(name):
        return Unreadable("a sentence about an element")
    cells = {Role.NAME: name.replace("\t", " "), Role.CREATOR: creator}
    return fields(found.tag, cells, headed=False)


def _declared(line: Line, found: Anchor) -> str | None:
    """Give the creator that a line about a creator element names."""
    before, after = line.text[: found.start], line.text[found.end :]
    text = f"{before} {after}".replace("\t", " ")
    for part in (after, before):
        if is_creator(part.strip(_MARKS)):
            return part.strip(_MARKS)
    if not is_label(text.strip()):
        return None
    said = _SAID.search(after)
    value = said["value"].strip(_MARKS) if said else ""
    return creator_of_line(text) or (
        value if may_be_creator(value) and is_one_name(value) else None
    )
