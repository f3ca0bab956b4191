"""How much main memory a job takes, told before it begins."""

from __future__ import annotations

import os
from pathlib import Path

from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.geometry import Size
from gdp_desktop.restoration.job import Job
from gdp_desktop.restoration.priors import LoadedPrior

MIB, GIB = 2**20, 2**30
# The interpreter with torch and OpenCV.
PROGRAM = 480 * MIB
# Per pixel of the result: x_t and y in float32, the coarse result, maps of light and noise, the
# photo before and after, and what a strip of rows needs on top.
PER_PIXEL = 56
# Per pixel of a window: what a convolutional network of moderate width holds at once.
PER_WINDOW_PIXEL = 500


def needed_bytes(result: Size, loaded: LoadedPrior, window_batch: int) -> int:
    """An estimate from above, in bytes, for a result of this size."""
    window = min(loaded.prior.window**2, result.pixels)
    return (
        PROGRAM + loaded.memory + PER_PIXEL * result.pixels
        + PER_WINDOW_PIXEL * window * window_batch
    )


def fitting_batch(wanted: int, limit: int | None, result: Size, loaded: LoadedPrior) -> int:
    """As many windows at once as the limit allows, at most ``wanted`` and at least 1."""
    while limit is not None and wanted > 1 and needed_bytes(result, loaded, wanted) > limit:
        wanted //= 2
    return wanted


def refuse_too_large(job: Job, needed: int) -> None:
    """Raises PhotoError with both figures if a job does not fit."""
    if job.memory_limit is not None and needed > job.memory_limit:
        raise PhotoError(
            f"Restoring {shown(job.source)} takes about {needed / GIB:.1f} GiB of memory and "
            f"{job.memory_limit / GIB:.1f} GiB are allowed; raise the limit or take a smaller "
            "photo."
        )
    free = free_bytes()
    if free is not None and needed - held_bytes() > free:
        raise PhotoError(
            f"Restoring {shown(job.source)} takes about {needed / GIB:.1f} GiB of memory and "
            f"{free / GIB:.1f} GiB are free; close other programs or take a smaller photo."
        )


def free_bytes() -> int | None:
    """What other programs leave; all there is where only that is known; None if nothing is."""
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in facts if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def held_bytes() -> int:
    """What this process has taken already."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
