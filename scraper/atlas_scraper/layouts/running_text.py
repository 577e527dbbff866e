"""Running text that names one element: "Name (gggg,xxee) CREATOR", and nothing else.

A sentence about an element is no row: the line must begin with a name, have the tag in
parentheses in the middle and end with what is a creator beyond doubt.
"""

import re

from atlas_scraper.columns import Role
from atlas_scraper.creator_names import is_creator
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.layouts.text_line import Anchor
from atlas_scraper.tables import Line

_SENTENCE = re.compile(
    r"[.;:!?]\s|\b(?:the|is|are|was|will|and|which|this|if|see)\b", re.IGNORECASE
)
_LONGEST_NAME = 64


def read(line: Line, found: Anchor) -> Fields | Unreadable:
    """Read one line around its tag."""
    name = line.text[: found.start].strip(" \t-\u2013\u2022*")
    creator = line.text[found.end :].strip(" \t-\u2013:,\"'\u201c\u201d")
    in_parentheses = line.text[found.start] == "("
    if not (in_parentheses and name and len(name) <= _LONGEST_NAME and is_creator(creator)):
        return Unreadable("a tag in running text, without a heading or a VR beside it")
    if _SENTENCE.search(name):
        return Unreadable("a sentence about an element")
    cells = {Role.NAME: name.replace("\t", " "), Role.CREATOR: creator}
    return fields(found.tag, cells, headed=False)
