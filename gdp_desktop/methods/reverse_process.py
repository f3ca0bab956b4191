"""The frame of the published methods: one walk down a schedule, at full size, window by window."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property

import torch

from gdp_desktop.diffusion.lanes import for_any_size, tiling_of
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.tiler import TiledPrior, WindowDone
from gdp_desktop.image.geometry import Rect
from gdp_desktop.methods.method import Assignment, Estimate


class ReverseProcess(ABC):
    """A Solver that calls the prior once per step, from pure noise unless ``start`` says otherwise.

    A method implements ``step`` and whatever else it does in its own way.
    """

    def __init__(self, given: Assignment) -> None:
        self.given = given
        self.y, self.degradation = given.problem.y, given.problem.degradation
        self.sigma_y = given.problem.sigma_y[0]
        self.tiler = tiling_of(given.prior, batch=given.window_batch)

    @cached_property
    def schedule(self) -> Schedule:
        """The timesteps to visit; evenly spaced over the whole process by default."""
        return self.given.prior.schedule.evenly(self.given.steps)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        """x_T (1, 3, H, W): standard normal noise."""
        size = self.given.size
        return standard_normal(self.y.new_empty(1, 3, size.height, size.width), generator)

    @abstractmethod
    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The clean estimate at step index i of the schedule, and x_{t-1}."""

    def windows_at(self, i: int) -> list[Rect]:
        """What of the photo the prior is asked about at step i."""
        return self._windows

    @cached_property
    def _windows(self) -> list[Rect]:
        return self.tiler.windows(self.given.size)

    @property
    def total_windows(self) -> int:
        return sum(len(self.windows_at(i)) for i in range(len(self.schedule)))

    @property
    def total_pixels(self) -> int:
        steps = range(len(self.schedule))
        return sum(window.size.pixels for i in steps for window in self.windows_at(i))

    def tiled_prior(self, window_done: WindowDone) -> TiledPrior:
        return for_any_size(
            self.given.prior.respaced(self.schedule), self.tiler, self.given.window_batch,
            window_done,
        )

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        prior = self.tiled_prior(window_done)
        x_t = self.start(generator)
        x0 = x_t
        for i in reversed(range(len(self.schedule))):
            x0, x_t = self.step(prior, x_t, i, generator)
            yield Estimate(x0)
        yield Estimate(x0, is_result=True)
