"""The page of one object: its private elements before and after, and its deliveries with each try.

What the page shows can be had as JSON, and the elements as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_node.log import LoggedObject, LogStore, parse_status, value_text
from atlas_node.model import DeliveryRecord, ElementStatus
from atlas_node.web.operation import (
    ANYTHING,
    NUMBER,
    SWITCH,
    TEXT,
    described,
    list_of,
    one_of,
    or_none,
    path,
    record,
)
from atlas_node.web.outline import outline
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.spreadsheet import elements_csv
from atlas_node.web.summary import DELIVERY, OBJECT, delivery_view, object_summary
from atlas_node.web.wire import bytes_before

SHOWN_ELEMENTS: Final = 500
"""On one page: an enhanced object can have a hundred thousand."""

ELEMENT: Final = record(
    {"truncated": SWITCH},
    path=TEXT,
    creator=TEXT,
    key=TEXT,
    vr_before=TEXT,
    vr=TEXT,
    vm=TEXT,
    name=TEXT,
    status=one_of(*ElementStatus),
    reason=TEXT,
    value=or_none(list_of(ANYTHING)),
    sources=list_of(TEXT),
    confidence=NUMBER,
)
"""An element as in the report of ``atlas-node annotate``."""

_OF_LOG: Final = path("object_id", "Identifier of the object.")
_NOT_FOR_FILES: Final = re.compile(r"[^A-Za-z0-9._-]")
_SEARCHED: Final = ("path", "creator", "key", "name", "vr_before", "vr", "reason")


def routes(site: Site) -> list[Route]:
    """Return the page and its data."""

    def page(request: Request) -> Response:
        found = _found(site.store, request)
        query = request.query_params
        start = whole_number(query, "from", 1, 2**31) - 1
        status = str(parse_status(query["status"])) if query.get("status") else ""
        text = query.get("q", "").strip()
        elements = [e for e in found["elements"] if _fits(e, status, text.casefold())]
        shown = [
            element | {"bytes_before": bytes_before(element), "entry": entry_address(element)}
            for element in elements[start : start + SHOWN_ELEMENTS]
        ]
        return site.page(
            request,
            "object.html",
            object=found,
            status=status,
            q=text,
            lines=list(outline(shown)),
            first=start + 1,
            last=start + len(shown),
            fitting=len(elements),
            at_once=SHOWN_ELEMENTS,
        )

    @described(
        "One object with its elements and every try of its deliveries",
        record(**OBJECT, tries=list_of(DELIVERY), elements=list_of(ELEMENT)),
        _OF_LOG,
    )
    def api(request: Request) -> Response:
        return Json(_found(site.store, request))

    @described("The elements of an object as CSV", TEXT, _OF_LOG, kinds=("text/csv",))
    def api_csv(request: Request) -> Response:
        found = _found(site.store, request)
        name = _NOT_FOR_FILES.sub("_", found["object_id"])
        return Response(
            elements_csv(found["elements"]),
            media_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )

    return [
        Route("/objects/{object_id:path}", page),
        Route("/api/objects/{object_id}/elements.csv", api_csv),
        Route("/api/objects/{object_id:path}", api),
    ]


def object_view(store: LogStore, object_id: str) -> dict[str, Any] | None:
    """Return one object with its elements and the tries of its deliveries, None if not in the log.

    Returns
    -------
    dict
        As in the list of objects, with ``elements`` as in the report of ``atlas-node annotate``,
        and ``tries``: every state of each delivery that the log knows, the earliest first.
    """
    found = store.object(object_id)
    if found is None:
        return None
    return object_summary(found) | {
        "tries": [delivery_view(record) for record in _tries(found)],
        "elements": [element.to_json() for element in found.object.elements],
    }


def entry_address(element: Mapping[str, Any]) -> str:
    """Return where the dictionary page shows the entry of an element; empty if it has none."""
    if not element["sources"] or not element["creator"]:
        return ""
    group, _, offset = element["key"].strip("()").partition(",")
    return f"/dictionary/{quote(element['creator'], safe='')}/{group}/{offset}"


def _tries(found: LoggedObject) -> list[DeliveryRecord]:
    """Return the states of all deliveries by destination and time."""
    states = {(it.destination, it.at): it for it in (*found.deliveries, *found.tries)}
    return [states[key] for key in sorted(states)]


def _fits(element: Mapping[str, Any], status: str, text: str) -> bool:
    if status and element["status"] != status:
        return False
    if not text:
        return True
    known = " ".join(element[name] for name in _SEARCHED)
    return text in known.casefold() or text in value_text(element["value"]).casefold()


def _found(store: LogStore, request: Request) -> dict[str, Any]:
    found = object_view(store, request.path_params["object_id"])
    if found is None:
        raise HTTPException(404, "The log has no such object; it may have expired.")
    return found
