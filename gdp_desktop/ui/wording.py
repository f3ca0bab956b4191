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


def percent(share: float) -> str:
    """1.0 is 100 %."""
    return f"{share * 100:.0f} %"
