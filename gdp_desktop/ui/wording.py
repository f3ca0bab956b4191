"""Numbers in words."""

from __future__ import annotations


def time_left(seconds: float | None) -> str:
    """Rounder the longer it takes; empty while it cannot be told."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60:02} min left"


def percent(zoom: float) -> str:
    """``zoom`` 1.0 is 100 %."""
    value = zoom * 100
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"
