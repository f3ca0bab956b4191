"""Any-size restoration: the whole photo small first, then finer and finer, each level guided by the
one before (hierarchical guidance) and cut into windows of the prior's size."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from gdp_desktop.diffusion.at_once import done_for_each, side_by_side
from gdp_desktop.diffusion.degradation import BlockMean, Degradation, enlarged, halved
from gdp_desktop.diffusion.gradients import quality_gradient
from gdp_desktop.diffusion.guidance import SMALLEST_SIGMA, Guidance, Measurement
from gdp_desktop.diffusion.lanes import for_any_size, tiling_of
from gdp_desktop.diffusion.quality import QualityTerm
from gdp_desktop.diffusion.samplers import ddim_step
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import (
    ROWS_AT_ONCE,
    NoiseField,
    Rows,
    cut_for_start,
    in_padded_strips,
    in_strips,
    in_thin_strips,
    with_margins,
)
from gdp_desktop.diffusion.tiler import Tiler, WindowDone
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.methods.own_noise import (
    LARGER_PART,
    MOST_OF_A_PHOTO,
    added_noise,
    news,
    starting_sigma,
    taken_back,
)
from gdp_desktop.tasks.task import Problem

# The first row and the rows of x0.
_Strip = tuple[int, torch.Tensor]
# How far a block of the finer level may stray from the coarse result (RMS, [-1, 1] scale).
COARSE_SIGMA = 0.1
# How a photo's noise is amplified from place to place is read at a size of no more than so many
# pixels, to tell the level that sampling starts from.
FEW_PIXELS = 600_000


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


def level_count(size: Size, coarse_side: float | None) -> int:
    """How often a photo is halved until its short side is nearest to coarse_side, plus one."""
    count, side = 1, float(min(size.width, size.height))
    while coarse_side is not None and side / 2 >= coarse_side / 2**0.5:
        side, count = side / 2, count + 1
    return count


def fitting_levels(size: Size, stride: int) -> int:
    """How many sizes, each half of the one before, are multiples of ``stride``, the first at least.

    A photo padded for so many may be long enough to be halved once more than it was padded for.
    """
    together = math.gcd(size.width, size.height) // stride
    return max(1, (together & -together).bit_length())


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

    Every level is walked through in strips of whole rows: as soon as the windows over a strip are
    answered, it is guided and x_{t-1} takes the place of x_t.  So one state of the photo's size is
    all the memory a level needs, beside the photo itself.  The strips follow from the size of the
    photo alone, and noise is looked up by place, so the result depends neither on how many windows
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
                coarse = yield from self._sample(level, sigma, coarse, seed, window_done)
            elif coarse is not None or level.number == 0:  # nothing to remove at this level
                # White noise is left to the full size; in detail of every size it is as far above
                # what sampling will start from there.
                full = self.levels[0]
                own = full.sigma_y * noise_gain(level)
                coarse = self._start(level, coarse, own, self.start_sigma(full))
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

    def _sample(
        self,
        level: Level,
        start_sigma: float,
        coarse: torch.Tensor | None,
        seed: int,
        window_done: WindowDone,
    ) -> Generator[Estimate, None, torch.Tensor]:
        """Walks the level's schedule down in place, from x_T to x0, which it returns."""
        schedule, height = self.schedule_for(level, start_sigma), level.size.height
        prior = for_any_size(
            self.prior.respaced(schedule), self._tiling(start_sigma), self.window_batch,
            window_done,
        )
        own, sigma = self._own_noise(level), float(schedule.sigmas[-1])
        # A graphics card is asked for it once and not at every step.
        evenly = float(news(own, sigma)) if own is not None and own.numel() == 1 else 1.0
        is_coarsest = level is self.levels[-1]
        learn = is_coarsest or level.degradation.learns_at_every_level
        quality = self.quality_at(level) if is_coarsest else ()
        reach = level.degradation.reach

        def weight(rows: Rows) -> float | torch.Tensor:
            if own is None or own.numel() == 1:
                return evenly
            return news(rows.of(own, height), sigma)

        def guidance(rows: Rows, pull: torch.Tensor | None = None) -> Guidance:
            part = level.degradation
            if rows != Rows(0, height):
                part = part.rows(rows, height)
            photo = rows.of(level.y, height)
            measurements = [Measurement(photo, part, level.sigma_y, weight(rows))]
            if coarse is not None:
                measurements.append(
                    Measurement(rows.of(coarse, height), BlockMean(2), COARSE_SIGMA)
                )
            return Guidance(
                measurements, quality, solver_steps=self.problem.solver_steps,
                pull=None if pull is None else rows.of(pull, height),
            )

        def step(
            i: int, x0_std: float, pull: torch.Tensor | None,
            inner: Rows, outer: Rows, answer: torch.Tensor,
        ) -> Estimate:
            """Guides the prior's answer for the outer rows; x_{t-1} of the inner ones takes the
            place of their x_t."""
            guided = guidance(outer, pull)(answer, x0_std)
            x0 = guided[..., inner.inside(outer), :]
            state = inner.of(x_t, height)
            zeta = self.problem.zeta if i > 0 else 0.0
            fresh = NoiseField(seed, level.number, i)
            noise = fresh.rows(inner, state) if zeta > 0 else None
            state.copy_(ddim_step(schedule, state, x0, i, zeta, noise))
            return Estimate(x0, level.number, top=inner.top)

        last = len(schedule) - 1
        x_t = self._start(level, coarse, own, sigma)
        self._add_noise(x_t, own, schedule, NoiseField(seed, level.number, last + 1))
        for i in range(last, -1, -1):
            strips: Iterable[_Strip] = ((s.top, s.x0) for s in prior.strips(x_t, i))
            pull = None
            if learn:  # from the photo as a whole
                x0 = torch.cat([x0 for _, x0 in strips], dim=-2)
                level.degradation.fit(x0, level.y)
                strips, pull = [(0, x0)], -quality_gradient(quality, x0) if quality else None
            further = partial(step, i, prior.x0_std(i), pull)
            if reach == 0:
                for strip in strips:
                    yield from side_by_side(further, in_thin_strips(*strip), x_t.device)
            else:
                for rows in with_margins(strips, height, reach):
                    yield further(*rows)
        return x_t

    def _start(
        self, level: Level, coarse: torch.Tensor | None, own: torch.Tensor | None, sigma: float
    ) -> torch.Tensor:
        """The trivial restoration, with everything the coarser level knows better replaced.  Where
        its ``own`` noise is above σ, at which sampling starts, detail is taken back to that: what
        the prior is not told of would stay."""
        size, degradation = level.size, level.degradation
        whole = None if degradation.local else degradation.initial(level.y)

        start = level.y.new_empty(1, 3, *size.shape)

        def begun(strip: tuple[Rows, Rows]) -> None:
            inner, rows = strip
            if whole is None:
                part = degradation.rows(rows, size.height)
                piece = part.initial(rows.of(level.y, size.height))
            else:
                piece = rows.of(whole, size.height)
            if coarse is not None:
                known = rows.of(coarse, size.height)
                if own is not None:
                    piece = taken_back(piece, rows.of(own, size.height), sigma)
                piece = (piece + enlarged(known - halved(piece))).clamp(-1, 1)
            inner.of(start, size.height).copy_(piece[..., inner.inside(rows), :])

        cut = cut_for_start(degradation.pointwise, start.device.type)
        done_for_each(begun, in_padded_strips(size.height, *cut), start.device)
        return start

    def _own_noise(self, level: Level) -> torch.Tensor | None:
        """Standard deviation of the photo's own noise in the starting point, (1, 1, H, W) or
        (1, 1, 1, 1); None if the level starts from noise of the task's choice."""
        return None if level.start_sigma is not None else level.sigma_y * noise_gain(level)

    def _add_noise(
        self, start: torch.Tensor, own: torch.Tensor | None, schedule: Schedule, field: NoiseField
    ) -> None:
        """Makes x_t of the first step in place.  Where the photo brings noise of its own, only the
        rest is added, so that the total is the same everywhere."""
        sigma = float(schedule.sigmas[-1])
        alpha = float(schedule.alphas_cumprod[-1]) ** 0.5

        def noisier(rows: Rows) -> None:
            state = rows.of(start, start.shape[-2])
            held = torch.zeros(()) if own is None else rows.of(own, start.shape[-2])
            state.add_(added_noise(held, sigma) * field.rows(rows, state)).mul_(alpha)

        done_for_each(noisier, in_strips(start.shape[-2]), start.device)


def noise_gain(level: Level) -> torch.Tensor:
    """How much the starting point amplifies noise in y, (1, 1, H, W) or (1, 1, 1, 1)."""
    y, degradation = level.y, level.degradation
    height = y.shape[-2]
    if not degradation.local or height <= ROWS_AT_ONCE:
        return degradation.noise_gain(y)

    def of(inner: Rows, rows: Rows) -> torch.Tensor:
        part = degradation.rows(rows, height).noise_gain(rows.of(y, height))
        return part if part.shape[-2] == 1 else part[..., inner.inside(rows), :]

    gain, top = y.new_empty(1, 1, *y.shape[-2:]), 0
    for part in side_by_side(of, in_padded_strips(height), y.device):
        if part.numel() == 1 < y.shape[-1]:  # the same everywhere
            return part
        gain[..., top : top + part.shape[-2], :] = part
        top += part.shape[-2]
    return gain


HELP = """The program's own: a small copy of the photo first, then finer and finer, every step going
exactly as far towards the photo as its noise allows. Best for almost everything."""

METHOD = Method("adaptive", "Adaptive", HELP, CoarseToFine, in_strips=True, order=0)
