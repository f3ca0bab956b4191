"""What a prepared job will cost on a machine on which the prior was timed."""

from __future__ import annotations

from gdp_desktop.diffusion.at_once import share_of_cores
from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration.job import Cost
from gdp_desktop.restoration.prepare import Prepared

# Reading, posing and writing a megapixel, in windows through the prior.
WINDOWS_PER_MEGAPIXEL = 0.5
# What every job takes before and after, and what is used for the first time, likewise.
WINDOWS_PER_JOB = 3
# What is done to pixels stays float32, so beside windows in bfloat16, which take a processor less
# time, it costs so many times as many of them.
BFLOAT16_GAIN = 2.0
# Guidance and noise of a published method beside the network: one step, or a closed form.
PUBLISHED_SHARE = 0.15


def cost(ready: Prepared, speed: Speed) -> Cost:
    degradation, pixels = ready.problem.degradation, ready.size.pixels
    guidance = degradation.guidance_share if ready.method.in_strips else PUBLISHED_SHARE
    windows = ready.solver.total_pixels / speed.window**2
    beside = guidance * windows + WINDOWS_PER_MEGAPIXEL * pixels / 1e6
    beside += degradation.windows_to_begin * min(1.0, pixels / speed.window**2)
    if speed.device == "cpu" and speed.precision == "bfloat16":
        beside *= BFLOAT16_GAIN
    seconds = speed.seconds * (windows + beside + WINDOWS_PER_JOB)
    if speed.device == "cpu":  # timed on all cores, which jobs at once share
        seconds /= share_of_cores()
    return Cost(seconds, ready.room.bytes, ready.solver.total_windows)
