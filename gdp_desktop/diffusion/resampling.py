"""Pictures (N, C, H, W) made smaller and larger by whole factors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

# Weights of the pixels around a place a quarter of a pixel before the third of them: cubic
# convolution (Keys 1981) with a = -0.75, as torch and OpenCV have it.
QUARTER_BEFORE = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)


def block_mean(image: torch.Tensor, side: int) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, H/side, W/side) by means of side × side pixels; what is left over at
    the right and below does not count."""
    if side % 2:
        return F.avg_pool2d(image, side)
    height, width = (n // side * side for n in image.shape[-2:])
    half = halved(image[..., :height, :width])
    return half if side == 2 else block_mean(half, side // 2)


def spread(image: torch.Tensor, side: int) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, side·H, side·W), every value side × side times."""
    if side == 2:
        # A value and itself as a complex number: a quarter of the time of interpolating.
        columns = torch.view_as_real(torch.complex(image, image)).flatten(-2)
        return torch.stack((columns, columns), -2).flatten(-3, -2)
    return F.interpolate(image, scale_factor=side, mode="nearest")


def halved(image: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) with even H, W -> (N, C, H/2, W/2) by 2×2 means."""
    # Rows first, as they lie side by side in memory: a tenth of pooling's time.
    rows = image[..., ::2, :] + image[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def enlarged(image: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, factor·H, factor·W), bicubic."""
    if factor == 2:
        return _doubled(_doubled(image, -1), -2)
    return F.interpolate(image, scale_factor=factor, mode="bicubic", align_corners=False)


def _doubled(image: torch.Tensor, dim: int) -> torch.Tensor:
    """Twice as long on one side, -1 or -2, bicubic; one side after the other takes a third of the
    time of both at once."""
    count = image.shape[dim]
    padded = F.pad(image, (2, 2, 0, 0) if dim == -1 else (0, 0, 2, 2), mode="replicate")
    taps = [padded.narrow(dim, k, count) for k in range(5)]
    before = _weighted(taps[:4], QUARTER_BEFORE)
    after = _weighted(taps[1:], QUARTER_BEFORE[::-1])
    return torch.stack((before, after), dim).flatten(dim - 1, dim)


def _weighted(images: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    total = images[0] * weights[0]
    for image, weight in zip(images[1:], weights[1:], strict=True):
        total = total.add_(image, alpha=weight)
    return total
