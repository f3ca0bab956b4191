"""Edges made steep: what a blurred picture's strong edges were like before."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.blur import Blur
from gdp_desktop.diffusion.kernels import gaussian_kernel

TIME_STEP = 0.3
# Where an edge bends is looked for in a copy this smooth, or noise would be sharpened as well.
SMOOTHING = 1.0


def steepened(image: torch.Tensor, steps: int) -> torch.Tensor:
    """(N, 1, H, W) after ``steps`` steps of the shock filter: values move away from an edge's
    middle, darker on its dark side and brighter on its bright one (Osher and Rudin 1990; the
    smoothed curvature is Alvarez and Mazorra's, 1994).  No value leaves the range of its
    neighbours."""
    smooth = Blur(gaussian_kernel(SMOOTHING))
    for _ in range(steps):
        image = image - TIME_STEP * _curvature(smooth(image)).sign() * _slope(image)
    return image


def _curvature(image: torch.Tensor) -> torch.Tensor:
    """The second derivative along the gradient, times the squared gradient."""
    around = F.pad(image, (1, 1, 1, 1), mode="replicate")
    left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
    above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
    corners = (around[..., 2:, 2:] + around[..., :-2, :-2]
               - around[..., 2:, :-2] - around[..., :-2, 2:])
    along_x, along_y = (right - left) / 2, (below - above) / 2
    return (
        along_x.square() * (left + right - 2 * image)
        + along_y.square() * (above + below - 2 * image)
        + along_x * along_y * corners / 2
    )


def _slope(image: torch.Tensor) -> torch.Tensor:
    """The gradient's length, per direction the smaller of both one-sided differences; 0 at an
    extremum."""
    around = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = _smaller(around[..., 1:-1, 2:] - image, image - around[..., 1:-1, :-2])
    down = _smaller(around[..., 2:, 1:-1] - image, image - around[..., :-2, 1:-1])
    return torch.hypot(across, down)


def _smaller(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where(a * b > 0, torch.minimum(a.abs(), b.abs()), 0.0)
