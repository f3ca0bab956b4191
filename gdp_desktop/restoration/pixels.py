"""Between the photo's own integers and the engine's floats, a strip of rows at a time."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from gdp_desktop.diffusion.at_once import done_for_each, side_by_side
from gdp_desktop.diffusion.strips import ROWS_AT_ONCE, THIN_ROWS, Rows, in_strips
from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.tasks.task import Problem

Padding = list[tuple[int, int]]

# So many pixels of a photo tell how well its result explains it.
LOOKED_AT = 2**21


def as_tensor(photo: Photo, region: Rect, padding: Padding) -> torch.Tensor:
    """The region as (1, 3, H, W) in [-1, 1], continued by its mirror image."""
    pixels = photo.pixels[region.slices]
    below, beside = padding
    rows = np.pad(np.arange(len(pixels)), below, mode="symmetric")
    tensor = torch.empty(1, 3, len(rows), pixels.shape[1] + sum(beside))
    half = np.float32(np.iinfo(pixels.dtype).max / 2)

    def converted(strip: Rows) -> None:
        values = pixels[rows[strip.top : strip.bottom]]
        wide = np.pad(values, ((0, 0), beside, (0, 0)), mode="symmetric")
        for channel, target in zip(cv2.split(wide), strip.of(tensor, len(rows))[0], strict=True):
            into = target.numpy()
            np.divide(channel, half, out=into)
            into -= 1

    done_for_each(converted, in_strips(len(rows)), tensor.device)
    return tensor


def composed(
    photo: Photo, x0: torch.Tensor, mask: Mask | None, region: Rect, scale: int
) -> Photo:
    """The photo with the region replaced by x0; what was not painted stays bit for bit."""
    peak = np.iinfo(photo.pixels.dtype).max
    if mask is None:
        pixels = np.empty((region.height * scale, region.width * scale, 3), photo.pixels.dtype)
        target = pixels
    else:
        pixels = photo.pixels.copy()
        target = pixels[region.slices]

    def painted(rows: Rows) -> None:
        part = slice(rows.top, rows.bottom)
        unit = (x0[0, :, part, : target.shape[1]].permute(1, 2, 0).numpy() + 1) / 2
        changed: np.ndarray | bool = True
        if mask is not None:
            strength = mask.pixels[region.slices][part][..., None]
            # A soft brush edge blends; from half strength on the result counts alone.
            share = np.minimum(strength.astype(np.float32) / 128, 1)
            unit = share * unit + (1 - share) * (target[part] / np.float32(peak))
            changed = strength > 0
        values = np.rint(unit.clip(0, 1) * np.float32(peak)).astype(pixels.dtype)
        np.copyto(target[part], values, where=changed)

    done_for_each(painted, in_strips(len(target)), x0.device)
    return photo.with_pixels(pixels)


def without_colours(x0: torch.Tensor) -> torch.Tensor:
    """x0 (1, 3, H, W) with the mean of its channels in each: the prior knows colour photos, and
    gives a grey one a tint."""
    return x0.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def is_finite(x0: torch.Tensor) -> bool:
    """Whether every value is a number: a sum is none if one of its terms is none."""
    return bool(x0.sum().isfinite())


def consistency(problem: Problem, x0: torch.Tensor) -> float:
    """Mean squared difference of D(result) and y in 8-bit units, D as in the guidance; of a large
    photo whose values follow from one value each, every n-th strip of rows tells it."""
    height, reach = x0.shape[-2], problem.degradation.reach

    def squares(inner: Rows) -> tuple[float, int]:
        outer = inner.padded(reach or 0, height)
        part = problem.degradation
        if outer != Rows(0, height):
            part = part.rows(outer, height)
        predicted = part(outer.of(x0, height))
        there = Rows(inner.top - outer.top, inner.bottom - outer.top)
        difference = there.of(predicted, outer.bottom - outer.top) - inner.of(problem.y, height)
        return float(difference.square().sum(dtype=torch.float64)), difference.numel()

    at_once = {None: height, 0: THIN_ROWS}.get(reach, ROWS_AT_ONCE)
    every = max(1, x0[0, 0].numel() // LOOKED_AT) if reach == 0 else 1
    strips = ((rows,) for rows in list(in_strips(height, at_once))[::every])
    total, count = map(sum, zip(*side_by_side(squares, strips, x0.device), strict=True))
    return total * 127.5**2 / count
