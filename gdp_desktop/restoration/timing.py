"""How long a prior takes on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from gdp_desktop.diffusion.at_once import windows_at_once
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.priors.places import find_prior
from gdp_desktop.priors.records import Speed, remember_speed
from gdp_desktop.priors.weights import open_weights
from gdp_desktop.restoration.job import CancelToken
from gdp_desktop.restoration.priors import load_prior, note_speed

# Timing repeats until this many seconds have passed.
MEASURING_SECONDS = 4.0
# Windows that a graphics card evaluates together.
CARD_BATCH = 8


def usual_batch(device: str) -> int:
    """How many windows a job evaluates at once if nothing limits it."""
    return windows_at_once() if device == "cpu" else CARD_BATCH


def evaluation_seconds(
    prior: Prior, device: str, cancel: CancelToken | None = None
) -> list[float]:
    """Seconds per window on the device the prior is on, in batches as a job runs them, of several
    times.  Raises Cancelled."""
    batch = usual_batch(device)
    while True:
        try:
            return [s / batch for s in _seconds_of_windows(prior, device, batch, cancel)]
        except torch.OutOfMemoryError:  # of a graphics card, where a job takes fewer as well
            if batch == 1:
                raise
            batch //= 2


def _seconds_of_windows(
    prior: Prior, device: str, batch: int, cancel: CancelToken | None
) -> list[float]:
    side, i = prior.window, len(prior.schedule) // 10
    x_t = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    # A graphics card is done when a value of its answer is known.
    return seconds_of(lambda: prior(x_t, i).x0[0, 0, 0, 0].item(), cancel)


def seconds_of(work: Callable[[], object], cancel: CancelToken | None = None) -> list[float]:
    """How long work takes, several times; a first run does not count.  Raises Cancelled."""
    cancel = cancel or CancelToken()
    work()
    times: list[float] = []
    while len(times) < 2 or (sum(times) < MEASURING_SECONDS and len(times) < 20):
        cancel.raise_if_cancelled()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    cancel.raise_if_cancelled()
    return times


def measured_speed(
    name_or_path: str = "", device: str = "auto", cancel: CancelToken | None = None
) -> Speed:
    """Times a prior and remembers it for this machine; but not if it was cancelled, as then
    something else may have run beside it.

    Raises CheckpointError like load_prior, and Cancelled.
    """
    loaded = load_prior(name_or_path, device)
    # The middle one, not the best: cores that were idle are faster for some seconds than in a job.
    seconds = statistics.median(evaluation_seconds(loaded.prior, loaded.device, cancel))
    speed = Speed(round(seconds, 4), loaded.prior.window, loaded.device, loaded.precision)
    remember_speed(open_weights(find_prior(name_or_path)).file, speed)
    note_speed(loaded.sha256, speed)
    return speed
