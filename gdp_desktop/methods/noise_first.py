"""Noise first, the rest then: where a photo is white with noise, and something else besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.tiler import WindowDone
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.adaptive import CoarseToFine
from gdp_desktop.methods.method import Assignment, Estimate, Method, Solver, result_of
from gdp_desktop.tasks.denoise import noise_alone


def solver_for(method: Method, given: Assignment) -> Solver:
    """The method's solver, after what removes noise where the problem asks for that."""
    return NoiseFirst(given, method.solver) if given.problem.noise_first else method.solver(given)


class NoiseFirst:
    """Removes ``noise_first`` of the problem by one evaluation of every window, then solves it.

    Guidance holds x to y only as far as y's noise allows, detail by detail; the prior, asked about
    y itself, tells noise from detail by their surroundings, and loses less.
    """

    def __init__(self, given: Assignment, then: Callable[[Assignment], Solver]) -> None:
        self.given, self.then = given, then
        solver = then(given)
        self.then_windows, self.then_pixels = solver.total_windows, solver.total_pixels

    @cached_property
    def first(self) -> CoarseToFine:
        problem = self.given.problem
        noisy = noise_alone(problem.y, Degradation(), (problem.noise_first,))
        size = Size(problem.y.shape[-1], problem.y.shape[-2])
        return CoarseToFine(replace(
            self.given, problem=noisy, size=size, steps=1, coarse_side=None, values={},
        ))

    @property
    def total_windows(self) -> int:
        return self.first.total_windows + self.then_windows

    @property
    def total_pixels(self) -> int:
        return self.first.total_pixels + self.then_pixels

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        problem = self.given.problem
        y = result_of(self.first, 0, window_done)
        yield from self.then(
            replace(self.given, problem=replace(problem, y=y))
        ).solve(generator, window_done)
