"""The page of one object: its private elements as a tree, and its deliveries."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_node.log import LogStore
from atlas_node.web.outline import outline
from atlas_node.web.site import Json, Site
from atlas_node.web.summary import object_summary

_SHOWN_ELEMENTS = 2000


def routes(site: Site) -> list[Route]:
    """Return the page and its data."""

    def page(request: Request) -> Response:
        found = _found(site.store, request)
        status = request.query_params.get("status", "")
        elements = [e for e in found["elements"] if not status or e["status"] == status]
        return site.page(
            request,
            "object.html",
            object=found,
            status=status,
            lines=list(outline(elements[:_SHOWN_ELEMENTS])),
            shown=min(len(elements), _SHOWN_ELEMENTS),
            fitting=len(elements),
        )

    def api(request: Request) -> Response:
        return Json(_found(site.store, request))

    return [
        Route("/objects/{object_id:path}", page),
        Route("/api/objects/{object_id:path}", api),
    ]


def object_view(store: LogStore, object_id: str) -> dict[str, Any] | None:
    """Return one object with its deliveries and elements, None when the log has it not."""
    found = store.object(object_id)
    if found is None:
        return None
    elements = [element.to_json() for element in found.object.elements]
    return object_summary(found) | {"elements": elements}


def _found(store: LogStore, request: Request) -> dict[str, Any]:
    found = object_view(store, request.path_params["object_id"])
    if found is None:
        raise HTTPException(404, "The log has no such object; it may have expired.")
    return found
