"""Rows with group and element number in columns of their own.

The group may also be the one that the heading of the section gives: `scrape` puts it in its place.
"""

from collections.abc import Mapping

from atlas_scraper.columns import Role
from atlas_scraper.layouts.fields import Fields, Unreadable, fields
from atlas_scraper.tags import is_group, tag_in_cells


def read(cells: Mapping[Role, str]) -> Fields | Unreadable | None:
    """Read one row; None when it has neither number, as in the second line of a row."""
    group, element = cells.get(Role.GROUP, ""), cells.get(Role.ELEMENT, "")
    tag = tag_in_cells(group, element)
    if tag is not None:
        return fields(tag, cells)
    if not is_group(group) or not _is_odd(group):
        return None
    if not element.strip():
        return Unreadable("a group without an element number")
    return Unreadable(f"the element column reads {element.strip()!r}")


def _is_odd(group: str) -> bool:
    return group.strip(" (),")[-1:].lower() in set("13579bdf")
