"""What a prepared job will cost on a machine on which the prior was timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration.job import Cost

if TYPE_CHECKING:
    from gdp_desktop.restoration.restore import Prepared

# Reading, posing and writing a megapixel, in windows through the prior.
WINDOWS_PER_MEGAPIXEL = 0.5
# What every job takes before and after, and what is used for the first time, likewise.
WINDOWS_PER_JOB = 3
# Guidance and noise of a published method beside the network: one step, or a closed form.
PUBLISHED_SHARE = 0.15


def cost(ready: Prepared, speed: Speed) -> Cost:
    own = ready.problem.degradation.guidance_share
    guidance = own if ready.method.in_strips else PUBLISHED_SHARE
    evaluated = (1 + guidance) * ready.solver.total_pixels / speed.window**2
    beside = WINDOWS_PER_JOB + WINDOWS_PER_MEGAPIXEL * ready.size.pixels / 1e6
    return Cost(speed.seconds * (evaluated + beside), ready.memory, ready.solver.total_windows)
