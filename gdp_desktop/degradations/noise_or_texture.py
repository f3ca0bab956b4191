"""White noise told apart from texture, by what a prior takes away of a photo.

A photo's flattest blocks alone cannot tell: where everything is grass or gravel, so are they.  Told
that there is noise of σ, the prior takes away nearly that much if there is, and hardly half of it
if what looks like noise is the photo's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from gdp_desktop.degradations.noise import SHARED_BY_ALL, diagonal_share, is_grey, white_noise
from gdp_desktop.diffusion.prior import Prior

# The prior is asked about the middles of the photo's quarters, squares of this side.
SIDE = 192
# RMS of what it takes away ÷ σ that it was told, for noise that every channel has for itself and
# for noise that all share.  Of a hundred clean crops of training photos that was 0.58 at most and,
# where what went was white and alike in all channels, 0.69.
LEAST_TAKEN, LEAST_TAKEN_SHARED = 0.6, 0.7
# So much is never texture alone: less noise need not be asked about.
CERTAIN = 0.85
# The finest band's diagonal part of what is taken away, a third of white noise and 0.41 at most;
# 0.28 at most where neighbours share it, as after demosaicing; more of cloth and of screens.
LEAST_DIAGONAL, MOST_DIAGONAL = 0.3, 0.45
# √3·σ of the channels' mean ÷ σ of a channel, of what is taken away: √3 where all have the same.
LEAST_ALIKE = 1.5
# From each σ to the next that is asked about; beyond the most that is taken away shares fall.
NEXT_SIGMA, FALLEN = 0.8, 0.92
# A share is largest a little below the noise's own σ.
ABOVE_LARGEST = 1.1
UNCLIPPED = 0.96


class WhiteNoise(NamedTuple):
    """Noise of ``sigma`` in every channel, units of y; ``shared``: how much stronger it is along
    grey, from 1 where each has its own to √3 where all have the same."""

    sigma: float
    shared: float = 1.0

    @property
    def told(self) -> float:
        """The σ that a prior is to be told of, which expects every channel to have its own."""
        return self.sigma * self.shared


class _Taken(NamedTuple):
    """What the prior took away when told of σ in a single channel: how much of it, and what."""

    share: float
    sigma: float
    rest: torch.Tensor


def told_apart(
    y: torch.Tensor, prior: Prior, before_asking: Callable[[], None] = lambda: None
) -> WhiteNoise | None:
    """The white noise in y (1, 3, H, W), if the prior takes it for that; None if there is none, or
    none that is white, or less than any that the prior knows (1.3 of 255).

    ``before_asking`` is called before every evaluation, of which there may be some twenty.
    """
    # Texture only adds.
    highest = white_noise(y)
    quarters = _middles_of_quarters(y, prior.stride)
    if highest < least_told(prior) or quarters is None:
        return None
    if not is_grey(y):
        own = _most_taken(prior, quarters, highest, 1.0, before_asking)
        if own.share >= LEAST_TAKEN and _is_white(own.rest):
            return WhiteNoise(min(highest, ABOVE_LARGEST * own.sigma))
    shared = _most_taken(prior, quarters, highest, SHARED_BY_ALL, before_asking)
    if shared.share >= LEAST_TAKEN_SHARED and _is_white(shared.rest) and _is_alike(shared.rest):
        return WhiteNoise(min(highest, ABOVE_LARGEST * shared.sigma), SHARED_BY_ALL)
    return None


def least_told(prior: Prior) -> float:
    """The faintest noise that a prior can be asked about."""
    return prior.schedule.sigma(0)


def _most_taken(
    prior: Prior, y: torch.Tensor, highest: float, shared: float,
    before_asking: Callable[[], None],
) -> _Taken:
    """Asks about less and less noise, from ``highest`` down, until the share falls."""
    most = _Taken(0.0, 0.0, torch.zeros_like(y))
    for told, step in _steps_down(prior, shared * highest):
        before_asking()
        taken = y - prior(prior.schedule.alpha(step) * y, step).x0
        seen = taken[y.abs() < UNCLIPPED]
        share = float(seen.square().mean().sqrt()) * shared / told if seen.numel() else 0.0
        if share > most.share:
            most = _Taken(share, told / shared, taken)
        if share > CERTAIN or share < FALLEN * most.share:
            break
    return most


def _steps_down(prior: Prior, sigma: float) -> Iterator[tuple[float, int]]:
    """The prior's steps from σ down, each with its noise level."""
    step = prior.schedule.step_at(sigma)
    while step >= 0:
        told = prior.schedule.sigma(step)
        yield told, step
        step = min(step - 1, prior.schedule.step_at(NEXT_SIGMA * told))


def _is_white(taken: torch.Tensor) -> bool:
    return LEAST_DIAGONAL <= diagonal_share(taken) <= MOST_DIAGONAL


def _is_alike(taken: torch.Tensor) -> bool:
    """Whether all channels have the same."""
    of_mean, own = taken.mean(dim=1).square().mean(), taken.square().mean()
    return bool(3 * of_mean >= LEAST_ALIKE**2 * own)


def _middles_of_quarters(y: torch.Tensor, stride: int) -> torch.Tensor | None:
    """(4, 3, h, w), or (1, 3, h, w) of a small photo; None if that is smaller than a network's
    ``stride``."""
    sides = [min(n, SIDE) // stride * stride for n in y.shape[-2:]]
    if not all(sides):
        return None
    (height, width), (rows, columns) = y.shape[-2:], sides
    if height < 2 * rows or width < 2 * columns:
        top, left = (height - rows) // 2, (width - columns) // 2
        return y[..., top : top + rows, left : left + columns]
    return torch.cat([
        y[..., top - rows // 2 :, left - columns // 2 :][..., :rows, :columns]
        for top in (height // 4, height - height // 4)
        for left in (width // 4, width - width // 4)
    ])
