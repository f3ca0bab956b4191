"""Figures against a size as an SVG: points, lines between them, ticks and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 28, 40
COLOUR = "#2f6f9f"


class Line(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


def drawn(lines: Sequence[Line], across: str) -> str:
    """One panel per line, below each other; all axes begin at 0."""
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
    most_x = max((x for x, _ in line.points), default=1.0) or 1.0
    most_y = max((y for _, y in line.points), default=1.0) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + x / most_x * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y / most_y * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_text(LEFT, TOP - 12, line.name, "start"),
             _text(WIDTH - RIGHT, HEIGHT - 6, across, "end")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        left, y = at(0, share * most_y)
        x, bottom = at(share * most_x, 0)
        right = at(most_x, 0)[0]
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 6, y + 4, f"{share * most_y:.4g}", "end"))
        parts.append(_text(x, bottom + 16, f"{share * most_x:.4g}", "middle"))
    places = [at(x, y) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOUR}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOUR}"/>' for x, y in places]
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
