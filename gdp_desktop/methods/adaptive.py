"""Any-size restoration: the whole photo small first, then finer and finer, each level guided by the
one before (hierarchical guidance) and cut into windows of the prior's size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch

from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA
from gdp_desktop.diffusion.lanes import for_any_size, tiling_of
from gdp_desktop.diffusion.quality import QualityTerm
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.tiler import Tiler, WindowDone
from gdp_desktop.image.geometry import Rect
from gdp_desktop.methods.descent import Descent
from gdp_desktop.methods.levels import Level, fitting_levels, level_count, levels_of, noise_gain
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.methods.own_noise import LARGER_PART, MOST_OF_A_PHOTO, starting_sigma
from gdp_desktop.methods.starting_point import starting_point

# How a photo's noise is amplified from place to place is read at a size of no more than so many
# pixels, to tell the level that sampling starts from.
FEW_PIXELS = 600_000


class CoarseToFine:
    """Solves a problem over its pyramid with one prior.

    Every level is walked down in strips of whole rows (``Descent``), so one state of the photo's
    size is all the memory it needs, beside the photo itself.  The strips follow from its size
    alone, and noise is looked up by place, so the result depends neither on how many windows
    run at once nor, as far as halo and reach go, on how the photo is cut.

    The coarsest level is small and is guided as a whole: it learns φ and settles what concerns the
    photo as a whole, its mean brightness and colour.
    """

    def __init__(self, given: Assignment) -> None:
        self.problem, self.prior = given.problem, given.prior
        self.window_batch = given.window_batch
        count = level_count(given.size, given.coarse_side)
        count = min(count, fitting_levels(given.size, given.prior.stride))
        self.levels = levels_of(given.problem, given.size, count, given.steps)

    @property
    def total_windows(self) -> int:
        return sum(steps * len(windows) for steps, windows in self._evaluations)

    @property
    def total_pixels(self) -> int:
        return sum(
            steps * sum(window.size.pixels for window in windows)
            for steps, windows in self._evaluations
        )

    @cached_property
    def _evaluations(self) -> list[tuple[int, list[Rect]]]:
        """How often the prior is asked about which windows; nothing where there is nothing to
        remove."""
        starts = ((level, self.start_sigma(level)) for level in self.levels)
        return [
            (len(self.schedule_for(level, sigma)), self._tiling(sigma).windows(level.size))
            for level, sigma in starts if sigma > SMALLEST_SIGMA
        ]

    def _tiling(self, sigma: float) -> Tiler:
        """How a level whose x_t starts with noise of σ is cut for the prior."""
        return tiling_of(self.prior, sigma, self.window_batch)

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        """Yields the estimate of every strip at every step; the last one ``is_result``, whole."""
        seed = int(torch.randint(2**62, (), generator=generator))
        coarse: torch.Tensor | None = None
        for level in reversed(self.levels):
            if level is not self.levels[-1]:
                level.degradation.adopt(self.levels[level.number + 1].degradation)
            sigma = self.start_sigma(level)
            if sigma > SMALLEST_SIGMA:
                coarse = yield from self._descent(level, sigma, coarse, seed, window_done).run()
            elif coarse is not None or level.number == 0:  # nothing to remove at this level
                # White noise is left to the full size; in detail of every size it is as far above
                # what sampling will start from there.
                full = self.levels[0]
                own_noise = full.sigma_y * noise_gain(level)
                coarse = starting_point(level, coarse, own_noise, self.start_sigma(full))
        if coarse is None:
            raise ValueError("A problem has at least one level.")
        yield Estimate(coarse, 0, is_result=True)

    def quality_at(self, level: Level) -> tuple[QualityTerm, ...]:
        return self.problem.quality_for(level.degradation, level.y, level.sigma_y)

    def start_sigma(self, level: Level) -> float:
        """The noise level of x_t the level starts from."""
        if level.start_sigma is not None:
            return level.start_sigma
        # Light and dark are spread alike at every size.
        seen = next((m for m in self.levels[level.number :] if m.size.pixels <= FEW_PIXELS), level)
        # The coarsest level has nothing that its detail could be taken back to.
        share = MOST_OF_A_PHOTO if level is self.levels[-1] else LARGER_PART
        return starting_sigma(noise_gain(seen), level.sigma_y, share)

    def schedule_for(self, level: Level, start_sigma: float) -> Schedule:
        schedule, n = self.prior.schedule, level.steps
        start = schedule.step_at(start_sigma)
        if level.start_sigma is not None:
            return schedule.quadratic(n, start)
        # What the photo itself brings is gone before the noise of the very last timestep.
        return schedule.keep([round(start * (k / n) ** 2) for k in range(1, n + 1)])

    def _descent(
        self, level: Level, start_sigma: float, coarse: torch.Tensor | None, seed: int,
        window_done: WindowDone,
    ) -> Descent:
        schedule, is_coarsest = self.schedule_for(level, start_sigma), level is self.levels[-1]
        prior = for_any_size(
            self.prior.respaced(schedule), self._tiling(start_sigma), self.window_batch,
            window_done,
        )
        return Descent(
            level, prior, coarse, self._own_noise(level),
            self.quality_at(level) if is_coarsest else (),
            is_coarsest or level.degradation.learns_at_every_level,
            self.problem.solver_steps, self.problem.zeta, seed,
        )

    def _own_noise(self, level: Level) -> torch.Tensor | None:
        """Standard deviation of the photo's own noise in the starting point, (1, 1, H, W) or
        (1, 1, 1, 1); None if the level starts from noise of the task's choice."""
        return None if level.start_sigma is not None else level.sigma_y * noise_gain(level)


HELP = """The program's own: a small copy of the photo first, then finer and finer, every step going
exactly as far towards the photo as its noise allows. Best for almost everything."""

METHOD = Method("adaptive", "Adaptive", HELP, CoarseToFine, in_strips=True, order=0)
