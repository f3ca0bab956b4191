"""Sampling that begins with the photo: some noise is laid over it, and the prior takes it off.

Meng et al. 2022 (SDEdit): x_{t0} = √ᾱ·(x_start + σ_{t0}·z), where x_start is the trivial
restoration of the photo.  Noise that the photo brings along is part of σ_{t0}, so only the rest is
added.  At the t0 whose noise is exactly the photo's nothing is added, and x_{t0} is the photo as
the forward process would have made it: then E[x0 | x_{t0}], one step, is the best estimate (least
mean squared error), and ancestral sampling draws from the posterior.
"""

from __future__ import annotations

from functools import cached_property

import torch

from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.methods.own_noise import (
    LEAST_SIGMA,
    MOST_OF_A_PHOTO,
    added_noise,
    starting_sigma,
    weight_of,
)
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Option, Param


class FromPhoto(ReverseProcess):
    """From t0 down to 0, around x̃0 guided as by ``diffusion.guidance`` or left to the prior.

    ``strength`` is t0 as a share of the whole process; 0 takes the noise level that the task
    names, or else the photo's own.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.gain = self.degradation.noise_gain(self.y)
        # (1, 1, H, W) or (1, 1, 1, 1): standard deviation of the photo's noise in x_start.
        self.own_noise = self.sigma_y * self.gain
        self.fresh_noise = given.values["noise"] == "fresh"

    @cached_property
    def guidance(self) -> Guidance | None:
        """Towards the photo, if it is kept to; what x_t holds of it already is not told again."""
        if self.given.values["photo"] == "free":
            return None
        weight = weight_of(self.y, self.own_noise, self.schedule.sigma(-1))
        measured = Measurement(self.y, self.degradation, self.sigma_y, weight)
        problem = self.given.problem
        quality = problem.quality_for(self.degradation, self.y, self.sigma_y)
        return Guidance([measured], quality, solver_steps=problem.solver_steps, learn=True)

    @cached_property
    def schedule(self) -> Schedule:
        schedule, strength = self.given.prior.schedule, self.given.values["strength"]
        if strength > 0:
            t0 = round(strength * (len(schedule) - 1))
        else:
            t0 = schedule.step_at(max(LEAST_SIGMA, self._named_sigma()))
        return schedule.quadratic(self.given.steps, t0)

    def _named_sigma(self) -> float:
        if self.given.problem.start_sigma is not None:
            return self.given.problem.start_sigma
        return starting_sigma(self.gain, self.sigma_y, MOST_OF_A_PHOTO)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        x_start = self.degradation.initial(self.y)
        added = added_noise(self.own_noise, self.schedule.sigma(-1))
        return self.schedule.alpha(-1) * (x_start + added * standard_normal(x_start, generator))

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        denoised = prior(x_t, i)
        x0 = denoised.x0
        if self.guidance is not None:
            x0 = self.guidance(x0, prior.x0_std(i))
        if i == 0:
            return x0.clamp(-1, 1), x0
        if self.fresh_noise:
            mean = self.schedule.q_posterior_mean(x0, x_t, i)
            noise = standard_normal(x_t, generator)
            return x0, mean + (0.5 * denoised.log_variance).exp() * noise
        return x0, self.schedule.q_sample(x0, i - 1, self.schedule.eps_from_x0(x_t, x0, i))


HELP = """Begins with your photo under a layer of noise instead of with noise alone, and takes it
off again. A low strength tidies up, a high one invents. On Auto a noisy photo is taken as it is:
with one step that is the most accurate way to denoise."""

METHOD = Method(
    "from-photo", "Start from the photo", HELP, FromPhoto,
    params=(
        Param("strength", "Strength", 0, 0, 1, 0.01, "",
              "How deep the photo is buried: from about 0.05 textures are new, from 0.3 shapes, at "
              "1 nothing of it is left. Auto is what the task needs.", auto=0),
        Option("noise", "On the way", "none", (("none", "Straight"), ("fresh", "With fresh noise")),
               "Straight gives the smoother result; fresh noise in every step gives more grain, "
               "and another result for every seed."),
        Option("photo", "Photo", "kept", (("kept", "Kept to"), ("free", "Only the beginning")),
               "Whether every step is also pulled back to the photo, or the photo is only where "
               "it begins."),
    ),
    order=40,
)
