"""What a user can ask for: a task, its parameters in the user's words, and the problem it poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA, Degradation
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.quality import QualityTerm
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks.likeness import Distance, unlikeness
from gdp_desktop.tasks.param import Setting, Values, checked
from gdp_desktop.tasks.published import Published


def never() -> None:
    """For what nobody cancels."""


@dataclass(frozen=True)
class Given:
    """What the user hands over: the photo, and what some tasks need beside it.

    ``y`` is the photo as (1, 3, H, W) in [-1, 1]; ``unknown`` the painted mask as (1, 1, H, W) in
    {0, 1}; ``others`` are further photos of the same scene, of y's size (a bracket, a guide).
    ``source`` is the file y was read from, whole and upright, or None if y is only a part of it.
    ``size`` is how much of y is photo; what is right of it and below is its mirror image.
    ``exposures`` is the light that y and the others gathered, by the camera data, up to a factor;
    None where it is not known.  ``prior`` is the one that will solve the problem, to be asked about
    the photo; None where there is none to ask, or it takes long.  ``raise_if_cancelled`` is for
    what takes seconds before the first step.  ``subject`` is where the light of the result is
    judged, like ``unknown``: what is not transparent and, under a mask outside which nothing
    changes, was painted; None for all of it.
    """

    y: torch.Tensor
    unknown: torch.Tensor | None = None
    others: tuple[torch.Tensor, ...] = ()
    source: Path | None = None
    size: Size | None = None
    exposures: tuple[float | None, ...] = ()
    prior: Prior | None = None
    raise_if_cancelled: Callable[[], None] = never
    subject: torch.Tensor | None = None


@dataclass(frozen=True)
class Problem:
    """A restoration problem: find x (1, 3, H, W) in [-1, 1] with y = D(x) + noise.

    ``sigma_y`` is the standard deviation of the noise in y, one value per pyramid level from
    full size down (units of y, [-1, 1] scale); the last value is halved for each further level.
    ``start_sigma`` is the noise level of x_t that the finer levels start from, ``coarse_sigma``
    that of the coarsest level; None means the noise the photo itself carries.
    ``zeta`` is the share of fresh noise per step (0: deterministic, 1: all fresh).
    ``noise_first``, units of y, is white noise that is removed from y before; what it leaves is
    ``sigma_y``.
    """

    y: torch.Tensor
    degradation: Degradation
    sigma_y: tuple[float, ...]
    quality: tuple[QualityTerm, ...] = ()
    # Further distances of D(x) and y, beside their squared error.
    distances: tuple[Distance, ...] = ()
    start_sigma: float | None = 0.7
    coarse_sigma: float | None = 0.7
    zeta: float = 1.0
    noise_first: float = 0.0
    solver_steps: int = 4
    # Steps of the coarsest level, where the degradation is learned; None: as many as elsewhere.
    coarse_steps: int | None = None
    # GDP's own constants, if it was published with this kind of problem.
    published: Published | None = None
    # Sentences for the report: what was found or assumed.
    notes: tuple[str, ...] = ()
    # What else the result x0 can be made into: pictures (1, 3, H, W) in linear light, by name.
    by_products: Callable[[torch.Tensor], Mapping[str, torch.Tensor]] = lambda x0: {}

    def on(self, device: torch.device) -> Problem:
        """The same problem to be solved there.  Its degradation, which learns, is one and the same
        object and moves: this problem waits until it is brought back."""
        return replace(self, y=self.y.to(device), degradation=self.degradation.to(device))

    def likeness(
        self, degradation: Degradation, y: torch.Tensor, sigma_y: float
    ) -> tuple[QualityTerm, ...]:
        """``distances`` as quality terms, for D, y and noise at some size of the photo."""
        sigma_y = max(sigma_y, SMALLEST_SIGMA)
        return tuple(partial(unlikeness, d, degradation, y, sigma_y) for d in self.distances)

    def quality_for(
        self, degradation: Degradation, y: torch.Tensor, sigma_y: float
    ) -> tuple[QualityTerm, ...]:
        """``quality``, and ``likeness`` at that size."""
        return (*self.quality, *self.likeness(degradation, y, sigma_y))


@dataclass(frozen=True)
class Task:
    """One thing the program can do to a photo.

    ``pose(given, values)`` gets the photo and every parameter's value.
    """

    id: str
    title: str
    help: str
    pose: Callable[[Given, Values], Problem]
    params: tuple[Setting, ...] = ()
    default_steps: int = 20
    needs_mask: bool = False
    # Whether the whole photo is worked on even where a mask limits what is changed.
    needs_whole_photo: bool = False
    # Whether the mask only says what is unknown, and what was not painted is restored as well.
    mask_is_unknown: Callable[[Values], bool] = field(default=lambda values: False)
    # Whether the program looks for the mask itself; ``find_mask(pixels, values)`` then returns it,
    # bool (H, W), for the photo's pixels (H, W, 3), and raises TaskError if there is nothing.
    finds_mask: Callable[[Values], bool] = field(default=lambda values: False)
    find_mask: Callable[[np.ndarray, Values], np.ndarray] | None = None
    # The method that is best at interactive speed.
    default_method: str = "adaptive"
    # How many further photos of the same scene can be given: (at least, at most).
    others: tuple[int, int] = (0, 0)
    # The pyramid ends at the level whose short side is about this long; None: full size only.
    coarse_side: int | None = 256
    # The fewest levels, however small the photo is.
    least_levels: int = 1
    # Whether the result may have colours that the photo has not: a grey photo else stays grey.
    gives_colours: Callable[[Values], bool] = field(default=lambda values: False)
    # Main memory for posing it, per pixel of y beside the photos themselves, for so many of them.
    posing_bytes: Callable[[int], int] = field(default=lambda photos: 0)
    # How many 32-bit pictures of the result's size are saved beside it.
    pictures_beside: int = 0
    # Output pixels per input pixel, along one side.
    scale: Callable[[Values], int] = field(default=lambda values: 1)
    # The order in which the tasks are shown.
    order: int = 100

    def coarse_side_for(self, size: Size) -> float | None:
        """How long the short side of the coarsest level is, for a photo of this size."""
        if self.coarse_side is None:
            return None
        return min(self.coarse_side, min(size.width, size.height) / 2 ** (self.least_levels - 1))

    def values(self, given: Values) -> dict[str, Any]:
        """Every parameter's value: the given ones checked, the rest by default.

        Raises TaskError for an unknown parameter or a value that cannot be.
        """
        return checked(self.params, given, self.id)

    def must_be_painted(self, values: Values) -> bool:
        """Whether nothing can be done without a mask from the user."""
        wanted = self.needs_mask or self.mask_is_unknown(values)
        return wanted and not self.finds_mask(values)
