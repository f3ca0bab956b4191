"""A problem at several sizes of the photo, each half of the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.at_once import side_by_side
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.strips import ROWS_AT_ONCE, Rows, in_padded_strips
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks.task import Problem

# Of the smallest copy of a photo, for the methods that have some steps on one.
SMALLEST_SIDE = 32


@dataclass(frozen=True)
class Level:
    """The problem at one size of the photo; ``number`` 0 is full size, each further half of it."""

    number: int
    y: torch.Tensor
    degradation: Degradation
    sigma_y: float
    size: Size
    steps: int
    start_sigma: float | None


def level_count(size: Size, coarse_side: float | None) -> int:
    """How often a photo is halved until its short side is nearest to coarse_side, plus one."""
    count, side = 1, float(min(size.width, size.height))
    while coarse_side is not None and side / 2 >= coarse_side / 2**0.5:
        side, count = side / 2, count + 1
    return count


def fitting_levels(size: Size, stride: int) -> int:
    """How many sizes, each half of the one before, are multiples of ``stride``, the first at least.

    A photo padded for so many may be long enough to be halved once more than it was padded for.
    """
    together = math.gcd(size.width, size.height) // stride
    return max(1, (together & -together).bit_length())


def halvings(size: Size, stride: int) -> int:
    """How often a photo can be halved so that the prior takes it and its short side is at least
    SMALLEST_SIDE."""
    until_small = (min(size.width, size.height) // SMALLEST_SIDE).bit_length() - 1
    return max(0, min(fitting_levels(size, stride) - 1, until_small))


def levels_of(problem: Problem, size: Size, count: int, steps: int) -> list[Level]:
    """The problem's pyramid, full size first."""
    levels, y, degradation = [], problem.y, problem.degradation
    for number in range(count):
        if number:
            y, degradation = degradation.shrink_measurement(y), degradation.shrunk()
        coarsest = number == count - 1
        levels.append(Level(
            number, y, degradation, _sigma_at(problem.sigma_y, number),
            Size(size.width >> number, size.height >> number),
            (problem.coarse_steps or steps) if coarsest else steps,
            problem.coarse_sigma if coarsest else problem.start_sigma,
        ))
    return levels


def _sigma_at(sigma_y: tuple[float, ...], number: int) -> float:
    beyond = max(0, number - (len(sigma_y) - 1))
    return sigma_y[number - beyond] / 2**beyond


def noise_gain(level: Level) -> torch.Tensor:
    """How much the starting point amplifies noise in y, (1, 1, H, W) or (1, 1, 1, 1)."""
    y, degradation = level.y, level.degradation
    height = y.shape[-2]
    if not degradation.local or height <= ROWS_AT_ONCE:
        return degradation.noise_gain(y)

    def of(inner: Rows, rows: Rows) -> torch.Tensor:
        part = degradation.rows(rows, height).noise_gain(rows.of(y, height))
        return part if part.shape[-2] == 1 else part[..., inner.inside(rows), :]

    gain, top = y.new_empty(1, 1, *y.shape[-2:]), 0
    for part in side_by_side(of, in_padded_strips(height), y.device):
        if part.numel() == 1 < y.shape[-1]:  # the same everywhere
            return part
        gain[..., top : top + part.shape[-2], :] = part
        top += part.shape[-2]
    return gain
