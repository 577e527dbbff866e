"""Signing in and out with a browser: the page, and the cookie that it gives.

The cookie cannot be read by script, is sent by no other site, and over HTTPS alone where the
viewer is served by it. A sign-in that fails is as slow as one that succeeds, and both are in the
audit trail.
"""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.web.access import Access, TooManyAttemptsError, Visitor
from atlas_node.web.change import read_form
from atlas_node.web.operation import TEXT, described, one_of, record
from atlas_node.web.site import Json, Site

_FAILED = "Name and password do not fit."

_VISITOR = record(
    name=TEXT, role=one_of("viewer", "operator"),
    how=one_of("local", "session", "token", "basic"), csrf=TEXT,
)  # fmt: skip


def routes(site: Site) -> list[Route]:
    """Return the page, and where its forms go."""
    access = site.access

    def page(request: Request) -> Response:
        wanted = local_target(request.query_params.get("next", ""))
        if request.state.visitor is not None:
            return RedirectResponse(wanted, status_code=303)
        return site.page(request, "login.html", next=wanted)

    async def sign_in(request: Request) -> Response:
        form = await read_form(request)
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        wanted = local_target(str(form.get("next", "")))
        address = request.client.host if request.client else ""
        try:
            role = await access.role_of(name, password, address)
        except TooManyAttemptsError as error:
            if access.refusal_is_to_be_noted(address, "too many attempts"):
                known = name if access.knows(name) else "unknown user"
                site.note(request, None, "sign-in refused", known, "too many attempts")
            said = f"Too many attempts. Try again in {error.wait} s."
            answer = site.page(request, "login.html", 429, next=wanted, name=name, said=said)
            answer.headers["Retry-After"] = str(error.wait)
            return answer
        if role is None:
            # A password may stand in the field of the name: who is not known is not written down.
            known = name if access.knows(name) else ""
            site.note(request, None, "sign-in refused", known or "unknown user")
            return site.page(request, "login.html", 403, next=wanted, name=name, said=_FAILED)
        site.note(request, Visitor(name, role, "session", ""), "sign-in", name)
        answer = RedirectResponse(wanted, status_code=303)
        _end_session(request, access)
        answer.set_cookie(
            access.cookie,
            access.sessions.open(name, role),
            httponly=True,
            secure=access.secure,
            samesite="strict",
        )
        return answer

    def sign_out(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        site.note(request, visitor, "sign-out", visitor.name)
        _end_session(request, access)
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(access.cookie, httponly=True, secure=access.secure, samesite="strict")
        return answer

    @described("Who is asking, and what a change must give", _VISITOR)
    def api_visitor(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        return Json(asdict(visitor))

    return [
        Route("/login", page),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", site.change(sign_out, by_anyone=True), methods=["POST"]),
        Route("/api/visitor", api_visitor),
    ]


def local_target(target: str) -> str:
    """Return where to go after signing in: a page of the viewer, whatever the address says."""
    if not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable():
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc or parts.path == "/login" else target


def _end_session(request: Request, access: Access) -> None:
    access.sessions.close(request.cookies.get(access.cookie, ""))
