"""How different two photos look: the distance of what a network sees in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.unet import UNet

# (N, 3, H, W) in [-1, 1] -> features (N, C_k, H_k, W_k) of several layers.
Features = Callable[[torch.Tensor], Sequence[torch.Tensor]]

# The noise that the prior is told to look through: little, and more than 8-bit rounding.
FEATURE_SIGMA = 0.05


def perceptual_distance(
    features: Features, x: torch.Tensor, reference: torch.Tensor
) -> torch.Tensor:
    """Zhang et al. 2018 (LPIPS, eq. 1) with all weights 1, a scalar: features are brought to unit
    length at each place, and the squared distances averaged over places and added over layers.

    0 for equal photos, at most 4 per layer.
    """
    layers = zip(features(x), features(reference), strict=True)
    return torch.stack(
        [(_unit_length(a) - _unit_length(b)).square().sum(dim=1).mean() for a, b in layers]
    ).sum()


def features_of_prior(prior: Prior) -> Features:
    """What the embedded prior's encoder sees: stands in for a classifier, without a download.

    Raises ValueError for a prior of another kind.
    """
    network = getattr(prior, "network", None)
    if not isinstance(network, UNet):
        raise ValueError("only priors of this program have features to compare")
    alpha = (1 + FEATURE_SIGMA**2) ** -0.5

    def seen(x: torch.Tensor) -> Sequence[torch.Tensor]:
        # What is left over at the right and below, less than a stride, is not looked at.
        height, width = (n // network.config.stride * network.config.stride for n in x.shape[-2:])
        x = x[..., :height, :width]
        parameter = next(network.parameters())
        log_sigma = torch.full((len(x),), math.log(FEATURE_SIGMA), device=parameter.device)
        return network.features(alpha * x.to(parameter), log_sigma.to(parameter))

    return seen


def features_if_any(prior: Prior) -> Features | None:
    """``features_of_prior``, or None for a prior of another kind."""
    try:
        return features_of_prior(prior)
    except ValueError:
        return None


def _unit_length(features: torch.Tensor) -> torch.Tensor:
    return features / (features.square().sum(dim=1, keepdim=True) + 1e-10).sqrt()
