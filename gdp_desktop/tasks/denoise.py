"""Plain denoising: D is the identity, all that is known is how strong the noise is."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from gdp_desktop.degradations.alignment import shift_between, shifted_back, trust
from gdp_desktop.degradations.noise import noise_to_remove, shared_by_channels, white_noise
from gdp_desktop.degradations.noise_or_texture import least_told, told_apart
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.diffusion.strips import Rows
from gdp_desktop.tasks.param import Param, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Removes the grain and colour speckle of high-ISO and phone photos. Left on Auto, the noise
is measured in the photo itself, in fine and in coarse structures; raise the strength if speckles
remain, lower it if fine texture goes. Up to eight further photos of the same scene, as of a burst,
are laid on the first one and averaged before."""


NONE_FOUND = (
    "No noise was found that differs from the photo's texture; state how strong it is to have it "
    "removed."
)


class Noise(Degradation):
    """y = x + noise, where ``gain`` (1, 1, H, W) or (1, 1, 1, 1) is how much stronger the noise is
    than ``sigma``."""

    gain: torch.Tensor

    def __init__(self, sigma: float, gain: torch.Tensor | None = None) -> None:
        super().__init__()
        self.sigma = sigma
        self.register_buffer("gain", torch.ones(1, 1, 1, 1) if gain is None else gain)

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        return self.gain

    @property
    def unevenness(self) -> torch.Tensor | None:
        return None if self.gain.numel() == 1 else self.gain

    def rows(self, rows: Rows, height: int) -> Noise:
        return Noise(self.sigma, rows.of(self.gain, height))

    def shrunk(self) -> Noise:
        return Noise(self.sigma / 2, self.gain if self.gain.numel() == 1 else halved(self.gain))

    def estimate(self) -> dict[str, Any]:
        return {"noise_sigma": round(127.5 * self.sigma, 2)}


class Burst(Noise):
    """The mean of several photos, with what is known of how they were laid on one another."""

    shifts: tuple[tuple[int, int], ...] = ()
    photos: float = 1.0

    def estimate(self) -> dict[str, Any]:
        return super().estimate() | {
            "shifts": [list(shift) for shift in self.shifts],
            "photos_averaged": round(self.photos, 2),
        }


def averaged(given: Given) -> tuple[torch.Tensor, torch.Tensor, tuple[tuple[int, int], ...]]:
    """The mean of the photos as far as they show what the first does, (1, 3, H, W); of how many
    equal ones it has the noise, (1, 1, H, W); and by how much each was shifted."""
    sigma = white_noise(given.y)
    total, shifts = given.y.clone(), [(0, 0)]
    weights, squares = torch.ones_like(given.y[:, :1]), torch.ones_like(given.y[:, :1])
    for other in given.others:
        shifts.append(shift_between(given.y, other))
        laid, seen = shifted_back(other, shifts[-1])
        weight = trust(given.y, laid, seen, sigma)
        total += weight * laid
        weights += weight
        squares += weight.square()
    return total / weights, weights.square() / squares, tuple(shifts)


class Found(NamedTuple):
    """Noise of every level, units of y, and how much stronger white noise is along grey; what the
    user should know of it."""

    levels: tuple[float, ...]
    shared: float = 1.0
    notes: tuple[str, ...] = ()


def noise_of_photo(given: Given) -> Found:
    """What the photo's own measurements and the prior say of its noise."""
    y, prior = given.y, given.prior
    levels = noise_to_remove(y)
    looks_white = not any(levels[1:])
    if prior is None or levels[0] < least_told(prior):
        return Found(levels, shared_by_channels(y) if looks_white else 1.0)
    if found := told_apart(y, prior, given.raise_if_cancelled):
        return Found((found.sigma, 0.0), found.shared)
    # What neighbours share the prior cannot tell from texture at full size.
    return Found((0.0, 0.0), notes=(NONE_FOUND,)) if looks_white else Found(levels)


def noise_alone(
    y: torch.Tensor, degradation: Degradation, sigma_y: tuple[float, ...],
    notes: tuple[str, ...] = (),
) -> Problem:
    """The problem of a photo that has nothing but noise: started from that, with none added."""
    return Problem(
        y=y, degradation=degradation, sigma_y=sigma_y, notes=notes,
        start_sigma=None, coarse_sigma=None, zeta=0.0, solver_steps=1,
    )


def pose(given: Given, values: Values) -> Problem:
    y, count, shifts = averaged(given) if given.others else (given.y, None, ())
    # Averaged n times, noise has a standard deviation smaller by √n.
    most = 1.0 if count is None else float(count.max())
    if stated := values["sigma"] / 127.5 / most**0.5:
        # That of white noise, which is removed at full size alone.
        found = Found((stated, 0.0), shared_by_channels(y))
    else:
        # What is left of a burst's noise differs from place to place.
        found = noise_of_photo(given if count is None else Given(y))
    sigma, *coarser = (values["strength"] * each for each in found.levels)
    degradation = Noise(sigma)
    if count is not None:
        degradation = Burst(sigma, (most / count).sqrt())
        degradation.shifts, degradation.photos = shifts, float(count.mean())
    if count is not None and not any(coarser):  # white
        # Where few photos agree, detail is taken back to a coarser size: there has to be one.
        coarser = []
    return noise_alone(y, degradation, (found.shared * sigma, *coarser), found.notes)


TASK = Task(
    id="denoise",
    title="Denoise",
    help=HELP,
    pose=pose,
    params=(
        Param("sigma", "Noise", 0, 0, 100, 0.5, "of 255", "How strong the noise is.", auto=0),
        Param("strength", "Strength", 1.0, 0, 3, 0.05, "×", "How much of the noise to remove."),
    ),
    default_steps=1,
    others=(0, 8),
    posing_bytes=lambda photos: 95 if photos > 1 else 0,
    order=20,
)
