"""Any-size restoration: the whole photo small first, then finer and finer, each level guided by the
one before (hierarchical guidance) and cut into windows of the prior's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.degradation import BlockMean, Degradation, enlarged, halved
from gdp_desktop.diffusion.guidance import SMALLEST_SIGMA, Guidance, Measurement
from gdp_desktop.diffusion.samplers import Sampler, ddim, standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler, WindowDone
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.tasks.task import Problem

# How far a block of the finer level may stray from the coarse result (RMS, [-1, 1] scale).
COARSE_SIGMA = 0.1
# Where a photo's noise differs from place to place, sampling starts from a level that this share of
# the photo does not exceed.
OWN_NOISE_SHARE = 0.97


@dataclass(frozen=True)
class Level:
    """The problem at one size of the photo; ``number`` 0 is full size, each further half of it."""

    number: int
    y: torch.Tensor
    degradation: Degradation
    sigma_y: float
    size: Size
    steps: int
    start_sigma: float | None


def level_count(size: Size, coarse_side: int | None) -> int:
    """How often a photo is halved until its short side is nearest to coarse_side, plus one."""
    count, side = 1, float(min(size.width, size.height))
    while coarse_side is not None and side / 2 >= coarse_side / 2**0.5:
        side, count = side / 2, count + 1
    return count


def levels_of(problem: Problem, size: Size, count: int, steps: int) -> list[Level]:
    """The problem's pyramid, full size first."""
    levels, y, degradation = [], problem.y, problem.degradation
    for number in range(count):
        if number:
            y, degradation = degradation.shrink_measurement(y), degradation.shrunk()
        coarsest = number == count - 1
        levels.append(Level(
            number, y, degradation, _sigma_at(problem.sigma_y, number),
            Size(size.width >> number, size.height >> number),
            (problem.coarse_steps or steps) if coarsest else steps,
            problem.coarse_sigma if coarsest else problem.start_sigma,
        ))
    return levels


def _sigma_at(sigma_y: tuple[float, ...], number: int) -> float:
    beyond = max(0, number - (len(sigma_y) - 1))
    return sigma_y[number - beyond] / 2**beyond


class CoarseToFine:
    """Solves a problem over its pyramid with one prior.

    ``generator`` draws one noise field per step for the whole photo, so the result does not depend
    on how many windows run at once, nor, as far as the halo reaches, on how the photo is cut.
    """

    def __init__(self, given: Assignment, sampler: Sampler = ddim) -> None:
        self.problem, self.prior = given.problem, given.prior
        self.sampler = sampler
        self.tiler = Tiler(self.prior.window, self.prior.halo, stride=self.prior.stride)
        self.window_batch = given.window_batch
        count = level_count(given.size, given.coarse_side)
        self.levels = levels_of(given.problem, given.size, count, given.steps)

    @property
    def total_windows(self) -> int:
        """Network evaluations of the whole job."""
        return sum(
            len(self.schedule_for(level)) * len(self.tiler.windows(level.size))
            for level in self.levels
            if self.start_sigma(level) > SMALLEST_SIGMA
        )

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        """Yields the estimate after every step; the last one ``is_result``."""
        coarse: torch.Tensor | None = None
        for level in reversed(self.levels):
            if level is not self.levels[-1]:
                level.degradation.adopt(self.levels[level.number + 1].degradation)
            if self.start_sigma(level) > SMALLEST_SIGMA:
                x0 = None
                for x0 in self._sample(level, coarse, generator, window_done):
                    yield Estimate(x0, level.number)
                coarse = x0
            elif coarse is not None or level.number == 0:  # nothing to remove at this level
                coarse = self._starting_point(level, coarse)
        if coarse is None:
            raise ValueError("A problem has at least one level.")
        yield Estimate(coarse, 0, is_result=True)

    def start_sigma(self, level: Level) -> float:
        """The noise level of x_t the level starts from."""
        if level.start_sigma is not None:
            return level.start_sigma
        own = self._noise_in_start(level).flatten()
        return float(own[:: max(1, len(own) // 100_000)].quantile(OWN_NOISE_SHARE))

    def schedule_for(self, level: Level) -> Schedule:
        schedule = self.prior.schedule
        return schedule.quadratic(level.steps, schedule.step_at(self.start_sigma(level)))

    def _starting_point(self, level: Level, coarse: torch.Tensor | None) -> torch.Tensor:
        """The trivial restoration, with everything the coarser level knows better replaced."""
        start = level.degradation.initial(level.y)
        if coarse is None:
            return start
        return (start + enlarged(coarse - halved(start))).clamp(-1, 1)

    def _noise_in_start(self, level: Level) -> torch.Tensor:
        """Standard deviation of the photo's own noise in the starting point; broadcasts to x."""
        return level.sigma_y * level.degradation.noise_gain(level.y)

    def _sample(
        self,
        level: Level,
        coarse: torch.Tensor | None,
        generator: torch.Generator,
        window_done: WindowDone,
    ) -> Iterator[torch.Tensor]:
        schedule = self.schedule_for(level)
        measurements = [
            Measurement(level.y, level.degradation, level.sigma_y, self._news(level, schedule))
        ]
        if coarse is not None:
            measurements.append(Measurement(coarse, BlockMean(2), COARSE_SIGMA))
        guidance = Guidance(
            measurements,
            self.problem.quality,
            solver_steps=self.problem.solver_steps,
            learn=level is self.levels[-1] or level.degradation.learns_at_every_level,
        )
        prior = TiledPrior(
            self.prior.respaced(schedule), self.tiler, self.window_batch, window_done
        )
        x_t = self._noised(level, self._starting_point(level, coarse), schedule, generator)
        for step in self.sampler(prior, guidance, x_t, generator, self.problem.zeta):
            yield step.x0

    def _news(self, level: Level, schedule: Schedule) -> torch.Tensor | None:
        """The share of y's information that x_t does not hold.

        Started from the photo's own noise, x_t is y with some noise added: of y's precision 1/σ²
        it holds 1/σ_t².  Without any added noise naming y again would count it twice and bring its
        noise back.
        """
        if level.start_sigma is not None:
            return None
        own = self._noise_in_start(level)
        return (1 - own.square() / float(schedule.sigmas[-1]) ** 2).clamp(0, 1)

    def _noised(
        self, level: Level, start: torch.Tensor, schedule: Schedule, generator: torch.Generator
    ) -> torch.Tensor:
        """x_t of the first step.  Where the photo brings noise of its own, only the rest is added,
        so that the total is the same everywhere."""
        sigma = float(schedule.sigmas[-1])
        own = self._noise_in_start(level) if level.start_sigma is None else torch.zeros(())
        added = (sigma**2 - own.square()).clamp(min=0).sqrt()
        alpha = float(schedule.alphas_cumprod[-1]) ** 0.5
        return alpha * (start + added * standard_normal(start, generator))


HELP = """The program's own: a small copy of the photo first, then finer and finer, every step going
exactly as far towards the photo as its noise allows. Best for almost everything."""

METHOD = Method("adaptive", "Adaptive", HELP, CoarseToFine, order=0)
