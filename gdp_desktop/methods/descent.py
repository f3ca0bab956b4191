"""One level's way down the noise levels: the reverse process of the default method."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from gdp_desktop.diffusion.at_once import side_by_side
from gdp_desktop.diffusion.degradation import BlockMean
from gdp_desktop.diffusion.gradients import quality_gradient
from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.diffusion.quality import QualityTerm
from gdp_desktop.diffusion.samplers import ddim_step
from gdp_desktop.diffusion.strips import NoiseField, Rows, in_thin_strips, with_margins
from gdp_desktop.diffusion.tiler import TiledPrior
from gdp_desktop.methods.levels import Level
from gdp_desktop.methods.method import Estimate
from gdp_desktop.methods.own_noise import information_left
from gdp_desktop.methods.starting_point import add_noise, starting_point

# The first row and the rows of x0.
_Strip = tuple[int, torch.Tensor]
# How far a block of the finer level may stray from the coarse result (RMS, [-1, 1] scale).
COARSE_SIGMA = 0.1


@dataclass(frozen=True)
class Descent:
    """From x_T to x0 of one level, in strips of whole rows: as soon as the prior has answered a
    strip, it is guided, and x_{t-1} takes the place of x_t.

    ``prior`` has the schedule to walk down.  ``coarse`` is the result of the level above, half the
    size; ``own_noise`` the standard deviation of the photo's own noise in the starting point,
    (1, 1, H, W) or (1, 1, 1, 1), None where all noise is added.  Only a level that is guided as a
    whole has ``quality`` terms; one that is to ``learn`` φ is looked at as a whole, too.
    """

    level: Level
    prior: TiledPrior
    coarse: torch.Tensor | None
    own_noise: torch.Tensor | None
    quality: tuple[QualityTerm, ...]
    learn: bool
    solver_steps: int
    zeta: float
    seed: int

    def run(self) -> Generator[Estimate, None, torch.Tensor]:
        """Yields the estimate of every strip at every step; returns x0."""
        schedule, number = self.prior.schedule, self.level.number
        x_t = starting_point(self.level, self.coarse, self.own_noise, self._start_sigma)
        add_noise(x_t, self.own_noise, schedule, NoiseField(self.seed, number, len(schedule)))
        for i in reversed(range(len(schedule))):
            yield from self._step(x_t, i)
        return x_t

    def _step(self, x_t: torch.Tensor, i: int) -> Iterator[Estimate]:
        """Makes x_{t-1} of x_t in place."""
        level = self.level
        strips: Iterable[_Strip] = ((s.top, s.x0) for s in self.prior.strips(x_t, i))
        pull = None
        if self.learn:  # from the photo as a whole
            x0 = torch.cat([x0 for _, x0 in strips], dim=-2)
            level.degradation.fit(x0, level.y)
            strips = [(0, x0)]
            pull = -quality_gradient(self.quality, x0) if self.quality else None
        further = partial(self._rows_further, x_t, i, self.prior.x0_std(i), pull)
        if level.degradation.reach == 0:
            for strip in strips:
                yield from side_by_side(further, in_thin_strips(*strip), x_t.device)
        else:
            for rows in with_margins(strips, level.size.height, level.degradation.reach):
                yield further(*rows)

    def _rows_further(
        self, x_t: torch.Tensor, i: int, x0_std: float, pull: torch.Tensor | None,
        inner: Rows, outer: Rows, answer: torch.Tensor,
    ) -> Estimate:
        """Guides the prior's answer for the outer rows; x_{t-1} of the inner ones takes the place
        of their x_t."""
        guided = self._guidance(outer, pull)(answer, x0_std)
        x0 = guided[..., inner.inside(outer), :]
        state = inner.of(x_t, self.level.size.height)
        zeta = self.zeta if i > 0 else 0.0
        fresh = NoiseField(self.seed, self.level.number, i)
        noise = fresh.rows(inner, state) if zeta > 0 else None
        state.copy_(ddim_step(self.prior.schedule, state, x0, i, zeta, noise))
        return Estimate(x0, self.level.number, top=inner.top)

    def _guidance(self, rows: Rows, pull: torch.Tensor | None) -> Guidance:
        """Towards the photo and the coarser result, for these rows."""
        level, height = self.level, self.level.size.height
        part = level.degradation
        if rows != Rows(0, height):
            part = part.rows(rows, height)
        photo = rows.of(level.y, height)
        measurements = [Measurement(photo, part, level.sigma_y, self._weight(rows))]
        if self.coarse is not None:
            known = rows.of(self.coarse, height)
            measurements.append(Measurement(known, BlockMean(2), COARSE_SIGMA))
        return Guidance(
            measurements, self.quality, solver_steps=self.solver_steps,
            pull=None if pull is None else rows.of(pull, height),
        )

    def _weight(self, rows: Rows) -> float | torch.Tensor:
        """What of y's information x_t does not hold already."""
        if self.own_noise is None or self.own_noise.numel() == 1:
            return self._even_weight
        return information_left(rows.of(self.own_noise, self.level.size.height), self._start_sigma)

    @cached_property
    def _even_weight(self) -> float:
        # A graphics card is asked for it once and not at every step.
        if self.own_noise is None:
            return 1.0
        return float(information_left(self.own_noise, self._start_sigma))

    @cached_property
    def _start_sigma(self) -> float:
        return self.prior.schedule.sigma(-1)
