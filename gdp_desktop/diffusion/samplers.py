"""Reverse processes.  Each is a generator of Steps: the caller looks, and stops when it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.guidance import Guidance
from gdp_desktop.diffusion.handing_over import handed_over
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.schedule import Schedule


@dataclass(frozen=True)
class Step:
    """After one reverse step: ``x0`` is the guided clean estimate, ``x_t`` the next state."""

    index: int
    total: int
    x0: torch.Tensor
    x_t: torch.Tensor


Sampler = Callable[..., Iterator[Step]]


def ddpm(
    prior: Prior,
    guidance: Guidance | None,
    x_t: torch.Tensor,
    generator: torch.Generator,
    zeta: float = 1.0,
) -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2) around the guided x0, as in GDP (Fei et al.
    2023, algorithm 2): the guidance is on x̃0 and the variance does not weigh it.

    GDP adds a small constant times the gradient to the mean.  Ours is the whole way to the best x0,
    so it enters where x̃0 does, in the posterior mean; added to the mean, y would count anew at
    every step.  ``zeta`` scales the variance of the fresh noise; 1 is the published sampler.
    """
    total = len(prior.schedule)
    for i in reversed(range(total)):
        denoised = prior(x_t, i)
        x0 = guidance(denoised.x0, prior.x0_std(i)) if guidance else denoised.x0
        mean = prior.schedule.q_posterior_mean(x0, x_t, i)
        noise = standard_normal(x_t, generator) if i > 0 else torch.zeros_like(x_t)
        x_t = mean + zeta**0.5 * (0.5 * denoised.log_variance).exp() * noise
        yield Step(total - 1 - i, total, x0, x_t)


def ddim(
    prior: Prior,
    guidance: Guidance | None,
    x_t: torch.Tensor,
    generator: torch.Generator,
    zeta: float = 1.0,
) -> Iterator[Step]:
    """DDIM (Song et al. 2021, eq. 12) around the guided x0, as DDNM and DiffPIR use it.

    ``zeta`` is the share of fresh noise in x_{t-1} (Zhu et al. 2023, eq. 13): 0 is deterministic,
    with 1 nothing of the old noise is kept.
    """
    schedule, total = prior.schedule, len(prior.schedule)
    for i in reversed(range(total)):
        denoised = prior(x_t, i)
        x0 = guidance(denoised.x0, prior.x0_std(i)) if guidance else denoised.x0
        fresh = standard_normal(x_t, generator) if i > 0 and zeta > 0 else None
        x_t = ddim_step(schedule, x_t, x0, i, zeta, fresh)
        yield Step(total - 1 - i, total, x0, x_t)


def ddim_step(
    schedule: Schedule,
    x_t: torch.Tensor,
    x0: torch.Tensor,
    i: int,
    zeta: float,
    fresh: torch.Tensor | None,
) -> torch.Tensor:
    """x_{t-1} from x_t and the guided x0, value by value; ``fresh`` is standard normal noise, not
    needed where ``zeta`` is 0 or at the last step, whose answer is x0."""
    if i == 0:
        return x0
    noise = (1 - zeta) ** 0.5 * schedule.eps_from_x0(x_t, x0, i)
    if zeta > 0 and fresh is not None:
        noise = noise + zeta**0.5 * fresh
    return schedule.q_sample(x0, i - 1, noise)


SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim}


def standard_normal(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One noise field for the whole photo, drawn on the CPU so that every device gets the same."""
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float32)
    return handed_over(drawn, like)
