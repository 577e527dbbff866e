"""The application: the pages' routes, the guard before them, and errors as pages or JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from atlas_node.config import Config
from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.web import live, object
from atlas_node.web.guard import Guard
from atlas_node.web.site import Json, Site

_STATIC = Path(__file__).with_name("static")


def create_app(store: LogStore, config: Config) -> Starlette:
    """Return the viewer over an open log.

    Parameters
    ----------
    store : LogStore
        Only read; the caller closes it.
    config : Config
        Its `web` says who may come in; its `node` and `log` are shown.
    """
    site = Site(store, config)
    errors = _Errors(site)
    return Starlette(
        routes=[
            *live.routes(site),
            *object.routes(site),
            Route("/healthz", _health(site)),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
        ],
        middleware=[Middleware(Guard, settings=config.web)],
        exception_handlers={
            HTTPException: errors.refused,
            ValueError: errors.not_understood,
            LogError: errors.log_failed,
            Exception: errors.failed,
        },
    )


def _health(site: Site) -> Callable[[Request], Response]:
    def healthz(request: Request) -> Response:
        try:
            site.store.newest()
        except LogError:
            return Json({"status": "log unreadable"}, status_code=503)
        return Json({"status": "ok"})

    return healthz


class _Errors:
    """Answers for what went wrong."""

    def __init__(self, site: Site) -> None:
        self._message = site.message

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
