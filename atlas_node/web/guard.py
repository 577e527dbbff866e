"""Who may open the viewer, and what a browser may do with a page.

Stands before every route of `app`. With `web.auth` it asks for HTTP basic authentication
(RFC 7617); without, it answers only to loopback names, so that no page of a stranger can reach it
through a name that resolves to this machine. Every answer forbids inline script, framing, caching
and the passing on of addresses, which can hold a patient's identifier.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atlas_node.config import WebSettings

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
_OPEN_PATHS = {"/healthz"}  # tells nothing, and load balancers have no password


class Guard:
    """ASGI middleware around the application.

    Parameters
    ----------
    app : ASGIApp
    settings : WebSettings
        Its `host` and `auth` say who may come in.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["path"])
        answer = self._app if refusal is None else refusal
        await answer(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, path: str) -> Response | None:
        if path in _OPEN_PATHS:
            return None
        if self._settings.auth is None:
            name = _host_name(headers.get("host", ""))
            if name in _LOOPBACK | {_bracketed(self._settings.host.lower())}:
                return None
            return PlainTextResponse(
                "The viewer has no password and answers only on this machine: open it as "
                f"127.0.0.1:{self._settings.port}, or set web.auth.\n",
                status_code=403,
            )
        if self._may_enter(headers.get("authorization", "")):
            return None
        return PlainTextResponse(
            "The viewer asks for the user and password of web.auth.\n",
            status_code=401,
            headers={"WWW-Authenticate": 'Basic realm="Atlas Node", charset="UTF-8"'},
        )

    def _may_enter(self, authorization: str) -> bool:
        auth = self._settings.auth
        scheme, _, credentials = authorization.partition(" ")
        if auth is None or scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        # Both are compared, in constant time, so that the time tells neither.
        known_user = hmac.compare_digest(user, auth.user.encode())
        known_password = hmac.compare_digest(password, auth.password.get_secret_value().encode())
        return known_user and known_password


def _host_name(host: str) -> str:
    """Return the Host header without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
