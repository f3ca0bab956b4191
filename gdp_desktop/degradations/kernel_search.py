"""The kernel of an unknown blur, found in the blurred photo alone.

A natural photo's own texture is explained best by no blur at all (Levin et al. 2009), so the
photo is stood in for by a picture that is flat but for its strongest edges.  Picture and kernel are
found in turns, small first, as by Xu, Zheng and Jia (2013): what is left of edges at a small size
tells the way at the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import mirrored, quick_length
from gdp_desktop.degradations.blur_evidence import speaks_against
from gdp_desktop.degradations.kernel_fit import centred, kernel_from_edges
from gdp_desktop.degradations.kernels import fitted_into, gaussian_kernel, transfer
from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.diffusion.ranges import unit

# From one size to the next larger one.
GROWTH = 2**0.5
SMALLEST_SIDE = 3
ROUNDS = 5
# What an edge costs, of the squared error that it saves, with grey values in [0, 1]: few edges at
# first, so that the kernel has to explain the rest, and more as it becomes better.
MOST_WEIGHT, LEAST_WEIGHT, WEIGHT_FALL = 4e-3, 1e-4, 1.1
# Edges and flat pictures are brought together by a penalty that doubles up to this.
LARGEST_PENALTY = 30.0
# Taps weaker than this share of the strongest are left behind when a kernel grows.
FAINT_TAP = 0.05
# Groups of taps with less light than this share have no part in the path of a blur.
ISLAND = 0.1
# A search that lost its way spreads the light over more than this share of the square.
MOST_SPREAD = 0.25
# Of a large photo this part suffices, the one with the most edges.
SEARCHED = 512


class KernelSearch:
    """Looks for the kernel of the blurred photo y, (N, 3, H, W) in [-1, 1], once, when it is first
    asked for; that takes seconds, so ``raise_if_cancelled`` is called many times."""

    def __init__(
        self, y: torch.Tensor, size: int, raise_if_cancelled: Callable[[], None] = lambda: None
    ) -> None:
        self._y, self.size, self._raise_if_cancelled = y, size, raise_if_cancelled

    @cached_property
    def kernel(self) -> torch.Tensor | None:
        """(size, size) on the simplex, float64; None for a photo without edges, or with such that
        lead nowhere, or to a blur that the photo does not have."""
        grey = richest_part(grey_of(self._y), SEARCHED)
        kernel, weight = fitted_into(gaussian_kernel(0.6), SMALLEST_SIDE), MOST_WEIGHT
        kernel = kernel / kernel.sum()
        if kernel_from_edges(grey, grey, kernel) is None:
            return None
        for side in growing_sides(self.size):
            kernel = grown(kernel, side)
            small = resized(grey, side / self.size)
            # A picture hardly larger than its blur says nothing of it.
            if side == self.size or min(small.shape[-2:]) > 2 * side:
                kernel, weight = refined(small, kernel, weight, self._raise_if_cancelled)
        if taps_at_work(kernel) >= MOST_SPREAD * kernel.numel():
            return None
        # Grey is the mean of three channels in [0, 1], each with a noise of its own.
        noise = white_noise(self._y) / 2 / 3**0.5
        return None if speaks_against(grey, kernel, noise) else kernel


def refined(
    grey: torch.Tensor, kernel: torch.Tensor, weight: float, raise_if_cancelled: Callable[[], None]
) -> tuple[torch.Tensor, float]:
    """Edges and kernel in turns, at one size; the kernel and what an edge costs by then."""
    reach = 2 * len(kernel)
    around = with_ends_that_meet(grey, reach)
    rows, columns = (slice(reach, reach + n) for n in grey.shape[-2:])
    for _ in range(ROUNDS):
        raise_if_cancelled()
        edges = edges_alone(around, kernel, weight)[..., rows, columns]
        found = kernel_from_edges(edges, grey, kernel)
        if found is None:
            break
        kernel = centred(without_islands(found))
        weight = max(weight / WEIGHT_FALL, LEAST_WEIGHT)
    return kernel, weight


def edges_alone(y: torch.Tensor, kernel: torch.Tensor, weight: float) -> torch.Tensor:
    """argmin over x of ‖k * x - y‖² + weight·(number of pixels where ∂x is not 0), nearly, for a
    y that goes on at its other side: by turns of ∂x alone and of x alone, which the Fourier
    transform gives at once (half-quadratic splitting, Xu et al. 2011)."""
    shape = y.shape[-2:]
    blur = transfer(kernel, shape)
    steps = [transfer(step, shape) for step in _differences()]
    wanted = blur.conj() * torch.fft.rfft2(y)
    known = blur.abs().square()
    slopes = sum(step.abs().square() for step in steps)
    x, penalty = y, 2 * weight
    while penalty < LARGEST_PENALTY:
        transformed = torch.fft.rfft2(x)
        moved = [torch.fft.irfft2(step * transformed, s=shape) for step in steps]
        edge = sum(m.square() for m in moved) >= weight / penalty
        pulled = sum(
            step.conj() * torch.fft.rfft2(m * edge) for step, m in zip(steps, moved, strict=True)
        )
        x = torch.fft.irfft2((wanted + penalty * pulled) / (known + penalty * slopes), s=shape)
        penalty *= 2
    return x


def _differences() -> tuple[torch.Tensor, torch.Tensor]:
    """From a pixel to its neighbour, as kernels."""
    step = torch.tensor([[0.0, -1.0, 1.0]])
    return step, step.T


def with_ends_that_meet(grey: torch.Tensor, reach: int) -> torch.Tensor:
    """(…, H, W) continued by its mirror image, ``reach`` pixels before it and at least as many
    behind, fading to what both ends have in common: the picture goes on at its other side without
    an edge.  The new sides are quick to transform."""
    for side in (-1, -2):
        length = grey.shape[side]
        wanted = quick_length(length + 2 * reach)
        behind = wanted - length - reach
        around = mirrored(grey, behind, side).narrow(side, behind - reach, wanted)
        around = around.movedim(side, -1)
        first, last = around[..., :reach], around[..., -behind:]
        middle = (first[..., :1] + last[..., -1:]) / 2
        first = middle + _rise(reach) * (first - middle)
        last = middle + _rise(behind).flip(0) * (last - middle)
        grey = torch.cat((first, around[..., reach:-behind], last), -1).movedim(-1, side)
    return grey


def _rise(length: int) -> torch.Tensor:
    return (torch.arange(length) + 0.5) / length


def grey_of(y: torch.Tensor) -> torch.Tensor:
    """(1, 1, H, W) in [0, 1], in main memory."""
    return unit(y.detach().mean(dim=(0, 1), keepdim=True)).float().cpu()


def richest_part(grey: torch.Tensor, side: int) -> torch.Tensor:
    """Of a photo larger than (side, side), such a part with the most contrast between neighbours,
    those in the middle first."""
    height, width = grey.shape[-2:]
    tall, wide = min(side, height), min(side, width)
    energy = grey.diff(dim=-1)[..., :-1, :].square() + grey.diff(dim=-2)[..., :-1].square()
    tops, lefts = _places(height, tall), _places(width, wide)
    found = [
        (float(energy[..., top : top + tall, left : left + wide].sum()), top, left)
        for top in tops for left in lefts
    ]
    _, top, left = max(found, key=lambda place: place[0])
    return grey[..., top : top + tall, left : left + wide]


def _places(length: int, part: int) -> list[int]:
    """Where parts begin, half overlapping, the one nearest to the middle first."""
    last = length - part
    steps = -(-last // max(1, part // 2))
    places = [round(last * k / steps) for k in range(steps + 1)] if steps else [0]
    return sorted(places, key=lambda place: abs(place - last / 2))


def growing_sides(size: int) -> Iterator[int]:
    """Odd sides of a kernel from the smallest to ``size``."""
    sides = [size]
    while sides[-1] > SMALLEST_SIDE:
        smaller = int(sides[-1] / GROWTH) // 2 * 2 + 1
        sides.append(max(SMALLEST_SIDE, min(smaller, sides[-1] - 2)))
    return reversed(sides)


def resized(grey: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return grey
    shape = [max(1, round(n * scale)) for n in grey.shape[-2:]]
    return F.interpolate(grey, size=shape, mode="bilinear", antialias=True)


def grown(kernel: torch.Tensor, side: int) -> torch.Tensor:
    """The kernel for a picture so much larger, (side, side)."""
    if len(kernel) == side:
        return kernel
    shape = (side, side)
    larger = F.interpolate(kernel[None, None], size=shape, mode="bicubic")[0, 0].clamp(min=0)
    larger = torch.where(larger < FAINT_TAP * larger.max(), 0.0, larger)
    return larger / larger.sum()


def taps_at_work(kernel: torch.Tensor) -> float:
    """How many equal taps would have as much energy."""
    return float(kernel.sum().square() / kernel.square().sum())


def without_islands(kernel: torch.Tensor) -> torch.Tensor:
    """Without groups of taps that touch no other and hold next to no light: light moves along one
    path."""
    taps = kernel.numpy()
    count, group = cv2.connectedComponents((taps > 0).astype(np.uint8), connectivity=8)
    light = np.bincount(group.ravel(), taps.ravel(), minlength=count)
    kept = torch.from_numpy(np.where(light[group] >= ISLAND * taps.sum(), taps, 0.0))
    return kept / kept.sum() if float(kept.sum()) > 0 else kernel
