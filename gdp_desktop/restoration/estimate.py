"""What a job will cost, told without running it."""

from __future__ import annotations

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.restoration.cost import cost
from gdp_desktop.restoration.job import Cost, Job
from gdp_desktop.restoration.priors import measured_speed
from gdp_desktop.restoration.restore import prepare
from gdp_desktop.tasks import TaskError


def estimate(job: Job) -> Cost:
    """Poses the job without running it; the prior is timed on one window if it never was here.

    Takes as long as the job itself does until its first window, and raises what it raises.
    """
    ready = prepare(job)
    speed = ready.loaded.speed or measured_speed(job.recipe.prior, job.recipe.device)
    return cost(ready, speed)


def price(job: Job) -> Cost | None:
    """The same for a window, which tells by itself why a job cannot be."""
    try:
        return estimate(job)
    except (PhotoError, TaskError, CheckpointError):
        return None
