"""The forward process as tables, and its respacing to fewer timesteps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

TRAINING_TIMESTEPS = 1000


@dataclass(frozen=True)
class Schedule:
    """A discrete Gaussian diffusion q(x_t | x_0) = N(sqrt(ᾱ_t)·x_0, (1 - ᾱ_t)·I).

    Tables are float64 tensors of shape (T,), indexed by the *step index* i = 0 … T-1 (0 is
    the last step of the reverse process).  ``timesteps[i]`` is the index of step i in the schedule
    the network was trained with; the two differ only after respacing.

    Source: Ho et al. 2020 (DDPM), eq. 4-7; respacing: Nichol & Dhariwal 2021, section 4.
    """

    betas: torch.Tensor
    timesteps: torch.Tensor

    @classmethod
    def linear(cls, num_timesteps: int = TRAINING_TIMESTEPS) -> Schedule:
        """β from 1e-4 to 2e-2; the ends are scaled by 1000/T for another T."""
        scale = TRAINING_TIMESTEPS / num_timesteps
        betas = torch.linspace(scale * 1e-4, scale * 2e-2, num_timesteps, dtype=torch.float64)
        return cls(betas, torch.arange(num_timesteps))

    def __len__(self) -> int:
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> torch.Tensor:
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def alphas_cumprod_prev(self) -> torch.Tensor:
        return torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod[:-1]])

    @cached_property
    def sigmas(self) -> torch.Tensor:
        """Noise level of x_t / sqrt(ᾱ_t), in the units of x_0."""
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt()

    def sigma(self, i: int) -> float:
        """Noise level of x_t / sqrt(ᾱ_t) at step i; -1 is the first step taken."""
        return float(self.sigmas[i])

    def alpha(self, i: int) -> float:
        """sqrt(ᾱ_t) at step i: how much of x_0 is left in x_t."""
        return float(self.alphas_cumprod[i]) ** 0.5

    @cached_property
    def posterior_variance(self) -> torch.Tensor:
        """β̃_t, the variance of q(x_{t-1} | x_t, x_0)."""
        return self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance_clipped(self) -> torch.Tensor:
        """log β̃_t, with the β̃_0 = 0 of the last step replaced by β̃_1."""
        variance = self.posterior_variance
        first = variance[1:2] if len(variance) > 1 else self.betas[:1]
        return torch.cat([first, variance[1:]]).log()

    @cached_property
    def posterior_mean_coef1(self) -> torch.Tensor:
        """Weight of x_0 in the mean of q(x_{t-1} | x_t, x_0)."""
        return self.betas * self.alphas_cumprod_prev.sqrt() / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_mean_coef2(self) -> torch.Tensor:
        """Weight of x_t in the mean of q(x_{t-1} | x_t, x_0)."""
        alphas = 1 - self.betas
        return (1 - self.alphas_cumprod_prev) * alphas.sqrt() / (1 - self.alphas_cumprod)

    def q_sample(self, x0: torch.Tensor, i: int, noise: torch.Tensor) -> torch.Tensor:
        """x_t drawn from q(x_t | x_0) with the given standard normal noise; any shape."""
        alpha_bar = float(self.alphas_cumprod[i])
        return alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * noise

    def q_posterior_mean(self, x0: torch.Tensor, x_t: torch.Tensor, i: int) -> torch.Tensor:
        """Mean of q(x_{t-1} | x_t, x_0)."""
        c1, c2 = self.posterior_mean_coef1[i], self.posterior_mean_coef2[i]
        return float(c1) * x0 + float(c2) * x_t

    def x0_from_eps(self, x_t: torch.Tensor, eps: torch.Tensor, i: int) -> torch.Tensor:
        alpha_bar = float(self.alphas_cumprod[i])
        return (x_t - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5

    def eps_from_x0(self, x_t: torch.Tensor, x0: torch.Tensor, i: int) -> torch.Tensor:
        alpha_bar = float(self.alphas_cumprod[i])
        return (x_t - alpha_bar**0.5 * x0) / (1 - alpha_bar) ** 0.5

    def x0_from_v(self, x_t: torch.Tensor, v: torch.Tensor, i: int) -> torch.Tensor:
        """v = sqrt(ᾱ)·ε - sqrt(1-ᾱ)·x_0 (Salimans & Ho 2022, section 4)."""
        alpha_bar = float(self.alphas_cumprod[i])
        return alpha_bar**0.5 * x_t - (1 - alpha_bar) ** 0.5 * v

    def step_at(self, sigma: float) -> int:
        """The step whose noise level is nearest to sigma (units of x_0), on a log scale."""
        return int((self.sigmas.log() - torch.tensor(sigma).double().log()).abs().argmin())

    def keep(self, indices: Sequence[int]) -> Schedule:
        """The schedule that visits only the given steps (ascending) of this one."""
        kept = torch.as_tensor(sorted(set(indices)))
        alphas_cumprod = self.alphas_cumprod[kept]
        previous = torch.cat([torch.ones(1, dtype=torch.float64), alphas_cumprod[:-1]])
        return Schedule(1 - alphas_cumprod / previous, self.timesteps[kept])

    def evenly(self, num_steps: int) -> Schedule:
        """num_steps steps from 0 to T-1, no more than there are (Nichol & Dhariwal 2021, one
        section).  A single one is at T-1: told of less noise, the prior would leave what there is
        more."""
        count = min(num_steps, len(self))
        if count == 1:
            return self.keep([len(self) - 1])
        hop = (len(self) - 1) / (count - 1)
        return self.keep([round(hop * k) for k in range(count)])

    def quadratic(self, num_steps: int, start: int | None = None) -> Schedule:
        """num_steps steps from ``start`` (default T-1) to 0, denser towards 0.

        Spacing: Zhu et al. 2023 (DiffPIR), "quad".
        """
        start = len(self) - 1 if start is None else start
        num_steps = min(num_steps, start + 1)
        spaced = torch.linspace(0, 1, num_steps, dtype=torch.float64).square() * start
        # Near 0 the squares fall on the same integers; pushing them apart keeps the count exact.
        indices = _apart([int(s) for s in spaced.round()], start)
        return self.keep(indices if num_steps > 1 else [start])

    def strided(self, num_steps: int) -> Schedule:
        """num_steps steps at 0, T/n, 2T/n …, as DDRM and DDNM visit them; T-1 is not among them,
        but where it is the only one."""
        if num_steps == 1:
            return self.evenly(1)
        return self.keep([k * len(self) // num_steps for k in range(num_steps)])

    def karras(self, num_steps: int, start: int | None = None) -> Schedule:
        """num_steps steps from ``start`` (default T-1) to 0, evenly spaced in σ^(1/ρ).

        Karras et al. 2022, eq. 5, with their ρ, each σ taken to the nearest step there is.
        """
        rho = 7.0
        start = len(self) - 1 if start is None else start
        num_steps = min(num_steps, start + 1)
        low, high = float(self.sigmas[0]) ** (1 / rho), float(self.sigmas[start]) ** (1 / rho)
        roots = torch.linspace(low, high, num_steps, dtype=torch.float64)
        indices = _apart([self.step_at(float(root) ** rho) for root in roots], start)
        return self.keep(indices if num_steps > 1 else [start])


def _apart(indices: list[int], most: int) -> list[int]:
    """Ascending indices from 0 to ``most``, those that fall on the one before moved up by one, and
    down again where that would lead beyond ``most``."""
    apart = indices[:1]
    for index in indices[1:]:
        apart.append(max(index, apart[-1] + 1))
    last = len(apart) - 1
    return [min(index, most - (last - k)) for k, index in enumerate(apart)]
