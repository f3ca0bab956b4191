"""How noisy the photos of a bracket are: what they differ by is no texture of the scene."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.exposures import light_per_value
from gdp_desktop.degradations.light import decode, encode
from gdp_desktop.degradations.noise import (
    LEVELS,
    WHITE_SHARE,
    all_of_it,
    estimate_noise,
    noise_to_remove,
)
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved

BLOCK = 8
# Blocks (of one colour) that tell a level's noise, and the share of a block that two photos know.
FEWEST_BLOCKS, TOLD_SHARE = 12, 0.25
KNOWN = 0.9
# Edges that are not laid exactly add to the differences of some blocks, so the lower ones tell.
STILL_SHARE = 0.3
# White noise halves from a level to the next; from here on it is called coarse.
WHITE_RATIO = 0.7


def noise_of_bracket(
    y: torch.Tensor, known: torch.Tensor, factors: torch.Tensor, levels: int = LEVELS
) -> tuple[float, ...]:
    """The noise of each photo to remove, one standard deviation per pyramid level from full size
    down, as ``noise.noise_to_remove`` tells it of a single photo.

    y (n, 3, H, W) are laid on one another, ``known`` says where they tell something, and
    ``factors`` (n,) is their light.  Photon noise is nearly the same in all encoded values, so one
    number does for all.  Texture can look like noise to a single photo, a shaken bracket to the
    differences: the smaller of the two is believed at every level.  White noise is told for full
    size alone, from which that of the others follows: what is noisier than the rest is taken back
    to them.
    """
    beside = _differences(y, known, factors, levels)
    if len(beside) < 2:  # there is too little that two of the photos know
        alone = noise_to_remove(y[:1], levels)
        coarser = alone[1:] if any(alone[1:]) else ()
        return (min(alone[0], *beside, math.inf), *coarser)
    alone = estimate_noise(y[:1], levels)
    finest = [min(pair) for pair in zip(alone, beside, strict=False)]
    if beside[1] < WHITE_RATIO * beside[0]:
        return (finest[0],)
    return all_of_it(finest)


def _differences(
    y: torch.Tensor, known: torch.Tensor, factors: torch.Tensor, levels: int
) -> list[float]:
    """σ of the white noise that would leave as much in the finest band, one per level until there
    is too little to read."""
    order, found = factors.argsort().tolist(), []
    for _ in range(levels):
        if min(y.shape[-2:]) < 2 * BLOCK:
            break
        pairs = zip(order, order[1:], strict=False)
        variances = torch.cat([
            _finest_band(y[[darker, brighter]], known[[darker, brighter]],
                         float(factors[darker] / factors[brighter]))
            for darker, brighter in pairs
        ])
        if len(variances) < FEWEST_BLOCKS:
            break
        found.append((quantile(variances, STILL_SHARE) / WHITE_SHARE) ** 0.5)
        height, width = (n // 2 * 2 for n in y.shape[-2:])
        y, known = (halved(part[..., :height, :width]) for part in (y, known))
    return found


def _finest_band(pair: torch.Tensor, known: torch.Tensor, ratio: float) -> torch.Tensor:
    """Variance of the noise of one photo in the finest band, (blocks,), where both (2, 3, H, W),
    the darker one first, are known; ``ratio`` is the darker one's light beside the other's."""
    height, width = (n // BLOCK * BLOCK for n in pair.shape[-2:])
    pair, known = unit(pair[..., :height, :width]), known[..., :height, :width]
    expected = encode(ratio * decode(pair[1:]))
    # How strongly the brighter one's noise, as strong in its own values, comes through.
    darker, brighter = light_per_value(halved(pair)).split(1)
    slope = ratio * brighter / darker
    difference = 2 * (pair[:1] - expected)
    detail = difference - F.interpolate(halved(difference), scale_factor=2.0, mode="nearest")
    # Cells of 2×2, all of which both know, and their mean over blocks that have enough of them.
    told = (-F.max_pool2d(-known.amin(dim=0, keepdim=True), 2) > KNOWN).float()
    cells = told * halved(detail.square_()) / (1 + slope.square())
    energy, share = (F.avg_pool2d(values, BLOCK // 2) for values in (cells, told))
    enough = (share > TOLD_SHARE) & (energy > 1e-8)
    return energy[enough] / share[enough]
