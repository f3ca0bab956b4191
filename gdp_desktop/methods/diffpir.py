"""DiffPIR: the prior denoises, a least-squares step goes back to the photo, noise is added."""

from __future__ import annotations

from functools import cached_property

import torch

from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param

# σ_n of the program is in units of [0, 1] and at least this much.
SMALLEST_NOISE = 0.001


class DiffPIR(ReverseProcess):
    """Zhu et al. 2023, algorithm 1.

    x̂0 = argmin ‖y - D(x)‖² + ρ_t·‖x - x̃0‖² with ρ_t = λσ_n²/σ̄_t².  Published values of λ
    belong to a σ_n in units of [0, 1] beside a σ̄_t in units of [-1, 1], so σ_n is σ_y/2 here too.
    The last step has no least-squares step.  A degradation that is not linear is linearised at x̃0,
    and what is learned about it moves at every step.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.lambda_, self.zeta = given.values["lambda"], given.values["zeta"]
        self.sigma_n = max(SMALLEST_NOISE, self.sigma_y / 2)

    @cached_property
    def schedule(self) -> Schedule:
        """Equal steps in t² counted from the noisy end: sparse there, dense towards 0."""
        schedule = self.given.prior.schedule
        total, steps = len(schedule), self.given.steps
        squares = torch.linspace(0, total**2, steps, dtype=torch.float64)
        counted = [min(int(root), total - 1) for root in squares.sqrt()]
        return schedule.keep([total - 1 - n for n in counted])

    def start(self, generator: torch.Generator) -> torch.Tensor:
        noise = super().start(generator)
        return self.schedule.q_sample(
            self.degradation.initial(self.y), len(self.schedule) - 1, noise
        )

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x0 = prior(x_t, i).x0
        if i == 0:
            return x0, x0
        self.degradation.fit(x0, self.y)
        rho = self.lambda_ * (self.sigma_n / self.schedule.sigma(i)) ** 2
        x0_hat = self.degradation.prox(x0, self.y, rho)
        noise = (1 - self.zeta) ** 0.5 * self.schedule.eps_from_x0(x_t, x0_hat, i)
        noise = noise + self.zeta**0.5 * standard_normal(x_t, generator)
        return x0_hat.clamp(-1, 1), self.schedule.q_sample(x0_hat, i - 1, noise)


HELP = """Plug-and-play restoration with a diffusion prior (Zhu et al. 2023): a denoising step, a
least-squares step towards the photo, and noise again. Takes on every degradation."""

METHOD = Method(
    "diffpir", "DiffPIR", HELP, DiffPIR,
    default_steps=100, least_steps=2,
    params=(
        Param("lambda", "Trust in the prior", 7.0, 0.1, 100, 0.1, "",
              "λ: how strongly the prior holds against the photo; published 7 for blur, 2 to 12 "
              "for enlarging, 1 for filling."),
        Param("zeta", "Fresh noise", 0.3, 0, 1, 0.01, "",
              "ζ: the share of fresh noise; published 0.3 for blur, 0.25 for enlarging, 1 for "
              "filling."),
    ),
    order=42,
)
