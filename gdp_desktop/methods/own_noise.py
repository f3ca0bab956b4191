"""The noise that a photo itself brings to the state that sampling starts from."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.resampling import enlarged, halved

# Where noise differs from place to place, sampling starts from a level that this share of the photo
# does not exceed: most of it where nothing else is done about the rest, less where detail of the
# rest is taken back to that level.
MOST_OF_A_PHOTO, LARGER_PART = 0.97, 0.75
# Nor does it start from more than so many times the photo's noise: what noise is added everywhere
# else for the sake of the blackest parts would cost more than it gives.
LARGEST_GAIN = 20.0
# Where a photo has no noise, something has to be started from.
LEAST_SIGMA = 1e-3


def starting_sigma(gain: torch.Tensor, sigma_y: float, share: float) -> float:
    """The noise level to start from, where noise of σ_y is amplified by ``gain`` (1, 1, H, W) or
    (1, 1, 1, 1)."""
    return sigma_y * min(quantile(gain, share), LARGEST_GAIN)


def information_left(own_noise: torch.Tensor, sigma: float) -> torch.Tensor:
    """The share of y's information that x_t does not hold.

    Started from the photo's own noise and σ² in all, x_t is y with some noise added: of y's
    precision 1/own_noise² it holds 1/σ².  Without any added noise naming y again would count it
    twice and bring its noise back.
    """
    return (1 - own_noise.square() / sigma**2).clamp(0, 1)


def weight_of(
    y: torch.Tensor, own_noise: torch.Tensor, sigma: float
) -> float | torch.Tensor:
    """``information_left`` of every value of y, which may stand for a block of x; a float where it
    is the same for all."""
    share = information_left(own_noise, sigma)
    if share.shape[-2] > y.shape[-2]:
        share = F.adaptive_avg_pool2d(share, (y.shape[-2], y.shape[-1]))
    return float(share) if share.numel() == 1 else share


def added_noise(own_noise: torch.Tensor, sigma: float) -> torch.Tensor:
    """Standard deviation of what is missing to σ; nothing where the photo brings more."""
    return (sigma**2 - own_noise.square()).clamp(min=0).sqrt()


def taken_back(
    start: torch.Tensor, own_noise: torch.Tensor, sigma: float
) -> torch.Tensor:
    """A starting point (1, 3, H, W) with even H and W whose detail, all but its 2×2 means, is made
    weaker where its noise is above σ, so that it is not: more than the prior is told of would
    stay in the photo."""
    if own_noise.numel() == 1 or not bool((own_noise > sigma).any()):
        return start
    return enlarged(halved(start)).lerp_(start, (sigma / own_noise).clamp_(max=1))
