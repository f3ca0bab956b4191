"""Wavelet guidance: the photo steers the low band of x̃0, the prior alone makes the high bands."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.guidance import Measurement
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.methods.guided import START, Guided, refusal_of_noise_alone
from gdp_desktop.methods.levels import Level, halvings, levels_of
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.tasks.param import Param


class Wavelet(Guided):
    """The idea of DiffLL (Jiang et al. 2023), without its training: only the LL band of an n-fold
    Haar transform is conditioned on y.

    The LL band is 2ⁿ times the means of 2ⁿ×2ⁿ blocks, that is, the photo n levels down the
    pyramid; so the guidance is solved there, on a small photo, and its shift is given to all
    pixels of a block alike.  The prior's error of a block's mean is r/2ⁿ if it is white.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        count = min(int(given.values["levels"]), halvings(given.size, given.prior.stride))
        self.low: Level = levels_of(given.problem, given.size, 1 + count, given.steps)[-1]
        self.block = 2**count

    def measurements(self) -> list[Measurement]:
        return [Measurement(self.low.y, self.low.degradation, self.low.sigma_y)]

    def start(self, generator: torch.Generator) -> torch.Tensor:
        self.degradation.adopt(self.low.degradation)
        return super().start(generator)

    def guided(self, prior: Prior, x_t: torch.Tensor, i: int) -> torch.Tensor:
        x0 = prior(x_t, i).x0
        band = F.avg_pool2d(x0, self.block)
        shift = self.guidance(band, prior.x0_std(i) / self.block) - band
        if self.low.degradation is not self.degradation:
            self.degradation.adopt(self.low.degradation)
        return (x0 + F.interpolate(shift, scale_factor=float(self.block))).clamp(-1, 1)


HELP = """The photo steers only the coarse part of every estimate (the low band of a Haar
transform), the prior makes the fine part by itself: for photos whose detail is not to be
trusted."""

METHOD = Method(
    "wavelet", "Wavelet", HELP, Wavelet,
    default_steps=20,
    params=(
        START,
        Param("levels", "Levels", 2, 0, 3, 1, "",
              "How coarse the part is that the photo steers: blocks of 2, 4 or 8 pixels."),
    ),
    refusal=refusal_of_noise_alone,
    order=52,
)
