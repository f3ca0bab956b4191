"""What a prepared job will cost on a machine on which the prior was timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration.job import Cost

if TYPE_CHECKING:
    from gdp_desktop.restoration.restore import Prepared

# Guidance, noise and previews, beside the network.
OVERHEAD = 1.1
# Reading, posing and writing a megapixel, in windows through the prior.
WINDOWS_PER_MEGAPIXEL = 0.5
# What every job takes before and after, the first use of everything, likewise.
WINDOWS_PER_JOB = 14


def cost(ready: Prepared, speed: Speed) -> Cost:
    evaluated = OVERHEAD * ready.solver.total_pixels / speed.window**2
    beside = WINDOWS_PER_JOB + WINDOWS_PER_MEGAPIXEL * ready.size.pixels / 1e6
    return Cost(speed.seconds * (evaluated + beside), ready.memory, ready.solver.total_windows)
