"""DPM-Solver++ (2M): the deterministic process, each step bent by the one before."""

from __future__ import annotations

import math
from functools import cached_property

import torch

from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.methods.guided import START, Guided
from gdp_desktop.methods.method import Method


class MultiStep(Guided):
    """Lu et al. 2022 (DPM-Solver++, algorithm 2), in σ = √(1-ᾱ)/√ᾱ and around the guided x̃0.

    With h the step in -log σ, x̃0 is extended along the line through its last two values to the
    middle of the step; then dx/dσ = (x - x̃0)/σ is solved exactly.  The last step, to σ = 0, is
    x̃0 itself.  Steps are those of Karras et al. 2022.
    """

    # x̃0 and h of the step before.
    before: tuple[torch.Tensor, float] | None = None

    @cached_property
    def schedule(self) -> Schedule:
        return self.given.prior.schedule.karras(self.given.steps, self.first_step())

    def start(self, generator: torch.Generator) -> torch.Tensor:
        self.before = None
        return super().start(generator)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x0 = self.guided(prior, x_t, i)
        if i == 0:
            return x0, x0
        sigma, sigma_next = self.schedule.sigma(i), self.schedule.sigma(i - 1)
        h = math.log(sigma / sigma_next)
        extended = x0
        if self.before is not None:
            x0_before, h_before = self.before
            extended = x0 + h / (2 * h_before) * (x0 - x0_before)
        self.before = x0, h
        alpha, alpha_next = self.schedule.alpha(i), self.schedule.alpha(i - 1)
        ratio = sigma_next / sigma
        return x0, alpha_next * (ratio * x_t / alpha + (1 - ratio) * extended)


HELP = """A second-order solver of the deterministic process (DPM-Solver++ 2M) around the guided
estimate, with the steps of Karras et al.: sharp results in few steps, one answer per seed."""

METHOD = Method(
    "dpm2m", "DPM++ 2M", HELP, MultiStep, default_steps=15, params=(START,), order=50,
)
