"""What a user can ask for: a task, its parameters in the user's words, and the problem it poses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.quality import QualityTerm


class TaskError(Exception):
    """One sentence: what is wrong with the request and what to do."""


@dataclass(frozen=True)
class Param:
    """A number the user sets; ``choices`` makes it one of a list instead of a range."""

    key: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float = 0.01
    unit: str = ""
    help: str = ""
    choices: tuple[float, ...] = ()
    # A value that means "work it out from the photo"; shown as "Auto".
    auto: float | None = None

    def check(self, value: float) -> float:
        """The value, or TaskError if it is outside what the parameter allows."""
        if self.auto is not None and value == self.auto:
            return value
        if self.choices and value not in self.choices:
            allowed = ", ".join(f"{choice:g}" for choice in self.choices)
            raise TaskError(f"{self.key} cannot be {value:g}; choose one of {allowed}.")
        if not math.isfinite(value) or not self.minimum <= value <= self.maximum:
            raise TaskError(
                f"{self.key} cannot be {value:g}; choose a value from {self.minimum:g} to "
                f"{self.maximum:g}."
            )
        return value


@dataclass(frozen=True)
class Problem:
    """A restoration problem: find x (1, 3, H, W) in [-1, 1] with y = D(x) + noise.

    ``sigma_y`` is the standard deviation of the noise in y, one value per pyramid level from
    full size down (units of y, [-1, 1] scale); the last value is halved for each further level.
    ``start_sigma`` is the noise level of x_t that the finer levels start from, ``coarse_sigma``
    that of the coarsest level; None means the noise the photo itself carries.
    ``zeta`` is the share of fresh noise per step (0: deterministic, 1: all fresh).
    """

    y: torch.Tensor
    degradation: Degradation
    sigma_y: tuple[float, ...]
    quality: tuple[QualityTerm, ...] = ()
    start_sigma: float | None = 0.7
    coarse_sigma: float | None = 0.7
    zeta: float = 1.0
    solver_steps: int = 4
    # Steps of the coarsest level, where the degradation is learned; None: as many as elsewhere.
    coarse_steps: int | None = None


Values = Mapping[str, float]


@dataclass(frozen=True)
class Task:
    """One thing the program can do to a photo.

    ``pose(unit, mask, values)`` gets the photo as (1, 3, H, W) in [-1, 1], the mask as
    (1, 1, H, W) in {0, 1} or None, and every parameter's value.
    """

    id: str
    title: str
    help: str
    pose: Callable[[torch.Tensor, torch.Tensor | None, Values], Problem]
    params: tuple[Param, ...] = ()
    default_steps: int = 20
    needs_mask: bool = False
    # The pyramid ends at the level whose short side is about this long; None: full size only.
    coarse_side: int | None = 256
    # Output pixels per input pixel, along one side.
    scale: Callable[[Values], int] = field(default=lambda values: 1)
    # The order in which the tasks are shown.
    order: int = 100

    def values(self, given: Values) -> dict[str, float]:
        """Every parameter's value: the given ones checked, the rest by default.

        Raises TaskError for an unknown parameter or a value out of range.
        """
        known = {param.key: param for param in self.params}
        for key in given:
            if key not in known:
                names = ", ".join(known) or "none"
                raise TaskError(f'"{self.id}" has no parameter "{key}"; it has: {names}.')
        return {
            key: param.check(float(given.get(key, param.default)))
            for key, param in known.items()
        }
