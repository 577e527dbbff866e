"""The live page: objects as they arrive, newest first, with filters in the URL.

`events` tells the open page that there is something new, and it asks for the part that changes.
Without script the page loads itself again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.log import LogFilter, LogStore
from atlas_node.model import ElementStatus
from atlas_node.web.operation import COUNT, SWITCH, TEXT, described, list_of, or_none, query, record
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.summary import OBJECT, object_summary

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
_DAY = 86_400.0
_LONGEST_NAME = 60
_FILTERS = (
    ("calling_ae", "From AE", "MR1"),
    ("patient_id", "Patient ID", ""),
    ("study_uid", "Study UID", "1.2.840…"),
    ("series_uid", "Series UID", "1.2.840…"),
    ("sop_uid", "SOP instance UID", "1.2.840…"),
    ("modality", "Modality", "MR"),
    ("manufacturer", "Manufacturer", "Siemens"),
    ("since", "Since", "2h, 7d or 2026-03-01"),
    ("until", "Until", "30m or 2026-03-01"),
    ("creator", "Creator", "SIEMENS*"),
    ("tag", "Tag or key", "0019,100a or 0019,xx0a"),
    ("name", "Element name", "b-value"),
    ("vr", "VR", "US"),
    ("status", "Element status", ""),
)
_MEANINGS = {
    "calling_ae": "AE title of the sender; `*` stands for any text.",
    "patient_id": "Patient ID, exactly so.",
    "study_uid": "Study Instance UID, exactly so.",
    "series_uid": "Series Instance UID, exactly so.",
    "sop_uid": "SOP Instance UID, exactly so.",
    "modality": "Modality; `*` stands for any text.",
    "manufacturer": "Part of the manufacturer.",
    "since": "A time such as 2026-03-01T08:30, or an age such as 30m, 2h or 7d.",
    "until": "As `since`: objects received before this time; of a date, to the end of that day.",
    "creator": "Private creator of an element; `*` stands for any text.",
    "tag": "Tag such as 0019,100a, or key such as 0019,xx0a, of an element.",
    "name": "Part of the name of an element.",
    "vr": "VR of an element after annotation.",
    "status": f"Of an element: {', '.join(ElementStatus)}.",
}
_CONDITIONS = (*(name for name, _, _ in _FILTERS), "object_id")
_OF_THE_PAGE = ("state", "paused", "before")
"""Parameters that say how the page is shown, and not what."""

_ASKED_OF_API = (*_CONDITIONS, "before", "limit")
_ASKED_OF_PAGE = (*_ASKED_OF_API, "state", "paused")


def routes(site: Site) -> list[Route]:
    """Return the page, the part of it that changes, and its data."""
    store = site.store

    def live(request: Request) -> Response:
        query = dict(request.query_params)
        refuse_unknown(query, _ASKED_OF_PAGE)
        if not all(query.values()):
            # A form sends its empty fields too; addresses are for people.
            filled = urlencode({name: text for name, text in query.items() if text})
            return RedirectResponse(f"/?{filled}" if filled else "/", status_code=303)
        return site.page(request, "live.html", **_shown(store, query))

    def objects(request: Request) -> Response:
        refuse_unknown(request.query_params, _ASKED_OF_PAGE)
        if request.query_params.get("state") == store.state():
            return Response(status_code=204)  # htmx leaves the page as it is
        return site.page(request, "objects.html", **_shown(store, dict(request.query_params)))

    @described(
        "The newest objects",
        record(
            objects=list_of(record(**OBJECT)),
            next=or_none(COUNT),
            last_day=record(objects=COUNT, private=COUNT, **dict.fromkeys(ElementStatus, COUNT)),
            log_empty=SWITCH,
            state=TEXT,
        ),
        *(query(name, _MEANINGS[name]) for name, _, _ in _FILTERS),
        query("object_id", "Identifier of one object."),
        query("before", "The `next` of the page before.", COUNT),
        query("limit", f"At most so many, up to {MAX_PAGE_SIZE}.", COUNT),
    )
    def api_objects(request: Request) -> Response:
        refuse_unknown(request.query_params, _ASKED_OF_API)
        return Json(objects_view(store, request.query_params))

    return [
        Route("/", live),
        Route("/objects", objects),
        Route("/api/objects", api_objects),
    ]


def objects_view(store: LogStore, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the newest objects that fit the conditions of a URL.

    Parameters
    ----------
    query : mapping of str to str
        Fields of `LogFilter`; ``before``, the ``seq`` of the last object of the page before; and
        ``limit``.

    Returns
    -------
    dict
        ``objects``; ``next``, what to give as ``before`` for the next page, or None; ``last_day``,
        the totals of the last 24 hours; ``log_empty``; ``state``, which changes with the log.

    Raises
    ------
    ValueError
        A condition cannot be understood.
    """
    wanted = LogFilter.from_text(query)
    limit = whole_number(query, "limit", PAGE_SIZE, MAX_PAGE_SIZE)
    before = whole_number(query, "before", 0, 2**62) or None
    state = store.state()
    found = store.objects(wanted, limit + 1, before)
    totals = store.totals(LogFilter(since=time.time() - _DAY))
    return {
        "objects": [object_summary(thing) for thing in found[:limit]],
        "next": found[limit - 1].seq if len(found) > limit else None,
        "last_day": {
            "objects": totals.objects,
            "private": totals.private,
            **{status.value: count for status, count in totals.by_status.items()},
        },
        "log_empty": not found and store.newest() == 0,
        "state": state,
    }


def refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a condition that there is not: left aside, everything would seem to fulfil it.

    Raises
    ------
    ValueError
        A parameter is not in `known`; the message names it, and those that are.
    """
    for name in query:
        if name not in known:
            shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
            raise ValueError(f"{shown}: there is no such condition, only {', '.join(known)}")


def _shown(store: LogStore, given: Mapping[str, str]) -> dict[str, Any]:
    query = {name: text for name, text in given.items() if name not in _OF_THE_PAGE}
    return objects_view(store, given) | {
        "query": query,
        "filters": _FILTERS,
        "conditions": [(label, name) for name, label, _ in _FILTERS if name in query],
        "paused": "paused" in given,
        "older": "before" in given,
    }
