"""How a problem is solved with a prior: the one interface of all samplers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.tiler import WindowDone
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks.param import Setting, Values, checked
from gdp_desktop.tasks.task import Problem


@dataclass(frozen=True)
class Estimate:
    """The clean estimate x0 (1, 3, h, w) after a step at some pyramid level (0 is full size), or
    the rows of it from ``top`` on; a result is whole."""

    x0: torch.Tensor
    level: int = 0
    is_result: bool = False
    top: int = 0


@dataclass(frozen=True)
class Assignment:
    """All that a method gets: the problem, the prior, the size of x, and how hard to try.

    ``coarse_side``: a pyramid, if the method has one, ends at the level whose short side is about
    this long; None for full size only.  ``window_batch`` must not be visible in the result.
    """

    problem: Problem
    prior: Prior
    size: Size
    steps: int
    coarse_side: float | None = None
    window_batch: int = 1
    values: Values = field(default_factory=dict)
    # The start noise found for this task, prior and step count, for a method that uses one.
    boundary: Boundary | None = None


class Solver(Protocol):
    """A method at work on one assignment; φ of the problem's degradation is learned in place."""

    @property
    def total_windows(self) -> int:
        """Network evaluations of the whole job, counted in windows."""
        ...

    @property
    def total_pixels(self) -> int:
        """The pixels of all these windows; small photos and coarse levels have smaller ones.  What
        goes back through the network counts as the time it takes."""
        ...

    def solve(
        self, generator: torch.Generator, window_done: WindowDone
    ) -> Iterator[Estimate]:
        """Yields the estimate after every step; the last one ``is_result``."""
        ...


def result_of(
    solver: Solver, seed: int, window_done: WindowDone = lambda: None
) -> torch.Tensor:
    """x0 (1, 3, H, W) of a whole solve, its noise drawn with ``seed``."""
    [last] = deque(solver.solve(torch.Generator().manual_seed(seed), window_done), maxlen=1)
    return last.x0


@dataclass(frozen=True)
class Method:
    """One way to sample.

    ``refusal(problem)`` is one sentence why the method cannot do this problem, or None.
    ``default_steps`` None: as many as the task has by default.  An ``expert`` method is
    slow or fragile and is marked as such.
    """

    id: str
    title: str
    help: str
    solver: Callable[[Assignment], Solver]
    default_steps: int | None = None
    # With fewer than these nothing of the photo would reach the result.
    least_steps: int = 1
    params: tuple[Setting, ...] = ()
    refusal: Callable[[Problem], str | None] = lambda problem: None
    expert: bool = False
    uses_boundary: bool = False
    # Whether the photo is guided in strips of rows, as far as its degradation can be.
    in_strips: bool = False
    # Whether gradients go back through the network, which then keeps all that it computes.
    goes_back: bool = False
    # The order in which the methods are shown.
    order: int = 100

    def values(self, given: Values) -> dict[str, Any]:
        """Every parameter's value: the given ones checked, the rest by default.

        Raises TaskError for an unknown parameter or a value that cannot be.
        """
        return checked(self.params, given, self.id)
