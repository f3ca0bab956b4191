"""The constants of GDP (Fei et al. 2023) as its scripts were released, by kind of problem."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.quality import QualityTerm, color_constancy_loss

SIDE = 256  # of the photos that every constant was chosen for


@dataclass(frozen=True)
class Published:
    """The guidance scale s and the quality terms of one kind of problem.

    s multiplies the gradient of a squared error that is a *mean* over the values of y, in [0, 1],
    so it belongs to photos of 256×256 pixels and to a thousand steps.  ``scale`` is for guidance
    on x̃0 or x_t, ``scale_with_sigma`` for guidance that is multiplied by the variance Σ; None:
    not published.  ``side`` is that of y where it is not of x's.  The gradient of ``quality`` is
    added to that of the loss as it is.
    """

    scale: float
    scale_with_sigma: float | None = None
    side: int = SIDE
    quality: tuple[QualityTerm, ...] = ()


def kappa(scale: float, values_per_pixel: float, side: int = SIDE) -> float:
    """s as a step along Dᵀ(y - D(x)) with x and y in [-1, 1]: s/2N.

    N = values_per_pixel·side² is how many values the mean runs over.  Of the square's derivative 2
    a half is left, because in [0, 1] both the residual and x are half as large.
    """
    return scale / (2 * values_per_pixel * side**2)


def _balanced_colours(x0: torch.Tensor) -> torch.Tensor:
    """500·L_color with channel means in [-1, 1], four times as large as in [0, 1]; a mean again."""
    return 500 * 4 / (3 * SIDE**2) * color_constancy_loss(x0)


SUPER_RESOLUTION = Published(2000, 250_000)
DEBLURRING = Published(6000, 300_000, side=248)  # y lost the margin of a 9×9 kernel
INPAINTING = Published(4000, 250_000)
COLORIZATION = Published(6000, 30_000, quality=(_balanced_colours,))
# 80 000, and the guidance of a step is applied twice; for y = f·x + M on encoded values.
LOW_LIGHT = Published(160_000)
