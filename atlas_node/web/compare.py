"""Two series side by side: which private elements differ, vary, or are in one of them alone.

Part of Explore. The UIDs of both series are in the address; where one is missing the page lists the
newest series to choose from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_node.log import ComparedElement, Selection
from atlas_node.log.comparison import Side, counts
from atlas_node.web.operation import (
    ANYTHING,
    COUNT,
    NUMBER,
    TEXT,
    described,
    list_of,
    one_of,
    or_none,
    query,
    record,
)
from atlas_node.web.series import SERIES, series_view
from atlas_node.web.site import Json, Site

_LISTED: Final = 30
OUTCOMES: Final = {
    "differs": "differ",
    "varies": "vary in both",
    "only_a": "only in A",
    "only_b": "only in B",
    "equal": "equal",
}
_SIDE: Final = record(
    vr=TEXT, status=list_of(TEXT), objects=COUNT, different=COUNT,
    values=list_of(list_of(ANYTHING)), least=or_none(NUMBER), most=or_none(NUMBER),
)  # fmt: skip


def routes(site: Site) -> list[Route]:
    """Return the page and its data."""

    def page(request: Request) -> Response:
        asked = dict(request.query_params)
        found = compare_view(site, asked)
        return site.page(request, "compare.html", **found, query=asked, outcomes=OUTCOMES)

    @described(
        "Two series side by side",
        record(
            a=or_none(SERIES), b=or_none(SERIES), asked_a=TEXT, asked_b=TEXT, show=TEXT,
            counts=record(**dict.fromkeys(OUTCOMES, COUNT)),
            elements=list_of(
                record(creator=TEXT, path=TEXT, key=TEXT, name=TEXT, outcome=one_of(*OUTCOMES),
                       a=or_none(_SIDE), b=or_none(_SIDE))
            ),
            recent=list_of(SERIES),
        ),
        query("a", "Series Instance UID."),
        query("b", "Series Instance UID of the other."),
        query("show", f"Which elements: {', '.join(OUTCOMES)}, or all."),
    )  # fmt: skip
    def api(request: Request) -> Response:
        return Json(compare_view(site, request.query_params))

    return [Route("/explore/compare", page), Route("/api/explore/compare", api)]


def compare_view(site: Site, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the elements of two series and how they stand.

    Parameters
    ----------
    asked : mapping of str to str
        ``a`` and ``b``, Series Instance UIDs; ``show``, an outcome or ``all``.

    Raises
    ------
    ValueError
        ``show`` is no outcome.
    """
    uids = [asked.get(side, "").strip() for side in ("a", "b")]
    show = asked.get("show", "") or "differs"
    if show not in (*OUTCOMES, "all"):
        raise ValueError(f"show: expected one of {', '.join(OUTCOMES)}, all")
    a, b = (site.store.series(uid) for uid in uids)
    elements = site.store.compared(*uids) if a and b else ()
    return {
        "a": series_view(a) if a else None,
        "b": series_view(b) if b else None,
        "asked_a": uids[0],
        "asked_b": uids[1],
        "counts": counts(elements),
        "show": show,
        "elements": [_compared(it) for it in elements if show in ("all", it.outcome)],
        "recent": [] if a and b else [series_view(it) for it in site.store.series_with(
            Selection(), _LISTED)],
    }  # fmt: skip


def _compared(element: ComparedElement) -> dict[str, Any]:
    return {
        "creator": element.creator,
        "path": element.path,
        "key": element.key,
        "name": element.name,
        "outcome": element.outcome,
        "a": _side(element.a),
        "b": _side(element.b),
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "vr": side.vr,
        "status": [status.value for status in side.status],
        "objects": side.objects,
        "different": side.different,
        "values": list(side.values),
        "least": side.least,
        "most": side.most,
    }
