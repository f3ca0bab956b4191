"""The frame of the methods that differ in one idea each: a walk at full size around guided x̃0."""

from __future__ import annotations

from functools import cached_property

import torch

from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import ddim_step, standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.methods.method import Assignment
from gdp_desktop.methods.own_noise import (
    LEAST_SIGMA,
    MOST_OF_A_PHOTO,
    added_noise,
    starting_sigma,
    weight_of,
)
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.task import Problem

START = Param(
    "start", "Start", 0, 0, 160, 0.05, "",
    "How noisy the first step is: the trivial restoration is buried under that much noise; auto is "
    "what the task names or else the photo's own, 160 forgets it altogether.", auto=0,
)

def refusal_of_noise_alone(problem: Problem) -> str | None:
    """For the methods that start from a smaller or a coarser picture than the photo, whose own
    noise they would have to bury under more."""
    if problem.start_sigma is not None or problem.coarse_sigma is not None:
        return None
    return (
        "This method lays more noise over a photo than it brings along, which does not suit one "
        "with noise alone; choose the method Automatic."
    )


class Guided(ReverseProcess):
    """DDIM (Song et al. 2021, eq. 12) from the noised trivial restoration, its x̃0 guided as by
    ``diffusion.guidance``; what the task says of fresh noise and solver steps holds.

    Where neither task nor user names a start, it is the photo's own noise, of which only what is
    missing is added.  Expects the parameter START.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.zeta = given.problem.zeta

    @cached_property
    def guidance(self) -> Guidance:
        return self.guidance_of(self.measurements())

    @cached_property
    def own_noise(self) -> torch.Tensor | None:
        """Standard deviation of the photo's noise in x_start, (1, 1, H, W) or (1, 1, 1, 1), where
        sampling starts from it; None where all noise is added."""
        if self._named_start:
            return None
        return self.sigma_y * self._gain

    @cached_property
    def _gain(self) -> torch.Tensor:
        return self.degradation.noise_gain(self.y)

    @property
    def _named_start(self) -> float | None:
        problem = self.given.problem
        return self.given.values["start"] or problem.coarse_sigma or problem.start_sigma

    def measurements(self) -> list[Measurement]:
        weight: float | torch.Tensor = 1.0
        if self.own_noise is not None:
            weight = weight_of(self.y, self.own_noise, self.schedule.sigma(-1))
        return [Measurement(self.y, self.degradation, self.sigma_y, weight)]

    def guidance_of(self, measurements: list[Measurement]) -> Guidance:
        problem, photo = self.given.problem, measurements[0]
        quality = problem.quality_for(photo.degradation, photo.y, photo.sigma)
        return Guidance(measurements, quality, solver_steps=problem.solver_steps, learn=True)

    def start_sigma(self) -> float:
        if self._named_start:
            return self._named_start
        return max(LEAST_SIGMA, starting_sigma(self._gain, self.sigma_y, MOST_OF_A_PHOTO))

    def first_step(self) -> int:
        """Index, in the prior's own schedule, of the noise level that the walk starts from."""
        return self.given.prior.schedule.step_at(self.start_sigma())

    @cached_property
    def schedule(self) -> Schedule:
        return self.given.prior.schedule.quadratic(self.given.steps, self.first_step())

    def start(self, generator: torch.Generator) -> torch.Tensor:
        return self.noised(self.degradation.initial(self.y), generator)

    def noised(self, x0: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """x_t of the first step."""
        sigma, alpha = self.schedule.sigma(-1), self.schedule.alpha(-1)
        added = sigma if self.own_noise is None else added_noise(self.own_noise, sigma)
        return alpha * (x0 + added * self.start_noise(x0, generator))

    def start_noise(self, x0: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The standard normal noise of the first step, the shape of x0."""
        return standard_normal(x0, generator)

    def guided(self, prior: Prior, x_t: torch.Tensor, i: int) -> torch.Tensor:
        """The prior's clean estimate, pulled towards the photo."""
        return self.guidance(prior(x_t, i).x0, prior.x0_std(i))

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x0 = self.guided(prior, x_t, i)
        return x0, self.next_state(x0, x_t, i, generator)

    def next_state(
        self, x0: torch.Tensor, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> torch.Tensor:
        """x_{t-1} with the share ζ of fresh noise (Zhu et al. 2023, eq. 13)."""
        fresh = standard_normal(x_t, generator) if i > 0 and self.zeta > 0 else None
        return ddim_step(self.schedule, x_t, x0, i, self.zeta, fresh)
