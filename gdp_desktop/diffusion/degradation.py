"""Degradation: how a clean photo became the photo at hand."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Degradation(nn.Module):
    """y = D_φ(x), for x (N, 3, H, W) in [-1, 1]; differentiable in x.

    What is learned about it (φ) are its parameters or buffers, moved by ``fit``.  A new degradation
    implements ``forward`` and whatever below differs from the identity.

    ``pointwise`` says that each value of y depends on the same value of x alone, so that the
    guidance can be solved value by value.
    """

    pointwise = True
    # Whether φ is learned at every level of the pyramid, and not at the coarsest alone.
    learns_at_every_level = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The photo that x would have become, without its noise."""
        return x

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        """A trivial restoration of y, the size of x: where sampling starts from."""
        return y

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        """How much ``initial`` amplifies noise in y, (N, 1, H, W) or (1, 1, 1, 1)."""
        return y.new_ones(1, 1, 1, 1)

    def shrunk(self) -> Degradation:
        """The same degradation for photos of half the size (the coarser pyramid level)."""
        return self

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        """The y that belongs to ``shrunk()``: y as it were of x at half size."""
        return halved(y)

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        """Moves φ towards explaining y by the clean estimate x0 (one damped step)."""

    def adopt(self, coarse: Degradation) -> None:
        """Takes over what was learned at a coarser level."""

    def estimate(self) -> dict[str, Any]:
        """What is known of φ, as numbers for the report."""
        return {}

    def by_products(self) -> dict[str, torch.Tensor]:
        """What is known of φ, as pictures to keep: (h, w), such as a blur kernel."""
        return {}

    def by_products(self) -> dict[str, torch.Tensor]:
        """What is known of φ and too much for a report, by name: a kernel, a map."""
        return {}


class BlockMean(Degradation):
    """Each output pixel is the mean of a factor × factor block: an ideal sensor of fewer pixels.

    D Dᵀ = I / factor², so nearest-neighbour replication is its pseudo-inverse.
    """

    pointwise = False

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, self.factor)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return enlarged(y, self.factor)


def halved(image: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) with even H, W -> (N, C, H/2, W/2) by 2×2 means."""
    return F.avg_pool2d(image, 2)


def enlarged(image: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, factor·H, factor·W), bicubic."""
    return F.interpolate(image, scale_factor=factor, mode="bicubic", align_corners=False)
