"""What every change goes through: an operator, a token against forgery, and the audit trail.

`Site.change` wraps the endpoint of each request that is not safe (RFC 9110 9.2.1) with `changing`.
"""

from __future__ import annotations

import functools
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from atlas_node.web.audit import AuditTrail

PlainEndpoint = Callable[[Request], Response]
Endpoint = PlainEndpoint | Callable[[Request], Awaitable[Response]]

_LONGEST_BODY: Final = 2**20
_MOST_FIELDS: Final = 2000


def changing(
    endpoint: Endpoint, trail: AuditTrail, *, by_anyone: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that calls `endpoint` for an operator whose request is no forgery.

    `request.state.form` has then the fields of the form, or of the JSON object, that was sent.

    Parameters
    ----------
    endpoint : callable
        Of starlette, plain or async.
    trail : AuditTrail
        Must be writable, or nothing is changed.
    by_anyone : bool
        A viewer may do it, too, and it goes without the trail: what changes is its own session.

    Raises
    ------
    HTTPException
        403: a viewer, or the token is missing or wrong; 400, 413, 415: the body is no form.
    AuditError
        The trail cannot be written; nothing was changed.
    """

    @functools.wraps(endpoint)
    async def changed(request: Request) -> Response:
        visitor = request.state.visitor
        if not (visitor.may_change or by_anyone):
            raise HTTPException(
                403, f"{visitor.name} is a viewer: only an operator may change something."
            )
        form = await read_form(request)
        given = str(request.headers.get("x-csrf-token") or form.get("csrf") or "")
        if visitor.csrf and not hmac.compare_digest(_bytes(given), _bytes(visitor.csrf)):
            raise HTTPException(
                403,
                "Nothing was changed: the page is older than this session or the node's "
                "start. Load it again, and repeat the change.",
            )
        if not by_anyone:
            trail.check()
        request.state.form = form
        if iscoroutinefunction(endpoint):
            answer: Response = await endpoint(request)
            return answer
        return await run_in_threadpool(cast(PlainEndpoint, endpoint), request)

    return changed


async def read_form(request: Request) -> FormData:
    """Return the fields of a form, or of a JSON object, in the body of a request.

    Raises
    ------
    HTTPException
        It is too long, of another kind, or malformed.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise HTTPException(413, f"The form is longer than {_LONGEST_BODY // 2**20} MiB.")
    if not body:
        return FormData()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    fields: list[tuple[str, str | UploadFile]]
    try:
        if kind == "application/x-www-form-urlencoded":
            text = body.decode("ascii")
            fields = [*parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)]
            return FormData(fields)
        if kind == "application/json":
            fields = [*_items(json.loads(body))]
            return FormData(fields)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The form cannot be read.") from None
    raise HTTPException(
        415, "Expected application/x-www-form-urlencoded, or a JSON object (application/json)."
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _items(thing: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields of a JSON object; a list gives its field several times."""
    if not isinstance(thing, dict):
        raise ValueError("no object")
    for name, value in thing.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, bool):
                yield name, str(item).lower()
            elif isinstance(item, str | int):
                yield name, str(item)
            elif item is not None:
                raise ValueError(f"{name}: expected text, a whole number or a list of them")
