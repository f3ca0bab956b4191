"""Low light as GDP published it: one factor and one map on the encoded values."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.diffusion.strips import Rows

# Values of the windows whose mean squared error the published rates of f and M belong to.
PUBLISHED_VALUES = 3 * 256**2
SMALLEST_FACTOR = 1e-3


class LightFactor(Degradation):
    """y = f·x + M with x and y in [0, 1] (Fei et al. 2023).

    f (1, 1, 1, 1), positive; M (1, 1, H, W).  Both take one plain gradient step of rate 1 on the
    mean squared error per fit.  So f is at its least-squares value after a few fits, and M, whose
    gradient is spread over all values, hardly moves at all.

    f starts where ``initial`` has the mean ``exposure``; the published start, near 0, is forgotten
    as fast.  Nothing holds f there: any factor explains y with some brightness of x, and which one
    it is the prior and the seed decide.
    """

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, factor: torch.Tensor, offset: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("offset", offset)

    @classmethod
    def exposed(cls, y: torch.Tensor, exposure: float) -> LightFactor:
        """For the photo y (1, 3, H, W) whose restoration has about the mean ``exposure``."""
        factor = (unit(y).mean() / exposure).clamp(SMALLEST_FACTOR, 1)
        return cls(factor.view(1, 1, 1, 1), torch.zeros_like(y[:, :1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * (self.factor * unit(x) + self.offset) - 1

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return (2 * (unit(y) - self.offset) / self.factor - 1).clamp(-1, 1)

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        return 1 / self.factor

    def rows(self, rows: Rows, height: int) -> LightFactor:
        return LightFactor(self.factor, rows.of(self.offset, height))

    def shrunk(self) -> LightFactor:
        return LightFactor(self.factor.clone(), halved(self.offset))

    def adopt(self, coarse: Degradation) -> None:
        if isinstance(coarse, LightFactor):
            self.factor.copy_(coarse.factor)
            self.offset.copy_(
                F.interpolate(coarse.offset, size=self.offset.shape[-2:], mode="bilinear")
            )

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        residual = (self(x0) - y) / 2
        slope_f = 2 * (residual * unit(x0)).mean()
        slope_m = 2 * residual.sum(dim=1, keepdim=True) / PUBLISHED_VALUES
        self.factor.sub_(slope_f).clamp_(min=SMALLEST_FACTOR)
        self.offset.sub_(slope_m)

    def estimate(self) -> dict[str, Any]:
        return {
            "light_factor": round(float(self.factor), 4),
            "light_map_mean": round(float(self.offset.mean()), 5),
        }
