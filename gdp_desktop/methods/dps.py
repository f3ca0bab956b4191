"""Diffusion posterior sampling: the gradient of the misfit goes back through the network.

Chung et al. 2023, algorithm 1, as released.  With x'_{t-1} the ancestral step,

    x_{t-1} = x'_{t-1} - ζ·∇_{x_t} ‖y - D(x̃0(x_t))‖₂.

The norm is not squared, so the step does not fade with the misfit; it is a sum over the values of
a photo of 256×256, and is brought to that size here.
"""

from __future__ import annotations

import torch

from gdp_desktop.diffusion.gradients import DataTerm
from gdp_desktop.diffusion.lanes import windows_of
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.image.geometry import Rect
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.published import SIDE

PUBLISHED_STEPS = 1000


class PosteriorSampling(ReverseProcess):
    """Every pixel goes through the network twice a step: for x̃0 of the whole photo, on which the
    misfit depends, and then forwards and back for its own share of the gradient.  So one window's
    activations are all that is held, whatever the size of the photo: with the shipped prior, in
    float32 on a processor, 0.64 GiB for a window of 512 where the way forwards takes 0.12 GiB.

    Fewer than a thousand steps are longer by as much, and no step is longer than to the misfit's
    minimum, as far as D alone can tell.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.data = DataTerm()
        pixels = given.size.width * given.size.height
        self.zeta = given.values.get("step", 0.3) * (pixels**0.5 / SIDE)
        self.zeta *= PUBLISHED_STEPS / len(self.schedule)

    @property
    def total_windows(self) -> int:
        return super().total_windows + len(self.schedule) * len(self._windows_back)

    @property
    def total_pixels(self) -> int:
        # The second time there and back; no slope of the weights is asked for, so that back takes
        # as long as there.
        again = sum(window.size.pixels for window in self._windows_back)
        return super().total_pixels + 2 * len(self.schedule) * again

    @property
    def _windows_back(self) -> list[Rect]:
        return windows_of(self.given.prior).windows(self.given.size)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        denoised = prior(x_t, i)
        self.data.look(self.degradation, self.y, denoised.x0)
        misfit = float(self.data.residual.norm())
        length = min(self.zeta / max(misfit, 1e-12), 1 / self.data.curvature)
        pull = prior.pull_back(x_t, i, length * self.data.gradient)
        self.degradation.fit(denoised.x0, self.y)
        mean = self.schedule.q_posterior_mean(denoised.x0, x_t, i)
        if i == 0:
            result = mean - pull
            return result.clamp(-1, 1), result
        noise = (0.5 * denoised.log_variance).exp() * standard_normal(x_t, generator)
        return denoised.x0, mean + noise - pull


HELP = """Asks at each of a thousand steps how the whole network would have to be nudged so that the
result explains your photo. A classic of the papers, for comparisons: three times the work and, with
the shipped prior, five times the memory of GDP."""

METHOD = Method(
    "dps", "Posterior sampling (DPS)", HELP, PosteriorSampling, default_steps=PUBLISHED_STEPS,
    params=(
        Param("step", "Step", 0.3, 0, 5, 0.05, "",
              "How far each step goes towards the photo; the paper has 0.3, and 0.5 for filling "
              "holes."),
    ),
    expert=True, goes_back=True, order=60,
)
