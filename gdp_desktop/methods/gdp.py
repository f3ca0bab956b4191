"""GDP as published: a thousand ancestral steps, each pulled towards the photo by a constant.

Fei et al. 2023, "Generative Diffusion Prior for Unified Image Restoration and Enhancement",
algorithms 1 and 2, and the four rows of table 5.  With L = ½‖D_φ(x) - y‖² + Q,

    x_{t-1} ~ N(μ - κ·w·∇L, Σ),   then φ takes one step of its own,

where the gradient is taken at x̃0 or at x_t, and w is 1, or with Σ β_t/√α_t, nearly the variance
(what classifier guidance through the score comes to).  The network is not differentiated.
"""

from __future__ import annotations

from functools import partial

import torch

from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA
from gdp_desktop.diffusion.gradients import DataTerm, quality_gradient
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.published import kappa

PUBLISHED_STEPS = 1000
# κ·λ_max where no s was published; the published ones lie between 0.005 and 0.016, and with Σ
# between 0.08 and 0.8.
CONTRACTION = 0.01
CONTRACTION_WITH_SIGMA = 0.64


class GenerativeDiffusionPrior(ReverseProcess):
    """GDP with the gradient at x̃0, or at x_t, multiplied by Σ or not.

    κ comes from the published scale s (``tasks/published.py``), or from the curvature of the data
    term.  Fewer than a thousand steps are longer by as much; with Σ the respaced β_t sees to that.
    No step is longer than to the data term's minimum.
    """

    def __init__(self, given: Assignment, *, at_x0: bool, with_sigma: bool) -> None:
        super().__init__(given)
        self.at_x0, self.with_sigma = at_x0, with_sigma
        self.data = DataTerm()
        self.published = given.problem.published
        self.scale = given.values.get("scale", 1.0)
        # Values of y for one pixel of x.
        self.values_per_pixel = self.y.numel() / (given.size.width * given.size.height)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        denoised = prior(x_t, i)
        x = denoised.x0 if self.at_x0 else x_t
        self.data.look(self.degraded, self.y, x)
        shift = -self.step_length(i) * (self.data.gradient + self._pull_of_quality(x))
        mean = self.schedule.q_posterior_mean(denoised.x0, x_t, i) + shift
        self.learn(x)
        if i == 0:
            return mean.clamp(-1, 1), mean
        noise = (0.5 * denoised.log_variance).exp() * standard_normal(x_t, generator)
        self.look_back(x_t, shift, mean, noise, denoised.log_variance)
        return denoised.x0, mean + noise

    def degraded(self, x: torch.Tensor) -> torch.Tensor:
        """D_φ(x), the shape of y."""
        return self.degradation(x)

    def learn(self, x: torch.Tensor) -> None:
        """One step of φ."""
        self.degradation.fit(x, self.y)

    def look_back(
        self, x_t: torch.Tensor, shift: torch.Tensor, mean: torch.Tensor, noise: torch.Tensor,
        log_variance: torch.Tensor,
    ) -> None:
        """What there is to learn from a step to x_{t-1} = mean + noise for the following one;
        ``shift`` is the guidance's share of the mean."""

    def step_length(self, i: int) -> float:
        """κ·w at step index i, after ``data.look``."""
        wanted = self.scale * self.kappa() * self._weight(i)
        return min(wanted, 1 / self.data.curvature)

    def kappa(self) -> float:
        """The step along -∇L, a thousand of them."""
        if (published := self._published_kappa()) is not None:
            return published
        contraction = CONTRACTION_WITH_SIGMA if self.with_sigma else CONTRACTION
        return contraction / self.data.curvature

    def _published_kappa(self) -> float | None:
        if self.published is None:
            return None
        published = self.published
        scale = published.scale_with_sigma if self.with_sigma else published.scale
        if scale is None:
            return None
        return kappa(scale, self.values_per_pixel, published.side)

    def _weight(self, i: int) -> float:
        if self.with_sigma:
            beta = float(self.schedule.betas[i])
            return beta / (1 - beta) ** 0.5
        return PUBLISHED_STEPS / len(self.schedule)

    def _pull_of_quality(self, x: torch.Tensor) -> torch.Tensor:
        """∇Q in the data term's units, which κ then multiplies."""
        problem, published = self.given.problem, self._published_kappa()
        likeness = problem.likeness(self.degradation, self.y, self.sigma_y)
        # A problem states Q beside ½‖y - D(x)‖²/σ_y².
        variance = max(self.sigma_y, SMALLEST_SIGMA) ** 2
        if published is not None and self.published is not None:
            pull = quality_gradient(self.published.quality, x) / published
            return pull + variance * quality_gradient(likeness, x) if likeness else pull
        return variance * quality_gradient((*problem.quality, *likeness), x)


HELP = """The published method this program is named after. It begins with pure noise and comes to a
picture in a thousand small steps, each one drawn a little towards your photo. Slow; noise in the
photo stays in the result, and every seed gives another one."""
HELP_AT_XT = """GDP, comparing the photo with the picture while it is still noisy instead of with
the clean estimate. Published as a comparison, and there a little weaker than GDP."""
HELP_WITH_SIGMA = """GDP with a pull that fades as the picture settles, in proportion to the noise
of each step. Published as a comparison; the photo is met less exactly than by GDP itself."""
HELP_AT_XT_WITH_SIGMA = """GDP, comparing the photo with the still noisy picture, and with a pull
that fades as the picture settles. Published as a comparison, and there weaker than GDP."""

SCALE = Param(
    "scale", "Pull", 1.0, 0, 20, 0.1, "×",
    "How strongly each step is drawn to the photo; 1 is as published.",
)


def _gdp(
    method_id: str, title: str, text: str, order: int, *, at_x0: bool, with_sigma: bool
) -> Method:
    solver = partial(GenerativeDiffusionPrior, at_x0=at_x0, with_sigma=with_sigma)
    return Method(
        method_id, title, text, solver, default_steps=PUBLISHED_STEPS, params=(SCALE,),
        expert=not at_x0 or with_sigma, order=order,
    )


METHODS = (
    _gdp("gdp-x0", "GDP", HELP, 50, at_x0=True, with_sigma=False),
    _gdp("gdp-xt", "GDP on x_t", HELP_AT_XT, 51, at_x0=False, with_sigma=False),
    _gdp("gdp-x0-sigma", "GDP with Σ", HELP_WITH_SIGMA, 52, at_x0=True, with_sigma=True),
    _gdp(
        "gdp-xt-sigma", "GDP on x_t with Σ", HELP_AT_XT_WITH_SIGMA, 53,
        at_x0=False, with_sigma=True,
    ),
)
