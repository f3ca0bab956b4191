"""A prior whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from gdp_desktop.diffusion.prior import Denoised
from gdp_desktop.diffusion.schedule import Schedule


@dataclass(frozen=True)
class GaussianPrior:
    """Photos whose values are independent N(mean, std²): every answer has a closed form.

    The posterior after any linear measurement is known exactly.
    """

    mean: float
    std: float
    schedule: Schedule = Schedule.linear()
    stride: int = 1
    window: int = 32
    halo: int = 0

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        alpha_bar = float(self.schedule.alphas_cumprod[i])
        x0 = self.mean + self._gain(i) * (x_t - alpha_bar**0.5 * self.mean)
        log_variance = self.schedule.posterior_log_variance_clipped[i].to(x_t.dtype)
        return Denoised(x0, log_variance.view(1, 1, 1, 1))

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        return self._gain(i) * slope

    def _gain(self, i: int) -> float:
        alpha_bar = float(self.schedule.alphas_cumprod[i])
        return self.std**2 * alpha_bar**0.5 / (self.std**2 * alpha_bar + 1 - alpha_bar)

    def x0_std(self, i: int) -> float:
        sigma = float(self.schedule.sigmas[i])
        return (1 / (1 / self.std**2 + 1 / sigma**2)) ** 0.5

    def respaced(self, schedule: Schedule) -> GaussianPrior:
        return replace(self, schedule=schedule)
