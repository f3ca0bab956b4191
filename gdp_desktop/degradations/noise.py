"""How noisy a photo is, at every level of its pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import torch

from gdp_desktop.diffusion.at_once import side_by_side
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.resampling import block_mean, halved
from gdp_desktop.diffusion.strips import in_strips

LEVELS = 8  # as many as any photo has
BLOCK = 8
FLAT_SHARE = 0.08
# Of [-1, 1], and between what 64 pixels of 8 bits in three channels can have as their mean, so
# that rounding does not decide in which band a block is.
BRIGHTNESS_EDGES = (-0.8001, -0.6001, -0.3001, -0.0001, 0.3999)
BAND_SHARE = 0.02
# Removing the 2×2 means leaves three quarters of white noise's variance.
WHITE_SHARE = 0.75
# Large areas of one exact value: a drawing or a screenshot, if the rest looks very noisy.  In a
# photo only compression flattens areas, and only where the noise was weak.
DRAWN_SHARE = 0.3
STRONGEST_BESIDE_FLAT = 5 / 127.5
# Of the blocks within a frame, in a photo; a hatched part of a drawing has one or two.
FEWEST_TONES = 16
# Noise of a level beside that of the level below it: 0.5 if it is white, more where demosaicing and
# compression took the finest part.  What is above that is the photo's texture.
LARGEST_RATIOS = (1.4, 0.9, 0.6)
# Of √3·σ of the channels' mean ÷ σ of a channel: 1 for noise of their own, √3 where all have the
# same.  JPEGs with less colour than light have 1.6 to 1.7, toned scans 1.65.  Noise weaker than
# this cannot be told from texture, which is mostly grey.
LEAST_SHARED, LEAST_NOISE = 1.6, 4 / 127.5
SHARED_BY_ALL = 3**0.5
# White noise has a third of its finest band's energy in the diagonal; of noise that was demosaiced
# or compressed hardly any is left there.
WHITE_DIAGONAL = 0.2


def white_noise(y: torch.Tensor) -> float:
    """Standard deviation of the noise in y (1, C, H, W), read from its finest band as if it were
    white."""
    return _flat_noise(y)[0]


def is_grey(y: torch.Tensor) -> bool:
    """Whether the channels of y (N, 3, H, W) are the same."""
    return bool((y[:, :1] == y).all())


def shared_by_channels(y: torch.Tensor) -> float:
    """How much stronger white noise in y (1, 3, H, W) is along grey than in a single channel: 1
    where every channel has its own, up to √3 where all have the same, as in black-and-white photos
    and toned scans.

    The prior expects noise that differs from channel to channel; what all share it takes for
    structure unless it is told of as much.
    """
    if is_grey(y):
        return SHARED_BY_ALL
    own = white_noise(y)
    if own < LEAST_NOISE:
        return 1.0
    ratio = SHARED_BY_ALL * white_noise(y.mean(dim=1, keepdim=True)) / own
    return min(ratio, SHARED_BY_ALL) if ratio > LEAST_SHARED else 1.0


def diagonal_share(noise: torch.Tensor) -> float:
    """How much of the energy of a picture's (N, C, H, W) finest band is diagonal: a third if it is
    white noise, less where neighbours share it.  H and W are even."""
    finest, diagonal = _finest_band(noise)
    return float(diagonal.mean() / finest.mean().clamp(min=1e-12))


def estimate_noise(y: torch.Tensor, levels: int = LEVELS) -> tuple[float, ...]:
    """Standard deviation of the noise in y (1, C, H, W) and in its halvings, one per level.

    At each level it is read from the finest band, on the flattest blocks that are not clipped: the
    σ of the white noise that would leave as much there.  White noise halves from level to level;
    that of a camera JPEG does not, because demosaicing and compression have removed its finest
    part, so every level is measured for itself.  For JPEG it is low, by up to a half.
    """
    return _noise_and_diagonal(y, levels)[0]


def _noise_and_diagonal(y: torch.Tensor, levels: int) -> tuple[tuple[float, ...], float]:
    """The noise of every level, and how much of the finest band's energy is diagonal."""
    sigma, diagonal = _flat_noise(y)
    estimates = [sigma]
    for level in range(1, levels):
        if min(y.shape[-2:]) < 8 * BLOCK:
            break
        y = halved(y[..., : y.shape[-2] // 2 * 2, : y.shape[-1] // 2 * 2])
        ratio = LARGEST_RATIOS[min(level, len(LARGEST_RATIOS)) - 1]
        estimates.append(min(white_noise(y), ratio * estimates[-1]))
    return tuple(estimates), diagonal


def noise_to_remove(y: torch.Tensor, levels: int = LEVELS) -> tuple[float, ...]:
    """The noise that sampling should start from at every level, full size first.

    White noise is best removed in one go at full size.  What neighbouring pixels share, as after
    demosaicing and JPEG, looks like texture there and is removed coarse to fine, from all of its
    standard deviation at each level.  A photo is its 2×2 means and what they leave, so a level has
    the variance of its finest band and that of the level above it.
    """
    finest, diagonal = _noise_and_diagonal(y, levels)
    if len(finest) > 1 and diagonal > WHITE_DIAGONAL:
        return finest[0], 0.0
    return all_of_it(finest)


def all_of_it(finest: Sequence[float]) -> tuple[float, ...]:
    """All of the noise of every level, from what each level's finest band tells."""
    variances = [finest[-1] ** 2]
    for sigma in reversed(finest[:-1]):
        variances.append(WHITE_SHARE * sigma**2 + variances[-1])
    return tuple(variance**0.5 for variance in reversed(variances))


def _flat_noise(y: torch.Tensor) -> tuple[float, float]:
    """Standard deviation of the noise, and how much of its finest band's energy is diagonal."""
    height, width = (n // BLOCK * BLOCK for n in y.shape[-2:])
    if not height or not width:
        return 0.0, 0.0
    strips = ((y[..., rows.top : rows.bottom, :width],) for rows in in_strips(height))
    blocks = side_by_side(_of_blocks, strips, y.device)
    variance, diagonal, level = (torch.cat(values) for values in zip(*blocks, strict=True))
    unclipped = (level > -0.96) & (level < 0.96)
    noisy = unclipped & (variance > 1e-7)
    if not bool(noisy.any()):
        return 0.0, 0.0
    # Noise grows with brightness; the flattest blocks of a photo alone would be its darkest.
    bands = torch.bucketize(level, torch.tensor(BRIGHTNESS_EDGES))
    enough = max(BAND_SHARE * int(noisy.sum()), 20)
    candidates = [noisy & (bands == band) for band in range(len(BRIGHTNESS_EDGES) + 1)]
    candidates = [mask for mask in candidates if int(mask.sum()) >= enough] or [noisy]
    readings = sorted(
        ((quantile(variance[mask], FLAT_SHARE), mask) for mask in candidates), key=itemgetter(0)
    )
    # Texture only adds, so the truth is nearer to the lower readings.
    reading, chosen = readings[round(0.35 * (len(readings) - 1))]
    sigma = (reading / WHITE_SHARE) ** 0.5
    photo = _without_frame(noisy | ~unclipped, height // BLOCK)
    if (127.5 * level[noisy & photo]).round().unique().numel() < FEWEST_TONES:
        photo = torch.ones_like(noisy)
    flat_share = 1 - int((noisy & photo).sum()) / int((unclipped & photo).sum())
    if flat_share > DRAWN_SHARE and sigma > STRONGEST_BESIDE_FLAT:
        return 0.0, 0.0
    flat = chosen & (variance <= reading)
    return sigma, float(diagonal[flat].sum() / variance[flat].sum())


def _without_frame(busy: torch.Tensor, rows: int) -> torch.Tensor:
    """Which blocks are not in rows or columns of flat ones alone: a frame or bars of one tone say
    nothing of the photo within."""
    grid = busy.view(rows, -1)
    return (grid.any(dim=1)[:, None] & grid.any(dim=0)[None]).flatten()


def _of_blocks(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Variance of the finest band, that of its diagonal part, and brightness, of every block."""
    finest, diagonal = _finest_band(y)
    of_blocks = (
        block_mean(finest, BLOCK // 2), block_mean(diagonal, BLOCK // 2), block_mean(y, BLOCK)
    )
    variance, diagonal, level = (values.mean(dim=1).flatten() for values in of_blocks)
    return variance, diagonal, level


def _finest_band(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Energy of what the 2×2 means leave of y, and of its diagonal part, in every 2×2 block."""
    above, below = y[..., ::2, :], y[..., 1::2, :]
    total, change = above + below, above - below
    across = total[..., ::2] - total[..., 1::2]
    down = change[..., ::2] + change[..., 1::2]
    diagonal = (change[..., ::2] - change[..., 1::2]).square_().mul_(1 / 16)
    return (across.square_() + down.square_()).mul_(1 / 16).add_(diagonal), diagonal
