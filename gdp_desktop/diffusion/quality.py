"""Quality terms Q(x0): wishes about the result that the photo itself cannot express.

Losses of Guo et al. 2020 (Zero-DCE), as used by GDP, with images in [0, 1] inside.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.ranges import unit

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5

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


def ssim(x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Structural similarity of two pictures (N, C, H, W) in [-1, 1], a scalar of at most 1.

    Wang et al. 2004: Gaussian windows of 11×11 with σ = 1.5, K1 = 0.01, K2 = 0.03; mean over all
    whole windows and channels.  Raises ValueError for pictures smaller than a window.
    """
    if min(x.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}×{SSIM_WINDOW} pixels.")
    a, b = unit(x), unit(reference)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variances = _windowed(a.square()) - mean_a**2 + _windowed(b.square()) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (light * structure).mean()


def _windowed(image: torch.Tensor) -> torch.Tensor:
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    profile = torch.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    profile = (profile / profile.sum()).to(image).expand(image.shape[1], 1, 1, -1)
    rows = F.conv2d(image, profile, groups=image.shape[1])
    return F.conv2d(rows, profile.mT, groups=image.shape[1])


def smoothness_loss(light: torch.Tensor) -> torch.Tensor:
    """Total variation (squared) of an illumination map (N, C, H, W); mean over its values."""
    vertical = light.diff(dim=-2).square().mean() if light.shape[-2] > 1 else light.new_zeros(())
    horizontal = light.diff(dim=-1).square().mean() if light.shape[-1] > 1 else light.new_zeros(())
    return 2 * (vertical + horizontal)
