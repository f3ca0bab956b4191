"""Blur kernels: (h, w) with odd sides, centred, not negative, summing to 1; float64."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

# Samples per pixel, along one side, of a shape whose edge cuts through pixels.
SUBPIXELS = 16
# Weights of the four neighbours of a point halfway between pixels (cubic interpolation).
HALFWAY = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)


def gaussian_kernel(radius: float) -> torch.Tensor:
    """A Gaussian of standard deviation ``radius`` pixels, cut off at 3.5 of them."""
    reach = max(1, round(3.5 * radius))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    return _outer(torch.exp(-0.5 * (offsets / radius) ** 2))


def published_kernel() -> torch.Tensor:
    """The 9×9 kernel of GDP's deblurring script, for comparisons with published figures.

    Its profile is the square root of the normal distribution's mass over nine intervals of equal
    width between -2 - 5/18 and 2 + 5/18: a Gaussian of σ = 2.82 pixels, cut off at 4.
    """
    edges = torch.linspace(-2 - 5 / 18, 2 + 5 / 18, 10, dtype=torch.float64)
    return _outer(torch.special.ndtr(edges).diff().sqrt())


def disk_kernel(radius: float) -> torch.Tensor:
    """An evenly filled disk, the image of a point through a lens out of focus; each pixel has the
    share of its area that the disk covers."""
    reach = max(1, math.ceil(radius - 0.5))
    offsets = _subpixels(reach)
    inside = offsets.view(-1, 1) ** 2 + offsets.view(1, -1) ** 2 <= radius**2
    return _normalised(F.avg_pool2d(inside.double()[None], SUBPIXELS)[0])


def motion_kernel(length: float, angle: float) -> torch.Tensor:
    """A straight even motion of ``length`` pixels; ``angle`` in degrees, counter-clockwise from
    the horizontal.  Length 0 is no blur."""
    reach = max(1, math.ceil(length / 2))
    along = (torch.arange(0, 64 * reach, dtype=torch.float64) + 0.5) / (64 * reach) - 0.5
    x = length * along * math.cos(math.radians(angle))
    y = -length * along * math.sin(math.radians(angle))
    pixels = torch.arange(-reach, reach + 1, dtype=torch.float64)
    rows = (1 - (pixels.view(-1, 1) - y).abs()).clamp(min=0)
    columns = (1 - (pixels.view(-1, 1) - x).abs()).clamp(min=0)
    return _normalised(rows @ columns.T)


def halved_kernel(kernel: torch.Tensor) -> torch.Tensor:
    """The same blur for photos of half the size: half as wide, its mean and variance exact.

    A tap between two pixels of the smaller grid is shared among its neighbours by cubic
    interpolation, which may leave small negative values beside a hard edge.
    """
    rows, columns = (_halving(n).to(kernel) for n in kernel.shape)
    return _trimmed(rows @ kernel @ columns.T)


def doubled_kernel(kernel: torch.Tensor, size: int) -> torch.Tensor:
    """The same blur for photos of twice the size, in (size, size): the reverse of halving."""
    shape = [2 * n - 1 for n in kernel.shape]
    wide = F.interpolate(kernel[None, None], size=shape, mode="bilinear", align_corners=True)
    return _normalised(fitted_into(wide[0, 0].clamp(min=0), size))


def fitted_into(kernel: torch.Tensor, size: int) -> torch.Tensor:
    """The kernel in (size, size), cut off or padded with zeros around its centre."""
    top, left = ((size - n) // 2 for n in kernel.shape)
    return F.pad(kernel, (left, left, top, top))


def on_the_simplex(kernel: torch.Tensor) -> torch.Tensor:
    """The nearest kernel that is not negative and sums to 1 (Duchi et al. 2008)."""
    falling = kernel.flatten().sort(descending=True).values
    excess = (falling.cumsum(0) - 1) / torch.arange(1, len(falling) + 1).to(kernel)
    last = int((falling > excess).sum()) - 1
    return (kernel - excess[last]).clamp(min=0)


def moments(kernel: torch.Tensor) -> tuple[float, float, float]:
    """Standard deviations along the longest and the shortest direction, in pixels, and the angle
    of the longest in degrees, counter-clockwise from the horizontal, in [0, 180)."""
    kernel = kernel.double()
    height, width = kernel.shape
    y = (height // 2 - torch.arange(height, dtype=torch.float64)).view(-1, 1)
    x = (torch.arange(width, dtype=torch.float64) - width // 2).view(1, -1)
    x, y = x - (kernel * x).sum(), y - (kernel * y).sum()
    xx, yy, xy = (float((kernel * product).sum()) for product in (x * x, y * y, x * y))
    spread = math.hypot((xx - yy) / 2, xy)
    middle = (xx + yy) / 2
    angle = math.degrees(0.5 * math.atan2(2 * xy, xx - yy)) % 180
    return math.sqrt(max(0.0, middle + spread)), math.sqrt(max(0.0, middle - spread)), angle


def _outer(profile: torch.Tensor) -> torch.Tensor:
    profile = profile / profile.sum()
    return torch.outer(profile, profile)


def _normalised(kernel: torch.Tensor) -> torch.Tensor:
    return kernel / kernel.sum()


def _subpixels(reach: int) -> torch.Tensor:
    count = (2 * reach + 1) * SUBPIXELS
    return (torch.arange(count, dtype=torch.float64) + 0.5) / SUBPIXELS - (reach + 0.5)


def _halving(size: int) -> torch.Tensor:
    """(coarse size, size): where each tap goes, with centre on centre."""
    reach = size // 2
    coarse_reach = reach // 2 + 2
    moved = torch.zeros(2 * coarse_reach + 1, size, dtype=torch.float64)
    for offset in range(-reach, reach + 1):
        at = offset // 2 + coarse_reach
        if offset % 2 == 0:
            moved[at, offset + reach] = 1
        else:
            moved[at - 1 : at + 3, offset + reach] = torch.tensor(HALFWAY, dtype=torch.float64)
    return moved


def _trimmed(kernel: torch.Tensor, negligible: float = 1e-3) -> torch.Tensor:
    """Without outer rows and columns, as many on both sides, that hold next to nothing."""
    while True:
        height, width = kernel.shape
        if height > 1 and float(kernel[:: height - 1].abs().sum()) < negligible:
            kernel = kernel[1:-1]
        elif width > 1 and float(kernel[:, :: width - 1].abs().sum()) < negligible:
            kernel = kernel[:, 1:-1]
        else:
            return _normalised(kernel)


def transfer(kernel: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """What a convolution with the kernel, centred, multiplies every frequency by."""
    height, width = kernel.shape
    placed = torch.zeros(*shape)
    placed[:height, :width] = kernel
    return torch.fft.rfft2(placed.roll((-(height // 2), -(width // 2)), (0, 1)))
