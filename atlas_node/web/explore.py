"""The page Explore: how many elements the log has by device, creator, tag, name, VR and status.

Each condition is one value of a facet and part of the address. The pages of `values` and `compare`
belong to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.log import CountedElement, Selection
from atlas_node.log.selection import FACETS
from atlas_node.model import ElementStatus
from atlas_node.web.operation import (
    COUNT,
    SWITCH,
    TEXT,
    described,
    list_of,
    map_of,
    query,
    record,
)
from atlas_node.web.rendering import link
from atlas_node.web.site import Json, Site, whole_number

ROWS: Final = 100
MOST_ROWS: Final = 2000
_MOST_VALUES: Final = 300

TITLES: Final = {
    "manufacturer": "Manufacturer",
    "model": "Model",
    "software": "Software version",
    "creator": "Private creator",
    "group": "Group",
    "element": "Element",
    "name": "Name",
    "vr": "VR",
    "status": "Status",
}
AGES: Final = (
    ("", "all that is kept"),
    ("1h", "the last hour"),
    ("24h", "the last day"),
    ("7d", "the last week"),
    ("30d", "the last 30 days"),
)
SELECTION: Final = (
    *(
        query(name, f"{title}, exactly as the log has it; empty where it is not given.")
        for name, title in TITLES.items()
    ),
    query("since", "Objects received since: an ISO 8601 time, or an age such as 7d."),
)
"""The parameters that a `Selection` is made of."""

BY_STATUS: Final = record(**{status.value: COUNT for status in ElementStatus})
"""The schema of numbers of elements by status."""


def routes(site: Site) -> list[Route]:
    """Return the page and its data."""

    def page(request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("since") == "":
            # The form sends it empty, too; of a facet an empty text is a value.
            del asked["since"]
            return RedirectResponse(link("/explore", asked), status_code=303)
        found = explore_view(site, asked)
        return site.page(request, "explore.html", **found, query=asked, titles=TITLES, ages=AGES)

    @described(
        "Counts by device and element",
        record(
            selection=map_of(TEXT), objects=COUNT, elements=COUNT, by_status=BY_STATUS,
            facets=map_of(
                record(values=list_of(record(value=TEXT, elements=COUNT)), there_are=COUNT)
            ),
            rows=list_of(
                record(creator=TEXT, key=TEXT, name=TEXT, vr=TEXT, elements=COUNT,
                       by_status=BY_STATUS)
            ),
            rows_in_all=COUNT, log_empty=SWITCH,
        ),
        *SELECTION,
        query("limit", f"At most so many rows, up to {MOST_ROWS}.", COUNT),
    )  # fmt: skip
    def api(request: Request) -> Response:
        return Json(explore_view(site, request.query_params))

    return [Route("/explore", page), Route("/api/explore", api)]


def explore_view(site: Site, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return counts of what is selected.

    Parameters
    ----------
    asked : mapping of str to str
        Fields of `Selection`; ``limit``, how many rows.

    Raises
    ------
    ValueError
        A condition cannot be understood.
    """
    wanted = Selection.from_text(asked)
    limit = whole_number(asked, "limit", ROWS, MOST_ROWS)
    found = site.store.facets(wanted)
    return {
        "selection": selected(wanted, asked),
        "objects": found.objects,
        "elements": sum(found.by_status.values()),
        "by_status": {status.value: count for status, count in found.by_status.items()},
        "facets": {name: _facet(found.values[name]) for name in FACETS},
        "rows": [_row(element) for element in found.elements[:limit]],
        "rows_in_all": len(found.elements),
        "log_empty": not found.objects and site.store.newest() == 0,
    }


def selected(wanted: Selection, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the conditions that are in force, the time as it was written."""
    return wanted.chosen() | ({"since": asked["since"]} if wanted.since is not None else {})


def _facet(values: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    return {
        "values": [{"value": value, "elements": count} for value, count in values[:_MOST_VALUES]],
        "there_are": len(values),
    }


def _row(element: CountedElement) -> dict[str, Any]:
    return {
        "creator": element.creator,
        "key": element.key,
        "name": element.name,
        "vr": element.vr,
        "elements": element.count,
        "by_status": {it.value: element.by_status.get(it, 0) for it in ElementStatus},
    }
