"""Who may open the review: the browser that has the key, on this machine, from our own page.

Stands before every route of `app`. The address printed at the start carries the key, which
becomes a cookie; other users of the machine have neither. Names that are not loopback are refused,
so that no stranger's page reaches us through a name that resolves here; a request that changes
something must carry a header that only our own script sends. No answer may load anything from
elsewhere or run inline script.
"""

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_LONGEST_BODY = 1 << 18
CHANGE_HEADER = "X-Atlas-Review"


class Guard:
    """ASGI middleware around the application.

    Parameters
    ----------
    app : ASGIApp
    key : str
        What the address must carry.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """Give the answer of the guard itself; None lets the request pass."""
        headers = Headers(scope=scope)
        name, _, port = headers.get("host", "").strip().lower().partition(":")
        if name not in _LOOPBACK:
            return _refusal("The review answers on this machine only, as 127.0.0.1.")
        cookie = f"atlas_review_{port or 80}"
        if scope["path"] == "/" and (given := QueryParams(scope["query_string"]).get("key")):
            if not self._is_key(given):
                return _refusal("This key is of another review: use the address it printed.")
            entry = RedirectResponse("/", status_code=303)
            entry.set_cookie(cookie, self._key, httponly=True, samesite="strict")
            return entry
        if not self._is_key(_cookie(headers.get("cookie", ""), cookie)):
            return _refusal("Open the review with the address that atlas-scrape printed.")
        if scope["method"] in ("GET", "HEAD"):
            return None
        if headers.get(CHANGE_HEADER) != "1" or headers.get("sec-fetch-site") == "cross-site":
            return _refusal("Only the review's own page may change it.")
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length[:12]) > _LONGEST_BODY:
            return PlainTextResponse("The request is too long.\n", status_code=413)
        return None

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._key.encode())


def new_key() -> str:
    """Give a key that nobody guesses."""
    return secrets.token_urlsafe(24)


def _cookie(header: str, name: str) -> str:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _refusal(reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", status_code=403)
