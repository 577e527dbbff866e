"""The application: routes, templates, and errors as pages or JSON.

Every page takes its data from a function of `views`, which the API returns as it is. What comes
from the log passes `visible` on its way into a template, so that no control character reaches a
page, and is escaped for HTML by jinja2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from atlas_node import __version__
from atlas_node.config import Config
from atlas_node.errors import LogError
from atlas_node.log import LogStore, value_text, visible
from atlas_node.model import ElementStatus
from atlas_node.web.guard import Guard
from atlas_node.web.outline import outline
from atlas_node.web.views import object_view, objects_view

_STATIC = Path(__file__).with_name("static")
_SHOWN_ELEMENTS = 2000
_SHORT_VALUE = 160
_FILTERS = (
    ("calling_ae", "From AE", "MR1"),
    ("patient_id", "Patient ID", ""),
    ("study_uid", "Study UID", "1.2.840…"),
    ("modality", "Modality", "MR"),
    ("manufacturer", "Manufacturer", "Siemens"),
    ("since", "Since", "2h, 7d or 2026-03-01"),
    ("creator", "Creator", "SIEMENS*"),
    ("tag", "Tag or key", "0019,100a or 0019,xx0a"),
    ("name", "Element name", "b-value"),
    ("vr", "VR", "US"),
)
_WILDCARD_HOSTS = {"0.0.0.0", "::"}  # noqa: S104 (compared with, not listened on)


def create_app(store: LogStore, config: Config) -> Starlette:
    """Return the viewer over an open log.

    Parameters
    ----------
    store : LogStore
        Only read; the caller closes it.
    config : Config
        Its `web` says who may come in; its `node` and `log` are shown.
    """
    pages = Pages(store, config)
    return Starlette(
        routes=[
            Route("/", pages.live, name="live"),
            Route("/objects", pages.objects, name="objects"),
            Route("/objects/{object_id:path}", pages.object, name="object"),
            Route("/api/objects", pages.api_objects, name="api_objects"),
            Route("/api/objects/{object_id:path}", pages.api_object, name="api_object"),
            Route("/healthz", pages.healthz, name="healthz"),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
        ],
        middleware=[Middleware(Guard, settings=config.web)],
        exception_handlers={
            HTTPException: pages.refused,
            ValueError: pages.not_understood,
            LogError: pages.log_failed,
            Exception: pages.failed,
        },
    )


class _Json(JSONResponse):
    """JSON in ASCII alone: what a value has of control characters and surrogates is escaped."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii")


class Pages:
    """The endpoints; plain functions that starlette runs in its threads, for the log blocks."""

    def __init__(self, store: LogStore, config: Config) -> None:
        self._store = store
        self._config = config
        self._templates = _environment()

    def live(self, request: Request) -> Response:
        """Objects as they arrive."""
        query = dict(request.query_params)
        if not all(query.values()):
            # A form sends its empty fields too; addresses are for people.
            filled = urlencode({name: text for name, text in query.items() if text})
            return RedirectResponse(f"/?{filled}" if filled else "/", status_code=303)
        return self._page("live.html", request, **self._live(request))

    def objects(self, request: Request) -> Response:
        """Return the part of the live page that changes; 204 while nothing has."""
        if request.query_params.get("state") == self._store.state():
            return Response(status_code=204)
        return self._page("objects.html", request, **self._live(request))

    def object(self, request: Request) -> Response:
        """One object with its private elements and deliveries."""
        found = object_view(self._store, request.path_params["object_id"])
        if found is None:
            raise HTTPException(404, "The log has no such object; it may have expired.")
        status = request.query_params.get("status", "")
        elements = [e for e in found["elements"] if not status or e["status"] == status]
        return self._page(
            "object.html",
            request,
            object=found,
            status=status,
            lines=list(outline(elements[:_SHOWN_ELEMENTS])),
            shown=min(len(elements), _SHOWN_ELEMENTS),
            fitting=len(elements),
        )

    def api_objects(self, request: Request) -> Response:
        """Return the data of the live page."""
        return _Json(objects_view(self._store, request.query_params))

    def api_object(self, request: Request) -> Response:
        """Return the data of the object page."""
        found = object_view(self._store, request.path_params["object_id"])
        if found is None:
            raise HTTPException(404, "The log has no such object; it may have expired.")
        return _Json(found)

    def healthz(self, request: Request) -> Response:
        """Tell whether the viewer can read the log."""
        try:
            self._store.newest()
        except LogError:
            return _Json({"status": "log unreadable"}, status_code=503)
        return _Json({"status": "ok"})

    def refused(self, request: Request, error: Exception) -> Response:
        """Answer for a path, method or object that there is not."""
        assert isinstance(error, HTTPException)
        return self._message(request, error.status_code, error.detail)

    def not_understood(self, request: Request, error: Exception) -> Response:
        """Answer for a condition in the URL that cannot be understood."""
        return self._message(request, 400, f"Not understood: {error}.")

    def log_failed(self, request: Request, error: Exception) -> Response:
        """Answer when the log cannot be read."""
        return self._message(request, 503, f"The log cannot be read: {error}.")

    def failed(self, request: Request, error: Exception) -> Response:
        """Answer for a fault of ours; the process log has its traceback."""
        return self._message(request, 500, "The viewer failed; the node's own log says why.")

    def _live(self, request: Request) -> dict[str, Any]:
        query = {
            name: text
            for name, text in request.query_params.items()
            if name not in ("state", "paused", "before")
        }
        given = dict(request.query_params)
        return objects_view(self._store, given) | {
            "query": query,
            "paused": "paused" in given,
            "older": "before" in given,
            "filtered": bool(query.keys() & {"status", *(name for name, _, _ in _FILTERS)}),
        }

    def _message(self, request: Request, code: int, message: str) -> Response:
        if request.url.path.startswith("/api/"):
            return _Json({"error": visible(message)}, status_code=code)
        return self._page("message.html", request, code=code, message=message)

    def _page(self, template: str, request: Request, code: int = 200, **data: Any) -> Response:
        node = self._config.node
        host = request.url.hostname if node.host in _WILDCARD_HOSTS else node.host
        page = self._templates.get_template(template).render(
            data,
            code=code,
            path=request.url.path,
            ae_title=node.ae_title,
            host=host or node.host,
            port=node.port,
            values_kept=self._config.log.values,
        )
        return HTMLResponse(page, status_code=code)


def _environment() -> Environment:
    templates = Environment(
        loader=PackageLoader("atlas_node.web"),
        autoescape=select_autoescape(("html",)),
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        version=__version__, statuses=tuple(ElementStatus), filters=_FILTERS, link=_link
    )
    templates.filters.update(
        local_date=lambda moment: f"{_local(moment):%Y-%m-%d}",
        local_time=lambda moment: f"{_local(moment):%H:%M:%S}",
        thousands="{:,}".format,
        size=_size,
        value=_value,
        short=lambda text: text[:_SHORT_VALUE] + " …" if len(text) > _SHORT_VALUE else text,
        bar=_bar,
        path=lambda text: quote(text, safe=""),
    )
    return templates


def _shown(thing: Any) -> Any:
    return visible(thing) if isinstance(thing, str) and not isinstance(thing, Markup) else thing


def _link(target: str, query: Mapping[str, Any], **more: Any) -> str:
    """Return a URL with a query; None in `more` takes a condition out."""
    joined = {name: text for name, text in {**query, **more}.items() if text is not None}
    return f"{target}?{urlencode(joined)}" if joined else target


def _local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone()


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _value(element: Mapping[str, Any]) -> str:
    return value_text(element["value"], truncated=element.get("truncated", False))


def _bar(counts: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Return status, begin and width in percent of each part of a bar of all elements."""
    total = sum(counts.get(status, 0) for status in ElementStatus) or 1
    parts, begin = [], 0.0
    for status in ElementStatus:
        width = 100 * counts.get(status, 0) / total
        if width:
            parts.append((status.value, round(begin, 2), round(width, 2)))
        begin += width
    return parts
