"""Pyramid sampling: the noisy steps see a small copy of the photo, where they cost little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from gdp_desktop.diffusion.guidance import Measurement
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.resampling import enlarged
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.tiler import WindowDone
from gdp_desktop.image.geometry import Rect
from gdp_desktop.methods.guided import START, Guided, refusal_of_noise_alone
from gdp_desktop.methods.levels import Level, halvings, levels_of
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.tasks.param import Param


class Pyramid(Guided):
    """The idea of PyDiff (Zhou et al. 2023), without its training: ONE walk down the noise levels,
    of which the last half is at full size and the first half at halves and quarters.

    At a change of size x̃0 is enlarged and noised anew to the level the walk has reached.  Unlike
    ``adaptive`` no size is sampled to its end.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        wished = int(given.values["levels"])
        count = 1 + min(wished, halvings(given.size, given.prior.stride))
        self.levels = levels_of(given.problem, given.size, count, given.steps)
        # With few steps not every size is visited.
        first = self.level_at(len(self.schedule) - 1)
        self.guidances = [
            replace(
                self.guidance_of([Measurement(level.y, level.degradation, level.sigma_y)]),
                learn=level is first,
            )
            for level in self.levels
        ]

    def level_at(self, i: int) -> Level:
        """The size of step i: full for the later half, the earlier half shared by the others."""
        coarse = len(self.levels) - 1
        full = -(-len(self.schedule) // 2)
        if not coarse or i < full:
            return self.levels[0]
        return self.levels[1 + (i - full) * coarse // (len(self.schedule) - full)]

    def windows_at(self, i: int) -> list[Rect]:
        return self.tiler.windows(self.level_at(i).size)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        level = self.level_at(len(self.schedule) - 1)
        return self.noised(level.degradation.initial(level.y), generator)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        level = self.level_at(i)
        x0 = self.guidances[level.number](prior(x_t, i).x0, prior.x0_std(i))
        finer = self.level_at(i - 1) if i > 0 else level
        if finer is level:
            return x0, self.next_state(x0, x_t, i, generator)
        finer.degradation.adopt(level.degradation)
        start = enlarged(x0, 2 ** (level.number - finer.number)).clamp(-1, 1)
        return x0, self.schedule.q_sample(start, i - 1, standard_normal(start, generator))

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        for estimate in super().solve(generator, window_done):
            smaller = self.given.size.width // estimate.x0.shape[-1]
            yield replace(estimate, level=smaller.bit_length() - 1)


HELP = """The first half of the steps, which only settle light, colour and composition, are taken on
a small copy of the photo, the rest at full size. Quicker on large photos."""

METHOD = Method(
    "pyramid", "Pyramid", HELP, Pyramid,
    default_steps=20,
    params=(
        START,
        Param("levels", "Halvings", 2, 0, 3, 1, "",
              "How often the photo is halved for the first steps, if it is large enough."),
    ),
    refusal=refusal_of_noise_alone,
    order=51,
)
