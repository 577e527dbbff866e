"""Rows with group and element number in columns of their own.

The group may also be the one that the heading of the section gives: `scrape` puts it in its place.
"""

import re
from collections.abc import Mapping

from atlas_scraper.columns import Role
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.tags import is_group, tag_in_cells

# An open block: the row is a private element whatever its group.
_ELEMENT_ALONE = re.compile(r"[(,\s]*(?:xx|nn|yy|zz)[0-9a-f]{2}h?[)\s]*", re.IGNORECASE)


def read(cells: Mapping[Role, str]) -> Fields | Unreadable | None:
    """Read one row; None when it has neither number, as in the second line of a row."""
    group, element = cells.get(Role.GROUP, ""), cells.get(Role.ELEMENT, "")
    tag = tag_in_cells(group, element)
    if tag is not None:
        return fields(tag, cells)
    if not group.strip() and (alone := _ELEMENT_ALONE.fullmatch(element.strip())):
        return Unreadable(f"no group is named for the element {alone[0]}")
    if not is_group(group) or not _is_odd(group):
        return None
    if not element.strip():
        return Unreadable("a group without an element number")
    return Unreadable(f"the element column reads {element.strip()!r}")


def _is_odd(group: str) -> bool:
    return group.strip(" (),")[-1:].lower() in set("13579bdf")
