"""Rows with the whole tag in one column: (gggg,xxee), (gggg,eeee), (gggg, CREATOR, ee).

The creator may also stand below the tag, in the same cell; so may the name before it, where no
other column holds names.
"""

from collections.abc import Mapping
from dataclasses import replace

from atlas_scraper.columns import Role
from atlas_scraper.creator_names import is_creator
from atlas_scraper.known_creators import mended
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.tags import find_tags, tag_in_cell


def read(cells: Mapping[Role, str]) -> Fields | Unreadable | None:
    """Read one row; None when its tag cell holds no tag, as in the second line of a row."""
    text = cells.get(Role.TAG, "")
    tag = tag_in_cell(text)
    if tag is not None:
        return fields(tag, cells)
    found = [item for item in find_tags(text) if item.tag.private]
    if not found:
        return None
    if len(found) > 1:
        return Unreadable("several tags in one cell")
    beside = f"{text[: found[0].start]} {text[found[0].end :]}".strip()
    creator = mended(beside.strip(" -:;,()\"'"))
    if found[0].tag.creator is None and is_creator(creator):
        return fields(replace(found[0].tag, creator=creator), cells)
    if Role.NAME not in cells and found[0].start > 0:
        return fields(found[0].tag, {**cells, Role.NAME: beside})
    return Unreadable("other text beside the tag in its cell")
