"""The layouts in which documents list private data elements, one small module each.

A layout turns one row, or one line, into `Fields`: the texts that it found, nothing concluded.
`scrape` chooses by what the page shows. For a table, ruled or not, `of_columns` gives the layout:
`tag_column` where a column holds tags, `group_element` where group and element stand apart. Of
lines in no table, `text_line` and `running_text` read the few that prove themselves.

To add a layout: a module with `read(...) -> Fields | Unreadable | None`, a line here, tests.
"""

from collections.abc import Callable, Mapping

from atlas_scraper.columns import Columns, Role
from atlas_scraper.layouts import group_element, tag_column
from atlas_scraper.layouts.fields import Fields, Unreadable

Reader = Callable[[Mapping[Role, str]], Fields | Unreadable | None]

__all__ = ["Fields", "Reader", "Unreadable", "of_columns"]


def of_columns(columns: Columns) -> Reader | None:
    """Give the layout that reads rows of these columns; None when no tag can be found in them."""
    if Role.TAG in columns.roles:
        return tag_column.read
    if Role.ELEMENT in columns.roles:
        return group_element.read
    return None
