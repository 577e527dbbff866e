"""Line plots as SVG, as small as a benchmark needs them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 52
COLOURS = ("#1565c0", "#c2410c", "#15803d", "#7e22ce")


class Axis(NamedTuple):
    """One axis: its caption, the marks on it by value, and whether it is logarithmic."""

    caption: str
    marks: dict[float, str]
    logarithmic: bool

    def share(self, value: float) -> float:
        """Return where on the axis a value stands, from 0 to 1."""
        scale = math.log10 if self.logarithmic else float
        low, high = scale(min(self.marks)), scale(max(self.marks))
        return (scale(value) - low) / (high - low)


def write_plot(
    path: Path, title: str, x: Axis, y: Axis, series: dict[str, list[tuple[float, float]]]
) -> None:
    """Write one plot; `series` has the points of each line by its name."""

    def across(value: float) -> float:
        return LEFT + x.share(value) * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM)

    def text(place: tuple[float, float], words: str, more: str = 'text-anchor="middle"') -> str:
        return f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" {more}>{escape(words)}</text>'

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text((WIDTH / 2, 18), title, 'text-anchor="middle" font-weight="bold" font-size="13"'),
        text((LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 12), x.caption),
        text((LEFT, 38), y.caption, 'text-anchor="start"'),
        '<g stroke="#d4d4d8">',
    ]
    for value in x.marks:
        lines.append(f'<path d="M{across(value):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    for value in y.marks:
        lines.append(f'<path d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}"/>')
    lines.append("</g>")
    lines += [text((across(v), HEIGHT - BOTTOM + 18), name) for v, name in x.marks.items()]
    lines += [text((LEFT - 8, up(v) + 4), m, 'text-anchor="end"') for v, m in y.marks.items()]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number]
        places = [f"{across(a):.1f} {up(b):.1f}" for a, b in points]
        lines.append(
            f'<path d="M{"L".join(places)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        lines += [
            f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="3" fill="{colour}"/>'
            for a, b in points
        ]
        if name:
            place = (LEFT + 12, TOP + 20 + 18 * number)
            lines.append(text(place, name, f'text-anchor="start" fill="{colour}"'))
    path.write_text("\n".join([*lines, "</svg>", ""]), "utf-8")
