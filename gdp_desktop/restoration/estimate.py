"""What a job will cost, told without running it."""

from __future__ import annotations

from gdp_desktop.restoration.cost import cost
from gdp_desktop.restoration.failures import FORESEEN
from gdp_desktop.restoration.job import CancelToken, Cost, Job
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.timing import measured_speed


def estimate(job: Job, cancel: CancelToken | None = None) -> Cost:
    """Poses the job without running it; the prior is timed on one window if it never was here.

    Takes as long as the job itself does until its first window, and raises what it raises.
    """
    ready = prepare(job, cancel)
    speed = ready.loaded.speed or measured_speed(job.recipe.prior, job.recipe.device, cancel)
    return cost(ready, speed)


def price(job: Job, cancel: CancelToken) -> Cost | None:
    """The same for a window, which tells by itself why a job cannot be.  Raises Cancelled."""
    try:
        return estimate(job, cancel)
    except FORESEEN:
        return None
