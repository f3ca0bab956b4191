"""Figures against a size or a time as an SVG: lines, points on them, ticks and names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 28, 40
COLOUR = "#2f6f9f"
# More points than this would be a band and not points on a line.
MOST_DOTS = 60


class Line(NamedTuple):
    """Points (x, y), none negative, in any order; the line goes from left to right.

    ``lowest`` is where the y axis begins.
    """

    name: str
    points: Sequence[tuple[float, float]]
    lowest: float = 0.0


def drawn(lines: Sequence[Line], across: str) -> str:
    """One panel per line, below each other; the x axes begin at 0."""
    panels = [
        f'<g transform="translate(0 {k * HEIGHT})">{_panel(line, across)}</g>'
        for k, line in enumerate(lines)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{HEIGHT * len(lines)}" font-family="sans-serif" font-size="12" fill="#444">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(panels)}</svg>\n'
    )


def _panel(line: Line, across: str) -> str:
    ticks_x = ticks([x for x, _ in line.points])
    ticks_y = [line.lowest + tick for tick in ticks([y - line.lowest for _, y in line.points])]
    most_x, most_y = ticks_x[-1], ticks_y[-1] - line.lowest

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + x / most_x * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - line.lowest) / most_y * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_text(LEFT, TOP - 12, line.name, "start"),
             _text(WIDTH - RIGHT, HEIGHT - 6, across, "end")]
    for tick in ticks_y:
        left, y = at(0, tick)
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(left - 6, y + 4, f"{tick:g}", "end"))
    for tick in ticks_x:
        x, bottom = at(tick, line.lowest)
        parts.append(_text(x, bottom + 16, f"{tick:g}", "middle"))
    places = [at(x, y) for x, y in sorted(line.points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOUR}" stroke-width="2"/>')
    if len(places) <= MOST_DOTS:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOUR}"/>' for x, y in places]
    return "".join(parts)


def ticks(values: Sequence[float]) -> list[float]:
    """From 0 to the largest value or above, three to six, a round number apart."""
    most = max(values, default=1.0) or 1.0
    power = 10.0 ** math.floor(math.log10(most))
    apart = next(step * power for step in (0.2, 0.5, 1, 2) if 5 * step * power >= most)
    return [round(k * apart, 10) for k in range(math.ceil(most / apart - 1e-9) + 1)]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
