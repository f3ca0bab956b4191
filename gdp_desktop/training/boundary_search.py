"""The search for the start noise that suits a task best (Ma et al. 2024, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.diffusion.perceptual import features_of_prior, perceptual_distance
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.quality import ssim
from gdp_desktop.diffusion.vgg import VGG16
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.method import Assignment, result_of
from gdp_desktop.tasks.param import TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task
from gdp_desktop.training.crops import load_pixels
from gdp_desktop.training.validation import as_x0

# Of a mask that a task needs: share of unknown blocks, and their side.
UNKNOWN_SHARE, UNKNOWN_BLOCK = 0.25, 8

Metric = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """A clean photo (1, 3, S, S) and what is given of it after the task's own degradation."""

    clean: torch.Tensor
    given: Given


@dataclass(frozen=True)
class Search:
    """All that stays the same while start noises are tried."""

    task: Task
    values: Values
    prior: Prior
    steps: int
    metric: Metric

    def distance(self, boundary: Boundary, pairs: Sequence[Pair]) -> Iterator[float]:
        """How far the result is from the clean photo, pair by pair."""
        method = method_named("boundary")
        for pair in pairs:
            with torch.no_grad():
                problem = self.task.pose(pair.given, self.values)
            size = Size(pair.clean.shape[-1], pair.clean.shape[-2])
            solver = method.solver(Assignment(
                problem, self.prior, size, self.steps, values=method.values({}),
                boundary=boundary,
            ))
            x0 = result_of(solver, seed=0)
            with torch.no_grad():
                yield float(self.metric(x0, pair.clean))


def metric_for(prior: Prior, vgg: VGG16 | None = None) -> tuple[str, Metric]:
    """The name of a distance, and the distance: perceptual by VGG-16 if there is one or else by the
    prior's own features; of a prior that has none, 1 - SSIM."""
    if vgg is not None:
        return "distance in VGG-16's features", partial(perceptual_distance, vgg)
    try:
        features = features_of_prior(prior)
    except ValueError:
        return "1 - SSIM", lambda x, reference: 1 - ssim(x, reference)
    return "distance in the prior's features", partial(perceptual_distance, features)


def made_pairs(
    task: Task, values: Values, paths: Sequence[Path], side: int, count: int, seed: int
) -> list[Pair]:
    """One random crop from each of ``count`` photos spread over ``paths``, or of all if there are
    fewer, degraded by the task.

    Raises TaskError if the task's degradation cannot be made from a clean photo alone, and
    PhotoError if too few photos are large enough.
    """
    rng = np.random.default_rng(seed)
    count = min(count, len(paths))
    spread = [paths[k * len(paths) // count] for k in range(count)]
    pairs = []
    for _, pixels in load_pixels(spread):
        if isinstance(pixels, PhotoError) or min(pixels.shape[:2]) < side:
            continue
        top, left = (int(rng.integers(n - side + 1)) for n in pixels.shape[:2])
        clean = as_x0(pixels[top : top + side, left : left + side]).contiguous()
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        pairs.append(Pair(clean, degraded(task, values, clean, generator)))
    if not pairs:
        raise PhotoError(
            f"None of the photos is {side} pixels high and wide; give larger ones with --photos."
        )
    return pairs


def degraded(
    task: Task, values: Values, clean: torch.Tensor, generator: torch.Generator
) -> Given:
    """What the task would be given if the clean photo had been damaged its way."""
    unknown = random_mask(clean, generator) if task.needs_mask else None
    grey = clean.mean(dim=1, keepdim=True).expand_as(clean)
    with torch.no_grad():
        try:
            problem: Problem = task.pose(Given(clean, unknown), values)
        except TaskError:  # one that only takes black-and-white photos
            problem = task.pose(Given(grey, unknown), values)
        if not problem.degradation.linear:
            raise TaskError(
                f'"{task.id}" has no linear degradation, so no pairs can be made for it; choose '
                "denoise, deblurring, inpainting, super-resolution or colorization."
            )
        y = problem.degradation(clean)
        noise = torch.randn(y.shape, generator=generator)
        y = (y + stated_noise(task, values) * noise).clamp(-1, 1)
    return Given(y.expand(-1, 3, -1, -1).contiguous(), unknown)


def stated_noise(task: Task, values: Values) -> float:
    """Standard deviation of the noise in y, [-1, 1] scale: none unless the task is told of it."""
    if task.id == "denoise" and not values["sigma"]:
        raise TaskError("Say how strong the noise is that is to be removed, as in sigma=25.")
    return float(values.get("sigma", values.get("noise", 0))) / 127.5


def random_mask(clean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Unknown blocks (1, 1, S, S) in {0, 1}."""
    height, width = clean.shape[-2:]
    blocks = torch.rand(
        1, 1, -(-height // UNKNOWN_BLOCK), -(-width // UNKNOWN_BLOCK), generator=generator
    )
    fine = (blocks < UNKNOWN_SHARE).float().repeat_interleave(UNKNOWN_BLOCK, -1)
    return fine.repeat_interleave(UNKNOWN_BLOCK, -2)[..., :height, :width]


def scores(
    search: Search, boundaries: Sequence[Boundary], pairs: Sequence[Pair]
) -> Iterator[tuple[int, np.ndarray]]:
    """(index, distance of each pair) of one start noise after the other."""
    for index, boundary in enumerate(boundaries):
        yield index, np.array(list(search.distance(boundary, pairs)))


@dataclass(frozen=True)
class Gain:
    """What a start noise gains on some pairs over others that were not searched for.

    ``ours`` is its mean distance, ``theirs`` that of the others; ``error`` is the standard error of
    the difference over the pairs (nan for a single one), ``beaten`` how many of the others are
    further away on the mean.
    """

    ours: float
    theirs: float
    error: float
    beaten: int
    others: int
    pairs: int

    def __str__(self) -> str:
        share = 100 * (self.theirs - self.ours) / self.theirs if self.theirs else 0.0
        error = 100 * self.error / self.theirs if self.theirs else 0.0
        verdict = f"{share:.1f} % less" if share > 0 else f"no gain ({-share:.1f} % more)"
        if self.pairs > 1:
            verdict += f", ± {error:.1f} (standard error over the photos)"
        return (
            f"{self.ours:.4f} against {self.theirs:.4f} on average of {self.others} random starts: "
            f"{verdict}; it beats {self.beaten} of them"
        )


def gain_of(ours: np.ndarray, theirs: np.ndarray) -> Gain:
    """From the distances (pairs,) of one start and (others, pairs) of those it is compared with."""
    difference = theirs.mean(axis=0) - ours
    error = difference.std(ddof=1) / len(ours) ** 0.5 if len(ours) > 1 else np.nan
    return Gain(
        float(ours.mean()), float(theirs.mean()), float(error),
        int((theirs.mean(axis=1) > ours.mean()).sum()), len(theirs), len(ours),
    )
