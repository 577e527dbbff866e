"""Values as a plot: where its marks, lines, axes and labels are, for a template to write as SVG.

`values` gives points, `templates/plot.html` draws what `draw` returns. Nothing here escapes text,
which is the template's, and nothing here reads the log. Numbers go on a scale, anything else is a
category with a row of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

WIDTH: Final = 960
HEIGHT: Final = 380
COMPONENTS: Final = 6
"""Components of a value that have a colour of their own; further ones are not drawn."""

CATEGORIES: Final = 20
"""Categories that have a row; what is rarer shares the lowest one."""

_LEFT: Final = 76
_LEFT_OF_CATEGORIES: Final = 230
_RIGHT: Final = 18
_TOP: Final = 18
_BOTTOM: Final = 52
_TICKS: Final = 6
_LABEL: Final = 30
_GREATEST: Final = 1e300
_OTHERS: Final = "other values"
_TIME_STEPS: Final = (
    1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_592_000, 7_776_000, 31_536_000,
)  # fmt: skip

Scale = Literal["number", "time"]
Spot = tuple[float, str]
"""Where a tick is, and its label."""


@dataclass(frozen=True, slots=True)
class Item:
    """One component of one value, before it has a place.

    Attributes
    ----------
    component : int
        Which of several values of the element, from 0.
    x : float
    y : int or float or str
        Text is a category.
    title : str
        What to show when it is pointed at.
    href : str
        Where it leads, or nothing.
    """

    component: int
    x: float
    y: float | str
    title: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A dot of the plot; `component` counts from 1."""

    component: int
    x: float
    y: float
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All that is drawn, in units of the SVG's view box.

    Attributes
    ----------
    width, height, left, right, top, bottom : int
        Of the whole, and where the axes end.
    x_label, y_label : str
    x_ticks, y_ticks : tuple of Spot
    lines : tuple of (int, str)
        Component, from 1, and the points of a polyline.
    marks : tuple of Mark
    components : int
        How many are drawn.
    categories : bool
        Whether the values are text.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    x_label: str
    y_label: str
    x_ticks: tuple[Spot, ...]
    y_ticks: tuple[Spot, ...]
    lines: tuple[tuple[int, str], ...]
    marks: tuple[Mark, ...]
    components: int
    categories: bool


def draw(
    items: Sequence[Item],
    x_label: str,
    y_label: str,
    *,
    x_scale: Scale = "number",
    joined: bool = False,
) -> Plot | None:
    """Return the plot of some values, None when there are none.

    Parameters
    ----------
    items : sequence of Item
        In the order in which a line joins them.
    x_label, y_label : str
        Names of the axes, with their units.
    x_scale : "number" or "time"
        Seconds since the epoch are written as local time.
    joined : bool
        Whether a line joins the numbers of a component.
    """
    items = [item for item in items if item.component < COMPONENTS]
    if not items:
        return None
    rows = _rows(items)
    left = _LEFT_OF_CATEGORIES if rows else _LEFT
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    xs = [item.x for item in items]
    x_values = _time_ticks(xs) if x_scale == "time" else _number_ticks(xs)
    x_low, x_high = _span(xs, x_values)
    y_values = list(rows.values()) if rows else _number_ticks(_numbers(items))
    y_low, y_high = (-0.5, max(y_values) + 0.5) if rows else _span(_numbers(items), y_values)

    def across(value: float) -> float:
        return round(left + (value - x_low) / (x_high - x_low) * (right - left), 1)

    def upright(value: float) -> float:
        return round(bottom - (value - y_low) / (y_high - y_low) * (bottom - _TOP), 1)

    def height(value: float | str) -> float:
        return upright(rows.get(_category(value), 0.0) if rows else float(value))

    marks = tuple(
        Mark(item.component + 1, across(item.x), height(item.y), item.title, item.href)
        for item in items
    )
    parts = sorted({mark.component for mark in marks})
    lines = tuple(
        (part, " ".join(f"{mark.x},{mark.y}" for mark in marks if mark.component == part))
        for part in parts
        if joined and not rows
    )
    x_labels = _moments(x_values) if x_scale == "time" else _written(x_values)
    y_labels = [_shortened(name) for name in rows] if rows else _written(y_values)
    return Plot(
        WIDTH, HEIGHT, left, right, _TOP, bottom, x_label, y_label,
        tuple(zip(map(across, x_values), x_labels, strict=True)),
        tuple(zip(map(upright, y_values), y_labels, strict=True)),
        lines, marks, len(parts), bool(rows),
    )  # fmt: skip


def number_of(item: object) -> float | None:
    """Return what a plot can put on a scale: a number, or text that is one, up to 1e300."""
    if isinstance(item, bool) or not isinstance(item, int | float | str):
        return None
    if isinstance(item, str) and "_" in item:
        return None
    try:
        number = float(item)
    except (ValueError, OverflowError):
        return None
    # Beyond these the distance of two numbers, or the step of an axis, may be none.
    if not abs(number) <= _GREATEST:
        return None
    return number if abs(number) >= 1 / _GREATEST else 0.0


def _rows(items: Iterable[Item]) -> dict[str, float]:
    """Return the rows of categories from the lowest, none when all values are numbers."""
    if all(isinstance(item.y, int | float) for item in items):
        return {}
    counted: dict[str, int] = {}
    for item in items:
        counted[_category(item.y)] = counted.get(_category(item.y), 0) + 1
    names = sorted(counted, key=lambda name: (-counted[name], name))
    shown = sorted(names[: CATEGORIES - (len(names) > CATEGORIES)], reverse=True)
    if len(names) > CATEGORIES:
        shown.insert(0, _OTHERS)
    return {name: float(row) for row, name in enumerate(shown)}


def _category(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _numbers(items: Iterable[Item]) -> list[float]:
    return [float(item.y) for item in items]


def _span(values: Sequence[float], ticks: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins and ends: never the same place."""
    low, high = min(*values, *ticks), max(*values, *ticks)
    if high > low:
        margin = (high - low) * 0.02
        return low - margin, high + margin
    width = abs(low) or 1.0
    return low - width / 2, high + width / 2


def _number_ticks(values: Sequence[float]) -> list[float]:
    """Return about six round numbers between the least and the greatest."""
    low, high = min(values), max(values)
    if not high > low or not math.isfinite(high - low):
        return [low] if low == high else [low, high]
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((it * power for it in (1, 2, 5) if it * power >= rough), 10 * power)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)] or [low]


def _time_ticks(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    rough = (high - low) / _TICKS
    longest = _TIME_STEPS[-1]
    step = next((it for it in _TIME_STEPS if it >= rough), longest * math.ceil(rough / longest))
    # Hours and days begin where the clock of this machine says so.
    offset = datetime.fromtimestamp(low).astimezone().utcoffset()
    shift = 0.0 if offset is None else offset.total_seconds()
    first, last = math.ceil((low + shift) / step), math.floor((high + shift) / step)
    return [number * step - shift for number in range(first, last + 1)] or [low]


def _moments(values: Sequence[float]) -> list[str]:
    moments = [datetime.fromtimestamp(value).astimezone() for value in values]
    days = {moment.date() for moment in moments}
    if all(moment.hour == moment.minute == moment.second == 0 for moment in moments):
        return [f"{moment:%Y-%m-%d}" for moment in moments]
    form = "%H:%M" if all(moment.second == 0 for moment in moments) else "%H:%M:%S"
    return [moment.strftime(f"%m-%d {form}" if len(days) > 1 else form) for moment in moments]


def _written(values: Sequence[float]) -> list[str]:
    """Return numbers with as many digits as tell them apart."""
    for digits in range(4, 17):
        texts = [f"{value or 0.0:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _shortened(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
