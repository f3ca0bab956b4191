"""How noisy a photo is, at every level of its pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import halved
from gdp_desktop.diffusion.strips import in_strips

BLOCK = 8
FLAT_SHARE = 0.08
BRIGHTNESS_EDGES = (-0.8, -0.6, -0.3, 0.0, 0.4)  # of [-1, 1]
BAND_SHARE = 0.02
# Large areas of one exact value: a drawing or a screenshot, if the rest looks very noisy.  In a
# photo only compression flattens areas, and only where the noise was weak.
DRAWN_SHARE = 0.3
STRONGEST_BESIDE_FLAT = 5 / 127.5
# Noise of the level below that can be left after halving: 0.5 if it is white; demosaicing and
# compression hide up to all of it at full size.  What is above that is the photo's texture.
LARGEST_RATIOS = (1.3, 0.6)
WHITE_RATIO = 0.65


def estimate_noise(y: torch.Tensor, levels: int) -> tuple[float, ...]:
    """Standard deviation of the noise in y (1, C, H, W) and in its halvings, one per level.

    At each level it is read from the finest band, on the flattest blocks that are not clipped.
    White noise halves from level to level; that of a camera JPEG does not, because demosaicing and
    compression have removed its finest part, so every level is measured for itself.
    """
    estimates = [_flat_noise(y)]
    for level in range(1, levels):
        if min(y.shape[-2:]) < 8 * BLOCK:
            break
        y = halved(y[..., : y.shape[-2] // 2 * 2, : y.shape[-1] // 2 * 2])
        ratio = LARGEST_RATIOS[min(level, len(LARGEST_RATIOS)) - 1]
        estimates.append(min(_flat_noise(y), ratio * estimates[-1]))
    return tuple(estimates)


def noise_to_remove(y: torch.Tensor, levels: int) -> tuple[float, ...]:
    """The noise that sampling should start from at every level, full size first.

    White noise is best removed in one go at full size.  What neighbouring pixels share, as after
    demosaicing and JPEG, looks like texture there and is removed coarse to fine.
    """
    measured = estimate_noise(y, levels)
    if len(measured) > 1 and measured[1] < WHITE_RATIO * measured[0]:
        return measured[0], 0.0
    return measured


def _flat_noise(y: torch.Tensor) -> float:
    height, width = (n // BLOCK * BLOCK for n in y.shape[-2:])
    if not height or not width:
        return 0.0
    blocks = [_of_blocks(y[..., rows.top : rows.bottom, :width]) for rows in in_strips(height)]
    variance, level = (torch.cat(values) for values in zip(*blocks, strict=True))
    unclipped = (level > -0.96) & (level < 0.96)
    noisy = unclipped & (variance > 1e-7)
    if not bool(noisy.any()):
        return 0.0
    # Noise grows with brightness; the flattest blocks of a photo alone would be its darkest.
    bands = torch.bucketize(level, torch.tensor(BRIGHTNESS_EDGES))
    readings = [
        variance[noisy & (bands == band)].quantile(FLAT_SHARE)
        for band in range(len(BRIGHTNESS_EDGES) + 1)
        if int((noisy & (bands == band)).sum()) >= max(BAND_SHARE * int(noisy.sum()), 20)
    ] or [variance[noisy].quantile(FLAT_SHARE)]
    # Texture only adds, so the truth is nearer to the lower readings.
    variance_of_noise = torch.stack(readings).quantile(0.35, interpolation="nearest")
    # Removing the 2×2 means leaves three quarters of white noise's variance.
    sigma = float((variance_of_noise / 0.75).sqrt())
    flat_share = 1 - int(noisy.sum()) / int(unclipped.sum())
    drawn = flat_share > DRAWN_SHARE and sigma > STRONGEST_BESIDE_FLAT
    return 0.0 if drawn else sigma


def _of_blocks(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Variance of the finest band, and brightness, of every block."""
    detail = y - F.interpolate(halved(y), scale_factor=2.0, mode="nearest")
    variance = F.avg_pool2d(detail.square_(), BLOCK).mean(dim=1).flatten()
    return variance, F.avg_pool2d(y, BLOCK).mean(dim=1).flatten()
