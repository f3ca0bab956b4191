"""Numbers in words."""

from __future__ import annotations

from gdp_desktop.restoration.job import Report
from gdp_desktop.words import number_of


def time_left(seconds: float | None) -> str:
    """Rounder the longer it takes; empty while it cannot be told."""
    return "" if seconds is None else f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def cost_in_words(seconds: float, peak_bytes: int) -> str:
    return f"About {duration(seconds)}, {file_size(peak_bytes)}"


def file_size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(1, round(size / 1e6))} MB"


def percent(share: float) -> str:
    """1.0 is 100 %."""
    return f"{share * 100:.0f} %"


def report_in_words(report: Report) -> str:
    """Such as "Restored in 2.1 s · 2 steps · seed 0 · photo-small on cpu"."""
    steps = number_of(report.steps, "step")
    facts = f"Restored in {report.seconds:.1f} s · {steps} · seed {report.seed}"
    return f"{facts} · {report.prior} on {report.device}"
