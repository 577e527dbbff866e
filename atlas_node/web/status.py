"""The page Status: whether the node keeps up, what it waits for, and what it is made of.

Everything comes from what the processes publish and from the configuration; the page itself calls
nobody. An operator's button asks a destination or an upstream by C-ECHO, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, cast, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.model import ElementStatus
from atlas_node.web.audit import AuditError
from atlas_node.web.operation import (
    COUNT,
    MOMENT,
    NUMBER,
    SWITCH,
    TEXT,
    Schema,
    described,
    list_of,
    one_of,
    or_none,
    query,
    record,
)
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.standing import Answer, Kind, Standing

_SHOWN_ENTRIES: Final = 15
_MOST_ENTRIES: Final = 500

_QUANTILES: Schema = record(count=COUNT, p50=or_none(NUMBER), p95=or_none(NUMBER))
_ANSWER: Schema = record(at=MOMENT, ok=SWITCH, detail=TEXT, milliseconds=COUNT)
_PEER: dict[str, Schema] = {
    "name": TEXT, "ae_title": TEXT, "host": TEXT, "port": COUNT, "tls": SWITCH,
    "asked": or_none(_ANSWER),
}  # fmt: skip
_ENTRY: Schema = record(
    at=TEXT, node=TEXT, who=TEXT, role=TEXT, how=TEXT, address=TEXT, action=TEXT, subject=TEXT,
    detail=TEXT, change=TEXT, stage=one_of("", "intent", "outcome"),
)  # fmt: skip
STATUS: Schema = record(
    at=MOMENT,
    version=TEXT,
    running=SWITCH,
    started_at=or_none(MOMENT),
    node=record(ae_title=TEXT, host=TEXT, port=COUNT, workers=COUNT, tls=SWITCH),
    last_minute=record(objects=NUMBER, bytes=NUMBER, delivered=NUMBER, recorded=NUMBER),
    history=list_of(
        record(at=MOMENT, objects=COUNT, bytes=COUNT, delivered=COUNT, recorded=COUNT)
    ),
    latency=record(receive=_QUANTILES, delivery=_QUANTILES, record=_QUANTILES),
    elements=record(**{it.value: COUNT for it in ElementStatus}),
    spool=record(
        state=one_of("ok", "full", "unreadable"), objects=COUNT, bytes=COUNT,
        free_bytes=or_none(COUNT), max_objects=COUNT, max_bytes=COUNT, min_free_bytes=COUNT,
    ),
    log=record(
        place=TEXT, error=TEXT, newest=COUNT, waiting=COUNT, lag_seconds=NUMBER,
        values=one_of("full", "masked", "none"), retention_days=COUNT,
    ),
    destinations=list_of(
        record(
            **_PEER, reachable=or_none(SWITCH), answered_at=or_none(MOMENT),
            failed_at=or_none(MOMENT), failure=TEXT, waiting=COUNT, retrying=COUNT, dead=COUNT,
        )
    ),
    upstreams=list_of(record(**_PEER)),
    dictionary=record(
        error=TEXT, entries=COUNT,
        layers=list_of(record(file=TEXT, format=TEXT, checksum=TEXT, entries=COUNT)),
    ),
    processes=list_of(
        record(
            name=TEXT, pid=COUNT, state=one_of("serving", "silent", "ended"), version=TEXT,
            started_at=MOMENT, at=MOMENT,
        )
    ),
)  # fmt: skip


def routes(site: Site) -> list[Route]:
    """Return the page, the part of it that changes, its data, and the button."""
    standing = Standing(site)

    def shown(request: Request) -> dict[str, Any]:
        visitor = request.state.visitor
        view = standing.view()
        return view | {
            "status": view,
            "can_ask": standing.can_ask and visitor.may_change,
            "charts": [
                chart("Received", "objects", view["history"]),
                chart("Delivered", "delivered", view["history"]),
            ],
        }

    def page(request: Request) -> Response:
        return site.page(request, "status.html", **shown(request), **trail(request))

    def parts(request: Request) -> Response:
        return site.page(request, "status_parts.html", **shown(request))

    def trail(request: Request) -> dict[str, Any]:
        if not request.state.visitor.may_change:
            return {"trail": None, "trail_error": ""}
        try:
            return {"trail": site.trail.newest(_SHOWN_ENTRIES), "trail_error": ""}
        except AuditError as error:
            return {"trail": None, "trail_error": str(error)}

    @described("Whether the node keeps up, and what it is made of", STATUS)
    def api_status(request: Request) -> Response:
        return Json(standing.view())

    @described(
        "The audit trail: changes and sign-ins, the newest first; for operators",
        record(entries=list_of(_ENTRY)),
        query("limit", f"At most so many, up to {_MOST_ENTRIES}.", COUNT),
    )
    def api_audit(request: Request) -> Response:
        if not request.state.visitor.may_change:
            raise HTTPException(403, "Only an operator may see the audit trail.")
        limit = whole_number(request.query_params, "limit", 100, _MOST_ENTRIES)
        return Json({"entries": [asdict(it) for it in site.trail.newest(limit)]})

    def asked(request: Request) -> Answer:
        kind, name = _one_peer(request)
        with site.audited(request, "peer.echo", f"{kind} {name}") as said:
            answer = standing.ask(kind, name)
            said.append("answered" if answer.ok else answer.detail)
        return answer

    def ask(request: Request) -> Response:
        asked(request)
        return RedirectResponse("/status#peers", status_code=303)

    @described(
        "Ask a destination or an upstream by C-ECHO",
        _ANSWER,
        form=record(kind=one_of("destination", "upstream"), name=TEXT),
    )
    def api_ask(request: Request) -> Response:
        return Json(asdict(asked(request)))

    return [
        Route("/status", page),
        Route("/status/parts", parts),
        Route("/status/echo", site.change(ask), methods=["POST"]),
        Route("/api/status", api_status),
        Route("/api/status/echo", site.change(api_ask), methods=["POST"]),
        Route("/api/audit", api_audit),
    ]


def _one_peer(request: Request) -> tuple[Kind, str]:
    kind, name = str(request.state.form.get("kind", "")), str(request.state.form.get("name", ""))
    if kind not in get_args(Kind):
        raise ValueError("kind: expected destination or upstream")
    return cast(Kind, kind), name


def chart(title: str, field: str, history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return bars of one number of each interval, in percent of width and height."""
    most = max((it[field] for it in history), default=0)
    width = 100 / len(history) if history else 0
    return {
        "title": title,
        "most": most,
        "bars": [
            {
                "x": round(place * width, 3),
                "width": round(width * 0.8, 3),
                "height": round(40 * it[field] / most, 2),
                "count": it[field],
                "at": it["at"],
            }
            for place, it in enumerate(history)
            if it[field]
        ],
    }
