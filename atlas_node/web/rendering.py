"""The templates, and how what stands in the log is written on a page.

`Site.page` renders with these. The rule: every text passes `visible` on its way into a template,
so that no control character reaches a page, and jinja2 escapes it for HTML.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from atlas_node import __version__
from atlas_node.log import value_text, visible
from atlas_node.model import ElementStatus

_SHORT_VALUE = 160


def environment() -> Environment:
    """Return the environment of all templates, with their filters."""
    templates = Environment(
        loader=PackageLoader("atlas_node.web"),
        autoescape=select_autoescape(("html",)),
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        version=__version__, statuses=tuple(ElementStatus), link=link, clock=_clock, zone=_zone
    )
    templates.filters.update(
        local_date=lambda moment: f"{_local(moment):%Y-%m-%d}",
        local_time=lambda moment: f"{_local(moment):%H:%M:%S}",
        moment=lambda moment: f"{_local(moment):%Y-%m-%d %H:%M:%S}",
        duration=_duration,
        since=_since,
        thousands="{:,}".format,
        size=_size,
        value=_value,
        short=lambda text: text[:_SHORT_VALUE] + " …" if len(text) > _SHORT_VALUE else text,
        bar=_bar,
        path=lambda text: quote(text, safe=""),
        mark=lambda text: f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}",
    )
    return templates


def _shown(thing: Any) -> Any:
    return visible(thing) if isinstance(thing, str) and not isinstance(thing, Markup) else thing


def link(target: str, query: Mapping[str, Any], **more: Any) -> str:
    """Return a URL with a query; None in `more` takes a condition out."""
    joined = {name: text for name, text in {**query, **more}.items() if text is not None}
    return f"{target}?{urlencode(joined)}" if joined else target


def _local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone()


def _clock() -> str:
    return f"{datetime.now():%H:%M:%S}"


def _zone() -> str:
    """Return the zone of all times on the pages, such as ``CET, UTC+01:00``."""
    now = datetime.now().astimezone()
    if not now.utcoffset():
        return "UTC"
    offset = f"UTC{now.isoformat()[-6:]}"
    name = now.tzname() or ""
    # Zones without a name of letters call themselves by their offset.
    return f"{name}, {offset}" if name.isalpha() else offset


def _since(moment: str) -> str:
    """Return how long ago a moment was, in one or two units."""
    seconds = max(0, round((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()))
    for unit, smaller, length, per in (
        ("d", "h", 86_400, 3_600),
        ("h", "min", 3_600, 60),
        ("min", "s", 60, 1),
    ):
        if seconds >= length:
            rest = seconds % length // per
            return f"{seconds // length} {unit}{f' {rest} {smaller}' if rest else ''} ago"
    return f"{seconds} s ago"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _duration(seconds: float) -> str:
    """Return a time with two digits or so: 0.4 ms, 25 ms, 1.2 s, 3 min, 5 h, 2 d."""
    if seconds < 1:
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f} ms" if 0 < milliseconds < 10 else f"{milliseconds:.0f} ms"
    for unit, size, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * most:
            return (
                f"{seconds / size:.1f} {unit}"
                if seconds < 10 * size
                else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds / 86400:.0f} d"


def _value(element: Mapping[str, Any]) -> str:
    return value_text(element["value"], truncated=element.get("truncated", False))


def _bar(counts: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Return status, begin and width in percent of each part of a bar of all elements."""
    total = sum(counts.get(status, 0) for status in ElementStatus) or 1
    parts, begin = [], 0.0
    for status in ElementStatus:
        width = 100 * counts.get(status, 0) / total
        if width:
            parts.append((status.value, round(begin, 2), round(width, 2)))
        begin += width
    return parts
