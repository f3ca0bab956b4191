"""What a prior makes when nothing guides it: a sheet of unconditional samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import ddpm, standard_normal

MARGIN = 4


def samples(prior: Prior, count: int, side: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """``count`` pictures (side, side, 3) uint8 by ancestral sampling from pure noise.

    ``side`` is a multiple of the prior's stride; picture n has the seed ``seed + n``, so it does
    not depend on how many are drawn.
    """
    prior = prior.respaced(prior.schedule.evenly(steps))
    for n in range(count):
        generator = torch.Generator().manual_seed(seed + n)
        x_t = standard_normal(torch.empty(1, 3, side, side), generator)
        x0 = x_t
        for step in ddpm(prior, None, x_t, generator):
            x0 = step.x0
        yield np.rint((x0[0].permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255).astype(np.uint8)


def sheet(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size side by side, in rows of ``columns``, on white."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    canvas = np.full(
        (rows * (height + MARGIN) + MARGIN, columns * (width + MARGIN) + MARGIN, 3), 255, np.uint8
    )
    for n, picture in enumerate(pictures):
        top = MARGIN + n // columns * (height + MARGIN)
        left = MARGIN + n % columns * (width + MARGIN)
        canvas[top : top + height, left : left + width] = picture
    return canvas
