"""What a job will cost, told before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration.job import Job
from gdp_desktop.restoration.memory import needed_bytes
from gdp_desktop.restoration.priors import measured_speed
from gdp_desktop.restoration.restore import Prepared, prepare
from gdp_desktop.tasks import TaskError

# Guidance, noise and previews, beside the network.
OVERHEAD = 1.1
# Reading, posing and writing a megapixel, in windows through the prior.
WINDOWS_PER_MEGAPIXEL = 0.5
# What every job takes before and after, the first use of everything, likewise.
WINDOWS_PER_JOB = 14


@dataclass(frozen=True)
class Estimate:
    """Seconds until the result is saved, main memory at its highest, and windows through the
    network."""

    seconds: float
    bytes: int
    evaluations: int


def estimate(job: Job) -> Estimate:
    """Poses the job without running it; the prior is timed on one window if it never was here.

    Takes as long as the job itself does until its first window, and raises what it raises.
    """
    ready = prepare(job)
    speed = ready.loaded.speed or measured_speed(job.recipe.prior, job.recipe.device)
    return cost(ready, speed)


def price(job: Job) -> Estimate | None:
    """The same for a window, which tells by itself why a job cannot be."""
    try:
        return estimate(job)
    except (PhotoError, TaskError, CheckpointError):
        return None


def cost(ready: Prepared, speed: Speed) -> Estimate:
    evaluated = OVERHEAD * ready.solver.total_pixels / speed.window**2
    beside = WINDOWS_PER_JOB + WINDOWS_PER_MEGAPIXEL * ready.size.pixels / 1e6
    return Estimate(
        seconds=speed.seconds * (evaluated + beside),
        bytes=needed_bytes(ready.size, ready.loaded, ready.window_batch),
        evaluations=ready.solver.total_windows,
    )
