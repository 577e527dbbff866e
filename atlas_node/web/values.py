"""The values of one element, plotted over the objects of a series or over time; part of Explore.

Over a series every object is read, over time the objects that some series began with. By what is
plotted is the choice of the address: the order, the time, or another element of the same objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_node.log import Point, Selection, parse_tag, value_text, visible
from atlas_node.web.explore import SELECTION, TITLES, selected
from atlas_node.web.operation import (
    ANYTHING,
    COUNT,
    MOMENT,
    NUMBER,
    SWITCH,
    TEXT,
    described,
    list_of,
    map_of,
    one_of,
    or_none,
    query,
    record,
)
from atlas_node.web.plot import COMPONENTS, Item, draw, number_of
from atlas_node.web.rendering import link
from atlas_node.web.series import SERIES, series_view
from atlas_node.web.site import Json, Site
from atlas_node.web.summary import iso

_SERIES: Final = 30
_RUNS: Final = 100
_LISTED: Final = 200
_SHORT: Final = 120
_MOSTLY: Final = 0.9
"""Share of values that must be numbers for the others to be left out of a plot of numbers."""

_DRAWN: Final = 3000
_UNIT: Final = re.compile(
    r"[\[(]\s*(mm/s|cm/s|mm2|mm\^2|s/mm2|mGy\*?cm|mGy|mSv|mAs|mA|uA|kVp?|mV|mm|cm|um|msec|ms|usec"
    r"|us|sec|s|min|kHz|MHz|Hz|mT/m|mT|T|degrees?|deg|rad|%|kg|g|W|ppm|HU|dB|bpm|ml/s|ml)\s*[\])]"
)
_FRAME: Final = re.compile(r"\(5200,9230\)\[(\d+)\]")


def routes(site: Site) -> list[Route]:
    """Return the page and its data."""

    def page(request: Request) -> Response:
        # Of these an empty text asks nothing; of a facet it is a value.
        asked = {
            name: text
            for name, text in request.query_params.items()
            if text or name not in ("series", "by", "since")
        }
        found = values_view(site, asked)
        return site.page(
            request, "values.html", **found, query=asked, titles=TITLES, listed=_LISTED,
            components=COMPONENTS, **_plotted(found),
        )  # fmt: skip

    @described(
        "The values of one element",
        record(
            creator=TEXT, key=TEXT, name=TEXT, vm=TEXT, unit=TEXT, over=one_of("series", "time"),
            selection=map_of(TEXT), series=or_none(SERIES), by=TEXT, read=COUNT, there_are=COUNT,
            points=list_of(
                record(number=COUNT, object_id=TEXT, series_instance_uid=TEXT, at=MOMENT, path=TEXT,
                       vr=TEXT, value=list_of(ANYTHING), truncated=SWITCH, by=or_none(NUMBER))
            ),
            numeric=list_of(record(creator=TEXT, key=TEXT, name=TEXT)),
            other_series=list_of(SERIES),
        ),
        query("series", "Series Instance UID; without it, over time."),
        query("by", "What to plot by: order, time, or key and creator of an element, such as "
              "(0019,xx0b) SIEMENS MR HEADER."),
        *SELECTION,
    )  # fmt: skip
    def api(request: Request) -> Response:
        return Json(values_view(site, request.query_params))

    return [Route("/explore/values", page), Route("/api/explore/values", api)]


def values_view(site: Site, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of one element over a series, or over time.

    Parameters
    ----------
    asked : mapping of str to str
        ``creator`` and ``element``; ``series``; ``by``; and further fields of `Selection`.

    Raises
    ------
    ValueError
        There is no element, or a condition cannot be understood.
    """
    wanted = Selection.from_text(asked)
    if not wanted.element:
        raise ValueError("element: expected a key such as (0019,xx0c), and its creator")
    named = (wanted.creator or "", wanted.element)
    wanted = Selection.from_text({**asked, "creator": named[0], "element": named[1]})
    by, uid = asked.get("by", ""), asked.get("series", "")
    series = site.store.series(uid) if uid else None
    if uid:
        found = site.store.values_over_series(uid, named, _named(by))
    else:
        found = site.store.values_over_time(wanted, _RUNS)
    return {
        "creator": named[0],
        "key": named[1],
        "name": found.name,
        "vm": found.vm,
        "unit": _unit(site, *named, found.name),
        "over": "series" if uid else "time",
        "selection": selected(wanted, asked),
        "series": None if series is None else series_view(series),
        "by": by,
        "read": found.read,
        "there_are": found.there_are,
        "points": [_point(point) for point in found.points],
        "numeric": [
            {"creator": creator, "key": key, "name": name} for creator, key, name in found.numeric
        ],
        "other_series": [
            series_view(it) for it in site.store.series_with(wanted, _SERIES) if it.uid != uid
        ],
    }


def _plotted(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plot of the data of the page, and how many values are not in it."""
    points = found["points"][:_DRAWN]
    pairs = [(point, number, item) for point in points
             for number, item in enumerate(point["value"][:COMPONENTS])]  # fmt: skip
    numbers = [number_of(item) for _, _, item in pairs]
    numeric = len(pairs) - numbers.count(None) >= _MOSTLY * len(pairs)
    x_label, x_scale, placed = _across(found, points)
    items = []
    for (point, component, item), number in zip(pairs, numbers, strict=True):
        height: float | str | None = number if numeric else _text(item)
        if height is not None and id(point) in placed:
            at, title = placed[id(point)], _title(point, item)
            items.append(Item(component, at, height, title, _where(found, point)))
    named = found["name"] or f"{found['key']} {found['creator']}"
    unit = f" [{found['unit']}]" if found["unit"] and f"{found['unit']}" not in named else ""
    once = len({placed[id(point)] for point in points if id(point) in placed}) == len(points)
    plot = draw(
        items, x_label, visible(named)[:60] + unit, x_scale=x_scale,
        joined=once and found["over"] == "series" and found["by"] in ("", "order", "time"),
    )  # fmt: skip
    return {
        "plot": plot,
        "left_out": len(pairs) - len(items),
        "more_components": max((len(it["value"]) for it in points), default=0) > COMPONENTS,
        "not_drawn": len(found["points"]) - len(points),
        "frames": x_label == "Frame",
    }


def _across(
    found: Mapping[str, Any], points: list[dict[str, Any]]
) -> tuple[str, Literal["number", "time"], dict[int, float]]:
    """Return label and scale of the axis, and where on it each point stands."""
    by = found["by"]
    if found["over"] == "time" or by == "time":
        moments = {id(it): datetime.fromisoformat(it["at"]).timestamp() for it in points}
        return "Received", "time", moments
    if by and by != "order":
        label = next(
            (f"{it['name'] or it['key']}" for it in found["numeric"]
             if f"{it['key']} {it['creator']}" == by), by,
        )  # fmt: skip
        placed = {id(it): number for it in points if (number := number_of(it["by"])) is not None}
        return visible(label)[:80], "number", placed
    if len({it["number"] for it in points}) > 1 or len(points) < 2:
        numbers = {id(it): float(it["number"]) for it in points}
        return "Object, in order of arrival", "number", numbers
    frames = [_FRAME.match(it["path"]) for it in points]
    if all(frames):
        pairs = zip(points, frames, strict=True)
        return "Frame", "number", {id(it): float(frame[1]) + 1 for it, frame in pairs if frame}
    numbered = {id(it): float(number) for number, it in enumerate(points, 1)}
    return "Occurrence in the object", "number", numbered


def _text(item: Any) -> str:
    return visible(item if isinstance(item, str) else f"{item}")


def _title(point: Mapping[str, Any], item: Any) -> str:
    whole = value_text(point["value"], truncated=point["truncated"])
    said = whole if len(point["value"]) > 1 else _text(item)
    short = said if len(said) <= _SHORT else f"{said[:_SHORT]}…"
    moment = datetime.fromisoformat(point["at"]).astimezone()
    return f"{short} · {point['path']} {point['vr']} · {moment:%Y-%m-%d %H:%M:%S}"


def _where(found: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """Return where a mark leads: to its object, or to the same element over its series."""
    if point["object_id"]:
        return f"/objects/{quote(point['object_id'], safe='')}"
    if not point["series_instance_uid"]:
        return ""
    asked = {"creator": found["creator"], "element": found["key"]}
    return link("/explore/values", asked, series=point["series_instance_uid"])


def _named(by: str) -> tuple[str, str] | None:
    """Return creator and key of ``(0019,xx0b) CREATOR``; None for anything else."""
    key, _, creator = by.partition(" ")
    try:
        return (creator, parse_tag(key)) if key else None
    except ValueError:
        return None


def _unit(site: Site, creator: str, key: str, name: str) -> str:
    """Return the unit that name or description of an element give, or nothing."""
    entry = site.dictionary.private(creator, int(key[1:5], 16), int(key[8:10], 16))
    for text in (name, entry.name if entry else "", entry.description if entry else ""):
        if match := _UNIT.search(text):
            return match[1]
    return ""


def _point(point: Point) -> dict[str, Any]:
    return {
        "number": point.number,
        "object_id": point.object_id,
        "series_instance_uid": point.series_uid,
        "at": iso(point.received_at),
        "path": point.path,
        "vr": point.vr,
        "value": point.value,
        "truncated": point.truncated,
        "by": point.by,
    }
