"""HDR: one picture from several exposures of a scene, each with a light factor of its own."""

from __future__ import annotations

import torch

from gdp_desktop.degradations.alignment import agreement, shift_between, shifted_back
from gdp_desktop.degradations.bracket_noise import noise_of_bracket
from gdp_desktop.degradations.exposures import Exposures, below_white, relative_exposures, unclipped
from gdp_desktop.degradations.light import decode, encode
from gdp_desktop.degradations.noise import SHARED_BY_ALL, is_grey
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.tasks.low_light import local_light
from gdp_desktop.tasks.param import Param, TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Makes one picture of two to nine photos of the same scene that were taken with different
exposures: shadows from the bright ones, highlights from the dark ones. Photos taken by hand are
laid on one another first; things that moved are taken from the first photo."""

BRIGHTEST_SHARE = 0.999
# What still photos differ by, as a camera's tone curve is never quite sRGB's.
MOVED = 0.06
# Exposures by the photos and by the camera may be apart by so many stops, and by such a share of
# what the camera tells: a camera's tone curve is steeper than sRGB's in the middle.
STOPS_APART, SHARE_APART = 0.5, 0.35
CONTRADICTED = (
    "The camera data say other exposures than the photos show; those of the photos were taken."
)


class Bracket(Exposures):
    """Exposures that also report how they were laid on one another."""

    shifts: tuple[tuple[int, int], ...] = ()

    def estimate(self) -> dict[str, object]:
        return super().estimate() | {"shifts": [list(shift) for shift in self.shifts]}


def pose(given: Given, values: Values) -> Problem:
    if not given.others:
        raise TaskError(
            "Merging needs two to nine photos of the same scene; add the other exposures."
        )
    y, seen, shifts = laid_on_the_first(given)
    known = torch.empty_like(y)
    for photo, where, trust in zip(y, seen, known, strict=True):
        trust.copy_(where * unclipped(photo))
    factors, told, notes = factors_of(given, y, known)
    longest = factors > 0.99 * factors.max()
    still = unmoved(y, known, factors)
    known[longest] = seen[longest] * below_white(y[longest])
    known = known * still
    degradation = Bracket(y, known, factors, torch.ones_like(y[:1, :1]), told)
    degradation.shifts = shifts
    choose_light(degradation, values["compression"], values["exposure"], given.subject)
    noise = noise_of_bracket(y, known, factors)
    if len(noise) == 1 and is_grey(y):  # white, and the same in all channels
        noise = (SHARED_BY_ALL * noise[0],)
    return Problem(
        y=y,
        degradation=degradation,
        sigma_y=tuple(values["denoise"] * sigma for sigma in noise),
        # From the photos' own noise: from more the prior would have to guess what they know.
        start_sigma=None, coarse_sigma=None, zeta=0.0, notes=notes,
        by_products=lambda x0: {"hdr": degradation.scene_light(x0)},
    )


def laid_on_the_first(
    given: Given,
) -> tuple[torch.Tensor, torch.Tensor, tuple[tuple[int, int], ...]]:
    """All photos as (n, 3, H, W), where each is seen (n, 1, H, W), and their shifts."""
    shifts = tuple(shift_between(given.y, other) for other in given.others)
    laid = [
        shifted_back(other, shift) for other, shift in zip(given.others, shifts, strict=True)
    ]
    photos = torch.cat([given.y, *(photo for photo, _ in laid)])
    seen = torch.cat([torch.ones_like(given.y[:, :1]), *(where for _, where in laid)])
    return photos, seen, ((0, 0), *shifts)


def factors_of(
    given: Given, y: torch.Tensor, known: torch.Tensor
) -> tuple[torch.Tensor, bool, tuple[str, ...]]:
    """f (n,) with f_0 = 1, whether the camera has told them, and what to say about it.

    Camera data count unless the photos say something else: they do where one photo was developed
    several times, for a flash, for a filter, or where a lens does not tell its aperture.
    """
    seen, overlap = relative_exposures(y, known)
    if len(given.exposures) < len(y) or not all(given.exposures):
        return seen, False, ()
    light = torch.tensor([float(e or 0) for e in given.exposures])
    told = light / light[0]
    apart = (seen.log2() - told.log2()).abs()
    if overlap and bool((apart > STOPS_APART + SHARE_APART * told.log2().abs()).any()):
        return seen, False, (CONTRADICTED,)
    return told, True, ()


def unmoved(y: torch.Tensor, known: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """(n, 1, H, W): 0 where a photo shows something else than the first one, as far as both say."""
    maps = [torch.ones_like(y[:1, :1])]
    for photo, trust, factor in zip(y[1:], known[1:], factors[1:], strict=True):
        expected = 2 * encode(factor * decode(unit(y[:1]))).clamp(max=1) - 1
        both = ((known[:1] > 0.5) & (trust[None] > 0.5)).float()
        # A darker photo's noise is amplified in what it lets expect of a brighter one.
        sigma = MOVED * max(1.0, float(factor) ** 0.5)
        maps.append(agreement(both * photo[None], both * expected, sigma))
    return torch.cat(maps)


def choose_light(
    degradation: Exposures, compression: float, exposure: float, subject: torch.Tensor | None
) -> None:
    """Sets L so that the picture, or its ``subject`` (1, 1, H, W), has the mean brightness
    ``exposure`` (bisection), with the large differences of light reduced by the share
    ``compression``."""
    judged = slice(None) if subject is None else subject[0, 0] > 0
    merged = degradation.merged(degradation.photo)
    peak = max(1e-4, quantile(merged, BRIGHTEST_SHARE))
    shown = 2 * encode((merged / peak).clamp(max=1)) - 1
    light = local_light(shown, compression)
    low, high = -12.0, 12.0
    for _ in range(24):
        middle = (low + high) / 2
        degradation.light = light * 2**middle
        if float(unit(degradation.displayed(merged))[..., judged].mean()) > exposure:
            low = middle
        else:
            high = middle


TASK = Task(
    id="hdr",
    title="Merge exposures",
    help=HELP,
    pose=pose,
    params=(
        Param("exposure", "Exposure", 0.4, 0.1, 0.8, 0.01, "",
              "How bright the result is on the whole."),
        Param("compression", "Compression", 0.5, 0, 0.9, 0.05, "",
              "How much the difference between bright and dark places is reduced."),
        Param("denoise", "Denoise", 0.8, 0, 3, 0.05, "×",
              "How much of the noise to remove; 0 keeps it all."),
    ),
    default_steps=1,
    others=(1, 8),
    pictures_beside=1,
    # What is known of each, and the maps and differences of two of them at a time.
    posing_bytes=lambda photos: 35 * photos + 230,
    order=15,
)
