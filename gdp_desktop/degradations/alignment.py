"""Photos of one scene, taken by hand: by how many pixels they are shifted, and where they agree."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.noise import BRIGHTNESS_EDGES
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved

# The first guess is made on copies of about this size.
SMALL_SIDE = 384
# Hands do not shake by more than this share of the photo.
LARGEST_SHIFT = 0.25
# Where the threshold lies: the median, unless one of the photos is black or white there.
QUANTILES = (0.5, 0.3, 0.7, 0.17, 0.83, 0.08, 0.92)
READABLE = (0.04, 0.96)
# A shift is believed if it leaves at most this share of what none leaves unexplained, which is told
# by no fewer pixels than these.
LEFT_BY_A_SHIFT = 0.9
FEWEST_PIXELS = 64
# Photos agree where they differ by less than this many standard deviations of their noise.
TOLERANCE = 3.0
# What differs by chance has at most 1.3 times the variance of noise in a neighbourhood; from twice
# it on it is another thing.
BY_CHANCE, ANOTHER_THING = 1.3, 2.0
# A JPEG's noise is measured too low by up to a half; what photos that lie on each other tell of it
# is believed up to there.
MOST_OVER_MEASURED = 4.0
FEWEST_OF_A_BRIGHTNESS = 500
AROUND = sorted(
    ((y, x) for y in range(-2, 3) for x in range(-2, 3)), key=lambda by: by[0] ** 2 + by[1] ** 2
)


def shift_between(reference: torch.Tensor, moved: torch.Tensor) -> tuple[int, int]:
    """(down, right) in pixels by which ``moved`` lies off ``reference``; both (1, 3, H, W) in
    [-1, 1], of any exposure.

    Median threshold bitmaps (Ward 2003): whether a pixel is brighter than most does not depend on
    the exposure.  The correlation of small copies gives a first guess; from there to full size it
    is doubled and mended by up to two pixels.
    """
    # Of one channel the order of brightness survives any exposure; that of a mean does not.
    pyramids = [[unit(image[:, 1:2])] for image in (reference, moved)]
    while max(pyramids[0][-1].shape[-2:]) > SMALL_SIDE:
        for pyramid in pyramids:
            height, width = (n // 2 * 2 for n in pyramid[-1].shape[-2:])
            pyramid.append(halved(pyramid[-1][..., :height, :width]))
    shift: tuple[int, int] | None = None
    for one, other in zip(*(reversed(pyramid) for pyramid in pyramids), strict=True):
        near = None if shift is None else (2 * shift[0], 2 * shift[1])
        maps = _bitmaps(one, other)
        if maps is None:  # clipped or flat: nothing tells a shift at this size
            shift = near or (0, 0)
            continue
        near = near or _correlated(*maps)
        tried = [(near[0] + y, near[1] + x) for y, x in AROUND]
        # Of equals the first, which is the nearest.
        shift = min(tried, key=lambda shift: _share_unlike(*maps, shift))
    if shift is None or not _explains_more(pyramids[0][0], pyramids[1][0], shift):
        return 0, 0
    return shift


def _explains_more(one: torch.Tensor, other: torch.Tensor, shift: tuple[int, int]) -> bool:
    """Whether two photos (1, 1, H, W) in [0, 1] are clearly more alike when shifted than as they
    lie: in doubt a camera was on a tripod."""
    if shift == (0, 0):
        return False
    here, there = _overlap(one.shape, shift)
    first, still, back = one[0, 0][here], other[0, 0][here], other[0, 0][there]
    # The same pixels must judge both, and those that are clipped anywhere see no difference.
    votes = torch.ones_like(first, dtype=torch.bool)
    for image in (first, still, back):
        votes &= (image > READABLE[0]) & (image < READABLE[1])
    if int(votes.sum()) < FEWEST_PIXELS:
        return False
    first, still, back = (image[votes] for image in (first, still, back))
    return _unexplained(first, back) < LEFT_BY_A_SHIFT * _unexplained(first, still)


def _unexplained(one: torch.Tensor, other: torch.Tensor) -> float:
    """The share of one's variance (n,) that no linear function of the other explains: to encoded
    values another exposure is nearly that."""
    a, b = (values.double() - values.double().mean() for values in (one, other))
    return 1 - float((a * b).sum() ** 2 / (a.square().sum() * b.square().sum() + 1e-12))


def _correlated(one: torch.Tensor, other: torch.Tensor) -> tuple[int, int]:
    """The shift at which two bitmaps (H, W) are most alike, among all that hands can do."""
    (height, width), doubled = one.shape, [2 * n for n in one.shape]
    spectra = [torch.fft.rfft2(bits.float() - bits.float().mean(), s=doubled)
               for bits in (one, other)]
    alike = torch.fft.irfft2(spectra[0].conj() * spectra[1], s=doubled)
    rows, columns = int(LARGEST_SHIFT * height), int(LARGEST_SHIFT * width)
    near = alike.roll((rows, columns), dims=(0, 1))[: 2 * rows + 1, : 2 * columns + 1]
    overlap = torch.outer(
        height - torch.arange(-rows, rows + 1).abs(),
        width - torch.arange(-columns, columns + 1).abs(),
    )
    near = near / overlap
    best = int(near.argmax())
    if float(near.flatten()[best]) <= float(near[rows, columns]):
        return 0, 0
    return best // near.shape[1] - rows, best % near.shape[1] - columns


def _bitmaps(
    one: torch.Tensor, other: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Which pixels are brighter than the threshold, (H, W) each; None if no threshold is readable
    in both."""
    for share in QUANTILES:
        first, second = quantile(one, share), quantile(other, share)
        if all(READABLE[0] < threshold < READABLE[1] for threshold in (first, second)):
            return (one > first)[0, 0], (other > second)[0, 0]
    return None


def _share_unlike(one: torch.Tensor, other: torch.Tensor, shift: tuple[int, int]) -> float:
    here, there = _overlap(one.shape, shift)
    unlike = one[here] ^ other[there]
    return float(unlike.float().mean()) if unlike.numel() else 1.0


def _overlap(
    shape: torch.Size, shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where the reference, and where the moved photo, shows what both show."""
    here, there = [], []
    for length, by in zip(shape[-2:], shift, strict=True):
        by = max(-length, min(length, by))
        here.append(slice(max(0, -by), length - max(0, by)))
        there.append(slice(max(0, by), length + min(0, by)))
    return (here[0], here[1]), (there[0], there[1])


def shifted_back(image: torch.Tensor, shift: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The moved photo laid on the reference, (1, C, H, W), and where it is seen, (1, 1, H, W) in
    {0, 1}; elsewhere it is 0."""
    here, there = _overlap(image.shape, shift)
    laid = torch.zeros_like(image)
    laid[(..., *here)] = image[(..., *there)]
    seen = torch.zeros_like(image[:, :1])
    seen[(..., *here)] = 1
    return laid, seen


def trust(
    reference: torch.Tensor, laid: torch.Tensor, seen: torch.Tensor, sigma: float
) -> torch.Tensor:
    """How much a photo laid on the reference counts beside it, (1, 1, H, W) in [0, 1]: nothing
    where something moved, or was laid so badly that its mean with the reference would be worse.

    Both are (1, 3, H, W) with noise of about ``sigma``, which is told better, for every brightness,
    by how far they mostly differ; ``seen`` is 0 where ``laid`` is not known.
    """
    differs = _around((reference - laid).square().mean(dim=1, keepdim=True))
    brightness = _around(reference.mean(dim=1, keepdim=True))
    bands = torch.bucketize(brightness, torch.tensor(BRIGHTNESS_EDGES), out_int32=True)
    expected = torch.full_like(differs, 2 * sigma**2)
    for band in range(len(BRIGHTNESS_EDGES) + 1):
        here = (bands == band) & (seen > 0)
        if int(here.sum()) >= FEWEST_OF_A_BRIGHTNESS:
            told = quantile(differs[here], 0.5)
            expected[here] = min(max(told, 2 * sigma**2), MOST_OVER_MEASURED * 2 * sigma**2)
    times = differs / expected.clamp(min=1e-12)
    weight = ((ANOTHER_THING - times) / (ANOTHER_THING - BY_CHANCE)).clamp(0, 1)
    # The rim of what moved is hardly seen in a neighbourhood's mean.
    return seen * -F.max_pool2d(-weight, 3, stride=1, padding=1)


def _around(image: torch.Tensor) -> torch.Tensor:
    """Means of 5×5 pixels."""
    return F.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)


def agreement(one: torch.Tensor, other: torch.Tensor, sigma: float) -> torch.Tensor:
    """(1, 1, H, W) in {0, 1}: where two laid photos (1, 3, H, W) of one brightness, with noise of
    ``sigma``, show the same; things that moved in between do not."""
    difference = (one - other).abs().mean(dim=1, keepdim=True)
    # A mean over a neighbourhood: single pixels differ by chance.
    smooth = _around(difference)
    # |difference| of two noisy values has the mean 1.13 σ; edges are never laid exactly.
    slope = _steepness((one + other) / 2)
    return (smooth < 1.13 * sigma * TOLERANCE + 0.5 * slope).float()


def _steepness(image: torch.Tensor) -> torch.Tensor:
    """By how much the brightness changes from pixel to pixel around here."""
    smooth = _around(image.mean(dim=1, keepdim=True))
    highest, lowest = F.max_pool2d(smooth, 3, 1, 1), -F.max_pool2d(-smooth, 3, 1, 1)
    return highest - lowest
