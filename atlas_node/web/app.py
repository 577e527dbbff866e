"""The application: the pages' routes, the guard before them, and errors as pages or JSON."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from atlas_dictionary import DictionaryError
from atlas_node.config import Config
from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.web import (
    compare,
    coverage,
    deliveries,
    dictionary,
    entry,
    events,
    explore,
    health,
    live,
    login,
    metrics,
    object,
    openapi,
    status,
    values,
)
from atlas_node.web.audit import AuditError
from atlas_node.web.guard import Guard, add_security_headers
from atlas_node.web.means import NO_MEANS, Means
from atlas_node.web.site import Site
from atlas_node.web.site_dictionary import SiteDictionaryError

_STATIC = Path(__file__).with_name("static")


def create_app(store: LogStore, config: Config, means: Means = NO_MEANS) -> Starlette:
    """Return the viewer over an open log.

    Parameters
    ----------
    store : LogStore
        Only read; the caller closes it.
    config : Config
        Its `web` says who may come in; its `node` and `log` are shown.
    means : Means
        What the viewer can do to the node that it belongs to.
    """
    site = Site(store, config, means)
    errors = _Errors(site)
    log_events = events.LogEvents(store)
    pages: list[Route] = [
        *live.routes(site),
        *object.routes(site),
        *events.routes(log_events),
        *login.routes(site),
        *explore.routes(site),
        *values.routes(site),
        *compare.routes(site),
        *coverage.routes(site),
        *entry.routes(site),
        *dictionary.routes(site),
        *deliveries.routes(site),
        *status.routes(site),
        *metrics.routes(site),
        *health.routes(site),
    ]
    app = Starlette(
        routes=[
            *pages,
            *openapi.routes(site, pages),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
        ],
        middleware=[Middleware(Guard, settings=config.web, access=site.access, note=site.note)],
        exception_handlers={
            HTTPException: errors.refused,
            ValueError: errors.not_understood,
            LogError: errors.log_failed,
            AuditError: errors.audit_failed,
            DictionaryError: errors.dictionary_failed,
            SiteDictionaryError: errors.dictionary_failed,
            Exception: errors.failed,
        },
    )
    app.state.site = site
    app.state.log_events = log_events
    return app


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

    def audit_failed(self, request: Request, error: Exception) -> Response:
        """Answer when a change cannot be written into the audit trail."""
        return self._message(request, 503, f"{str(error)[:1].upper()}{str(error)[1:]}.")

    def dictionary_failed(self, request: Request, error: Exception) -> Response:
        """Answer when a dictionary of the configuration cannot be used."""
        return self._message(request, 503, f"The dictionary cannot be used: {error}.")

    def failed(self, request: Request, error: Exception) -> Response:
        """Answer for a fault of ours; the process log has its traceback."""
        answer = self._message(request, 500, "The viewer failed; the node's own log says why.")
        # This answer does not pass the guard.
        add_security_headers(answer.headers)
        return answer
