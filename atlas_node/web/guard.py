"""Who may open the viewer, and what a browser may do with a page.

Stands before the whole application. It finds out who the visitor is and turns away who must sign
in first; without users it answers only to loopback names, so that no page of a stranger can reach
it through a name that resolves to this machine. A change that another site sends is refused. Every
answer forbids inline script, framing, caching and the passing on of addresses, which can hold a
patient's identifier.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atlas_node.config import WebSettings
from atlas_node.web.access import Access, TooManyAttemptsError

Note = Callable[[Request, None, str, str, str], None]

_TOO_MANY = "too many attempts"
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_COME_AGAIN = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0">'
    "<title>Atlas Node</title>"
)
_OPEN_PATHS = {"/healthz", "/readyz", "/login"}
"""What tells nothing: load balancers have no password, and nobody has before signing in."""

_ASKED_BY_PAGES = {
    "/events", "/objects", "/deliveries/standing", "/deliveries/queue", "/status/parts",
}  # fmt: skip
"""What an open page asks for by itself: it keeps no session from becoming idle."""

_STATIC = "/static/"
_VERSIONED = re.compile(r"-\d+\.\d+\.\d+\.")


class Guard:
    """ASGI middleware around the application.

    Parameters
    ----------
    app : ASGIApp
    settings : WebSettings
    access : Access
        Who may come in.
    note : callable
        Writes into the audit trail that a request was refused: action, subject and detail.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings, access: Access, note: Note) -> None:
        self._app = app
        self._settings = settings
        self._access = access
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caching = _caching(scope["path"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), caching)
            await send(message)

        refusal = await self._refusal(scope, Headers(scope=scope))
        answer = self._app if refusal is None else refusal
        await answer(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Return why a request is not passed on; `scope` gets its visitor."""
        state = scope.setdefault("state", {})
        state["visitor"] = None
        path: str = scope["path"]
        open_path = path in _OPEN_PATHS or path.startswith(_STATIC)
        if self._access.open_to_all and not open_path and not self._names_this_machine(headers):
            return _refused(
                path,
                403,
                "The viewer has no users and answers only on this machine: open it as "
                f"127.0.0.1:{self._settings.port}, or set web.users.",
            )
        if scope["method"] not in _SAFE_METHODS and self._is_foreign(headers):
            return _refused(
                path,
                403,
                "A page of another origin sent this: nothing was changed. Where a proxy stands "
                "before the viewer, set web.origin to the address that browsers use.",
            )
        address = (scope.get("client") or ("",))[0]
        authorization = "" if open_path else headers.get("authorization", "")
        try:
            state["visitor"] = await self._access.visitor(
                cookie_parser(headers.get("cookie", "")),
                authorization,
                address,
                in_use=path not in _ASKED_BY_PAGES,
            )
        except TooManyAttemptsError as error:
            await self._note_refusal(scope, authorization, _TOO_MANY)
            answer = _refused(
                path, 429, f"Too many attempts with wrong credentials; try again in {error.wait} s."
            )
            answer.headers["Retry-After"] = str(error.wait)
            return answer
        if state["visitor"] is None and not open_path:
            if authorization:
                await self._note_refusal(scope, authorization, "")
            return _sign_in_first(scope, headers)
        return None

    async def _note_refusal(self, scope: Scope, authorization: str, detail: str) -> None:
        """Have a refusal written down; so seldom that the trail cannot be filled with them."""
        request = Request(scope)
        address = request.client.host if request.client else ""
        if self._access.refusal_is_to_be_noted(address, detail):
            subject = self._access.claimed(authorization)
            await run_in_threadpool(self._note, request, None, "sign-in refused", subject, detail)

    def _names_this_machine(self, headers: Headers) -> bool:
        name = _host_name(headers.get("host", ""))
        return name in _LOOPBACK | {_bracketed(self._settings.host.lower())}

    def _is_foreign(self, headers: Headers) -> bool:
        """Whether a browser says that a page of another origin sent the request.

        Browsers give Origin with whatever is not GET or HEAD (Fetch 3.2), and Sec-Fetch-Site where
        they trust the connection; a program gives neither.
        """
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return True
        origin = headers.get("origin")
        if origin is None:
            return False
        if self._settings.origin is not None:
            return origin.lower() != self._settings.origin
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def add_security_headers(headers: MutableHeaders, caching: str = "no-store") -> None:
    """Add to an answer what limits a browser, where it does not say otherwise itself."""
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", caching)


def _caching(path: str) -> str:
    """Return how long a browser may keep an answer; a page may hold patients' values."""
    if not path.startswith(_STATIC):
        return "no-store"
    # A name with a version in it never changes its content.
    return "max-age=31536000, immutable" if _VERSIONED.search(path) else "no-cache"


def _sign_in_first(scope: Scope, headers: Headers) -> Response:
    """Return what somebody unknown gets: the way to the login page, or 401 for a program."""
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        if headers.get("sec-fetch-site") == "cross-site":
            # Who followed a link from elsewhere may be signed in: the browser keeps a strict cookie
            # back from that request, and sends it with the next, which the page itself makes.
            return HTMLResponse(_COME_AGAIN)
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"]) + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)
    answer = _refused(
        scope["path"],
        401,
        "Sign in first: with a user of web.users or web.auth (HTTP basic authentication), or with "
        "a token of web.tokens (Authorization: Bearer).",
    )
    if "hx-request" in headers:
        page = urlsplit(headers.get("hx-current-url", "/"))
        wanted = page.path + (f"?{page.query}" if page.query else "")
        answer.headers["HX-Redirect"] = f"/login?next={quote(wanted, safe='/')}"
    # A browser would ask for the password in a window of its own, and send it from then on.
    browser = {"hx-request", "sec-fetch-mode", "origin"} & set(headers.keys())
    if not browser and "text/event-stream" not in headers.get("accept", ""):
        answer.headers.append("WWW-Authenticate", 'Basic realm="Atlas Node", charset="UTF-8"')
    answer.headers.append("WWW-Authenticate", 'Bearer realm="Atlas Node"')
    return answer


def _refused(path: str, code: int, why: str) -> Response:
    if path.startswith("/api/"):
        return JSONResponse({"error": why}, status_code=code)
    return PlainTextResponse(f"{why}\n", status_code=code)


def _host_name(host: str) -> str:
    """Return the Host header without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
