"""What every page of the viewer has at hand: log, configuration, dictionary, templates.

`create_app` makes one `Site`; each page module takes it and returns its routes. The rule: a page
is a function of a request that returns HTML, its twin under /api returns the same data as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from atlas_dictionary import Dictionary, open_layers
from atlas_node.config import Config
from atlas_node.log import LogStore, visible
from atlas_node.web.rendering import environment

PAGES: Final = (
    ("/", "Live"),
    ("/explore", "Explore"),
    ("/coverage", "Coverage"),
    ("/dictionary", "Dictionary"),
    ("/deliveries", "Deliveries"),
    ("/status", "Status"),
)
"""Address and name of each page of the main navigation."""

_WILDCARD_HOSTS: Final = {"0.0.0.0", "::"}  # noqa: S104 (compared with, not listened on)


class Json(JSONResponse):
    """JSON in ASCII alone: what a value has of control characters and surrogates is escaped."""

    def render(self, content: Any) -> bytes:
        """Encode `content`."""
        return json.dumps(content, allow_nan=False).encode("ascii")


class Site:
    """What the pages share.

    Parameters
    ----------
    store : LogStore
        Only read; who made the site closes it.
    config : Config
    """

    def __init__(self, store: LogStore, config: Config) -> None:
        self.store = store
        self.config = config
        self._templates = environment()
        self._templates.globals["pages"] = PAGES

    @cached_property
    def dictionary(self) -> Dictionary:
        """The dictionary of the node, as its configuration lists it.

        Raises
        ------
        DictionaryError
            When one of its files cannot be used.
        """
        return open_layers(self.config.dictionary.paths, {})

    def page(self, request: Request, template: str, code: int = 200, **data: Any) -> Response:
        """Return a page.

        Parameters
        ----------
        request : Request
        template : str
            Name of a file in templates/.
        code : int
            Status of HTTP.
        **data
            What the template shows.
        """
        node = self.config.node
        host = request.url.hostname if node.host in _WILDCARD_HOSTS else node.host
        page = self._templates.get_template(template).render(
            data,
            code=code,
            path=request.url.path,
            ae_title=node.ae_title,
            host=host or node.host,
            port=node.port,
            values_kept=self.config.log.values,
        )
        return HTMLResponse(page, status_code=code)

    def message(self, request: Request, code: int, message: str) -> Response:
        """Return one sentence as a page, or as JSON under /api."""
        if request.url.path.startswith("/api/"):
            return Json({"error": visible(message)}, status_code=code)
        return self.page(request, "message.html", code, message=message)


def whole_number(query: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """Return a number of a URL, `default` where it is not given.

    Raises
    ------
    ValueError
        When it is no whole number from 1 to `largest`.
    """
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= largest:
        raise ValueError(f"{name}: expected a whole number from 1 to {largest}")
    return int(text)
