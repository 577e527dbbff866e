"""The description of the HTTP API: OpenAPI 3.1 at /api/openapi.json, and for people at /api.

It is gathered from what stands above each endpoint (`operation.described`), so that description
and endpoint cannot part; a test fails when an endpoint has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from atlas_node import __version__
from atlas_node.web.operation import (
    ANYTHING,
    TEXT,
    Operation,
    Schema,
    described,
    map_of,
    operation_of,
    record,
)
from atlas_node.web.site import Json, Site

_CONVERTER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_ERROR: Final[Schema] = record(error=TEXT)
_CSRF: Final = {
    "name": "X-CSRF-Token",
    "in": "header",
    "required": False,
    "description": "Of /api/visitor; a bearer token needs none.",
    "schema": TEXT,
}
_REFUSALS: Final = {
    400: "Something in the address or the form cannot be understood.",
    401: "Sign in first.",
    403: "Not for this visitor, or the CSRF token is missing or wrong.",
    404: "There is no such thing.",
    409: "It stands in the way of something else just now.",
    413: "The form is too long.",
    415: "The form is of another kind.",
    429: "Too many attempts with wrong credentials.",
    501: "This viewer stands alone and cannot do it.",
    503: "The log, the dictionary or the audit trail cannot be used.",
}


def routes(site: Site, others: Iterable[BaseRoute]) -> list[Route]:
    """Return the description and its page; `others` are the routes that it describes."""

    @described(
        "This description",
        record(
            {"tags": ANYTHING}, openapi=TEXT, info=map_of(ANYTHING), paths=map_of(ANYTHING),
            components=map_of(ANYTHING), security=ANYTHING,
        ),
    )  # fmt: skip
    def api_description(request: Request) -> Response:
        return Json(document)

    def page(request: Request) -> Response:
        return site.page(
            request,
            "api.html",
            operations=list(_listed(document)),
            base=str(request.base_url).rstrip("/"),
        )

    own = [Route("/api/openapi.json", api_description), Route("/api", page)]
    document = description([*others, *own])
    return own


def description(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI document of all routes under /api."""
    paths: dict[str, dict[str, Any]] = {}
    for route in api_routes(routes):
        operation = operation_of(route.endpoint)
        if operation is None:
            continue
        path = _CONVERTER.sub(r"{\1}", route.path)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(path, {})[method.lower()] = _described(operation, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Atlas Node",
            "version": __version__,
            "description": "What the pages of the viewer show, as data.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        # Where nobody need sign in, neither is asked for.
        "security": [{}, {"token": []}, {"password": []}],
    }


def api_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Yield the routes under /api."""
    for route in routes:
        if isinstance(route, Route) and route.path.startswith("/api/"):
            yield route


def _described(operation: Operation, method: str) -> dict[str, Any]:
    content = {"application/json": {"schema": operation.answer}}
    content |= {kind: {"schema": TEXT} for kind in operation.kinds}
    answer: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [
            {
                "name": it.name,
                "in": it.where,
                "required": it.where == "path",
                "description": it.meaning,
                "schema": it.schema,
            }
            for it in operation.parameters
        ],
        "responses": {"200": {"description": operation.summary + ".", "content": content}},
    }
    refusals = {400, 401, 403, 404, 429, 503}
    if method != "GET":
        refusals |= {409, 413, 415, 501}
        answer["parameters"].append(_CSRF)
        form = {"schema": operation.form or record()}
        answer["requestBody"] = {
            "required": True,
            "content": {"application/json": form, "application/x-www-form-urlencoded": form},
        }
    for code in sorted(refusals):
        answer["responses"][str(code)] = {
            "description": _REFUSALS[code],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    return answer


def _listed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each operation."""
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            form = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            yield {
                "method": method.upper(),
                "path": path,
                "link": path if method == "get" and "{" not in path else "",
                "summary": operation["summary"],
                "parameters": [
                    {"name": it["name"], "meaning": it["description"].replace("`", "")}
                    for it in operation["parameters"]
                    if it["in"] != "header"
                ],
                "fields": list(form.get("schema", {}).get("properties", {})),
            }
