"""A prior: what photos look like, as a denoiser that knows its own schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch

from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import UNet


@dataclass(frozen=True)
class Denoised:
    """One prediction of the reverse process at x_t; tensors are (N, 3, H, W).

    ``x0`` is the clean estimate in [-1, 1], ``mean`` and ``log_variance`` those of
    p(x_{t-1} | x_t); a fixed log-variance has the shape (1, 1, 1, 1).
    """

    x0: torch.Tensor
    mean: torch.Tensor
    log_variance: torch.Tensor


class Prior(Protocol):
    """``(x_t, i) -> Denoised`` at step index i of ``schedule``; see ``Schedule.timesteps``.

    x_t is (N, 3, H, W); height and width are multiples of ``stride`` and at least ``stride``.
    ``window`` is the size it works best at, ``halo`` how many pixels from a window's inner edge
    it is unreliable because it cannot see across.
    """

    @property
    def schedule(self) -> Schedule: ...

    @property
    def stride(self) -> int: ...

    @property
    def window(self) -> int: ...

    @property
    def halo(self) -> int: ...

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised: ...

    def x0_std(self, i: int) -> float:
        """How far the clean estimate at step i is from the truth (RMS, units of x_0)."""
        ...

    def respaced(self, schedule: Schedule) -> Prior:
        """The same prior on fewer timesteps."""
        ...


@dataclass(frozen=True)
class UNetPrior:
    """The embedded prior: a v-prediction U-Net with the fixed small variance β̃_t.

    ``error_table`` holds (σ, RMS error of x̃0) pairs measured on training photos, ascending.
    """

    network: UNet
    error_table: tuple[tuple[float, float], ...] = ()
    schedule: Schedule = Schedule.linear()
    device: torch.device = torch.device("cpu")
    window: int = 512
    halo: int = 32
    autocast: torch.dtype | None = None

    @property
    def stride(self) -> int:
        return self.network.config.stride

    @torch.no_grad()
    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        # On a CPU a batch is no faster than its windows one by one, and convolution kernels chosen
        # by batch size round differently: one by one, the batch size cannot be seen in the result.
        batches = x_t.split(1) if self.device.type == "cpu" else (x_t,)
        v = torch.cat([self._velocity(part, i) for part in batches])
        x0 = self.schedule.x0_from_v(x_t, v, i).clamp(-1, 1)
        log_variance = self.schedule.posterior_log_variance_clipped[i].float()
        return Denoised(
            x0, self.schedule.q_posterior_mean(x0, x_t, i), log_variance.view(1, 1, 1, 1)
        )

    def _velocity(self, x_t: torch.Tensor, i: int) -> torch.Tensor:
        log_sigma = self.schedule.sigmas[i].log().float().expand(len(x_t)).to(self.device)
        x_in = x_t.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
            v = self.network(x_in, log_sigma)
        return v.float().to(x_t.device).contiguous()

    def x0_std(self, i: int) -> float:
        sigma = float(self.schedule.sigmas[i])
        if len(self.error_table) < 2:  # not measured: as if photos were N(0, 0.5²)
            return sigma / (1 + 4 * sigma**2) ** 0.5
        return interpolate_error(self.error_table, sigma)

    def respaced(self, schedule: Schedule) -> UNetPrior:
        return replace(self, schedule=schedule)


def interpolate_error(table: tuple[tuple[float, float], ...], sigma: float) -> float:
    """Linear on log-log axes; beyond the ends the end value, and never more than σ itself."""
    sigmas = torch.tensor([s for s, _ in table], dtype=torch.float64).log()
    errors = torch.tensor([e for _, e in table], dtype=torch.float64).log()
    x = torch.tensor(sigma, dtype=torch.float64).log().clamp(sigmas[0], sigmas[-1])
    k = int(torch.searchsorted(sigmas, x).clamp(1, len(sigmas) - 1))
    weight = (x - sigmas[k - 1]) / (sigmas[k] - sigmas[k - 1])
    return min(float(torch.lerp(errors[k - 1], errors[k], weight).exp()), sigma)


@dataclass(frozen=True)
class GaussianPrior:
    """Photos whose values are independent N(mean, std²): every answer has a closed form.

    For tests: the posterior after any linear measurement is known exactly.
    """

    mean: float
    std: float
    schedule: Schedule = Schedule.linear()
    stride: int = 1
    window: int = 32
    halo: int = 0

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        alpha_bar = float(self.schedule.alphas_cumprod[i])
        gain = self.std**2 * alpha_bar**0.5 / (self.std**2 * alpha_bar + 1 - alpha_bar)
        x0 = self.mean + gain * (x_t - alpha_bar**0.5 * self.mean)
        log_variance = self.schedule.posterior_log_variance_clipped[i].to(x_t.dtype)
        return Denoised(
            x0, self.schedule.q_posterior_mean(x0, x_t, i), log_variance.view(1, 1, 1, 1)
        )

    def x0_std(self, i: int) -> float:
        sigma = float(self.schedule.sigmas[i])
        return (1 / (1 / self.std**2 + 1 / sigma**2)) ** 0.5

    def respaced(self, schedule: Schedule) -> GaussianPrior:
        return replace(self, schedule=schedule)
