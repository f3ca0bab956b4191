"""Quality terms Q(x0): wishes about the result that the photo itself cannot express.

Losses of Guo et al. 2020 (Zero-DCE), as used by GDP, with images in [0, 1] inside.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

# A quality term maps x0 (N, 3, H, W) in [-1, 1] to a loss, summed over all values of x0 (so that
# its weight beside the data term does not depend on the photo's size).
QualityTerm = Callable[[torch.Tensor], torch.Tensor]


def exposure_loss(x0: torch.Tensor, target: float) -> torch.Tensor:
    """Squared distance of the mean brightness of x0 to ``target`` in [0, 1]; a scalar.

    GDP pools 8×8 blocks and pulls each of them to E, which flattens a photo with real light and
    shadow; here the pull is on the photo as a whole.
    """
    return ((unit(x0).mean() - target) ** 2) * x0.numel()


def color_constancy_loss(x0: torch.Tensor) -> torch.Tensor:
    """sqrt((r-g)⁴ + (r-b)⁴ + (g-b)⁴) of the channel means; grey-world.  A scalar.

    The root has no gradient at zero, hence the epsilon.
    """
    red, green, blue = unit(x0).mean(dim=(2, 3)).unbind(dim=1)
    fourth = (red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4
    return ((fourth + 1e-12).sqrt() * x0[0].numel()).sum()


def smoothness_loss(light: torch.Tensor) -> torch.Tensor:
    """Total variation (squared) of an illumination map (N, C, H, W); mean over its values."""
    vertical = light.diff(dim=-2).square().mean() if light.shape[-2] > 1 else light.new_zeros(())
    horizontal = light.diff(dim=-1).square().mean() if light.shape[-1] > 1 else light.new_zeros(())
    return 2 * (vertical + horizontal)


def unit(x: torch.Tensor) -> torch.Tensor:
    """[-1, 1] -> [0, 1]"""
    return (x + 1) / 2
