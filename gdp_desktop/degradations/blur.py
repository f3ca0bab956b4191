"""Blur: every point of the photo spread over its surroundings, the same everywhere."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.kernels import halved_kernel, moments
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.spectrum import Mirrored, Spectrum, symmetric_in_each_direction
from gdp_desktop.image.geometry import Size

# From about this many taps the fast Fourier transform is quicker than adding them up.
MANY_TAPS = 250
SEPARABLE = 1e-5
# The prior's error over the photo's, r/σ_y, at the start of the finer sizes of a photo with little
# noise: how much of what the blur took is brought back.
BROUGHT_BACK = 12.0
# What is felt of a row further off is less than such a share of all that is felt.
FELT = 0.01
# The response is looked for this many times as far as the kernel is long, but no further than a
# photo's part at work is high.
TIMES_AS_FAR, FARTHEST = 16, 1024


class Blur(Degradation):
    """y = k * x, the photo continued by its mirror image (half-sample symmetric).

    ``kernel`` is (h, w) with odd sides, centred, and sums to 1.  One that is the product of a
    column and a row is applied as two short convolutions, a large one by the Fourier transform.
    """

    pointwise = False
    linear = True
    # Conjugate gradients, and a preconditioner that goes through the DCT.
    guidance_bytes = 700
    guidance_share = 0.85
    kernel: torch.Tensor
    column: torch.Tensor | None
    row: torch.Tensor | None

    def __init__(self, kernel: torch.Tensor) -> None:
        super().__init__()
        if kernel.ndim != 2 or any(n % 2 == 0 for n in kernel.shape):
            raise ValueError(f"a kernel is (h, w) with odd sides, not {tuple(kernel.shape)}")
        column, row = _factors(kernel) or (None, None)
        self.register_buffer("kernel", kernel.float())
        self.register_buffer("column", column)
        self.register_buffer("row", row)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = (n // 2 for n in self.kernel.shape)
        padded = mirrored(mirrored(x, columns, -1), rows, -2)
        if self.row is not None and self.column is not None:
            return _convolved(_convolved(padded, self.row), self.column)
        if self.kernel.numel() > MANY_TAPS:
            return _convolved_by_fft(padded, self.kernel)
        return _convolved(padded, self.kernel)

    def spectrum(self, size: Size) -> Spectrum | None:
        return Mirrored(self.kernel, size) if symmetric_in_each_direction(self.kernel) else None

    @cached_property
    def reach(self) -> int:  # type: ignore[override]
        return max(self.kernel.shape[0] // 2, rows_felt(self.kernel))

    def shrunk(self) -> Degradation:
        kernel = halved_kernel(self.kernel.double())
        return Blur(kernel) if kernel.numel() > 1 else Degradation()

    def estimate(self) -> dict[str, Any]:
        along, across, angle = moments(self.kernel)
        return {
            "blur_along": round(along, 3),
            "blur_across": round(across, 3),
            "blur_angle": round(angle, 1) % 180 if along > 1.1 * across else 0.0,
        }


def rows_felt(kernel: torch.Tensor) -> int:
    """How many rows off a value of y still matters to guidance: 1/(1 + (r/σ_y)²·|k̂|²), which undoes
    the blur, has a response that goes on far beyond the kernel where k̂ comes near zero, as that
    of motion does, and ends sooner where it does not."""
    height, width = (max(2 * n, min(TIMES_AS_FAR * n, FARTHEST)) for n in kernel.shape)
    transfer = torch.fft.rfft2(kernel.double(), s=(height, width))
    response = torch.fft.irfft2(1 / (1 + (BROUGHT_BACK * transfer.abs()).square()))
    rows = response.abs().sum(dim=1)[: height // 2]
    beyond = rows.flip(0).cumsum(0).flip(0)
    return int((beyond > FELT * beyond[0]).sum())


def mirrored(image: torch.Tensor, reach: int, side: int) -> torch.Tensor:
    """Continued by its mirror image, its last value twice, ``reach`` values at both ends of the
    dimension ``side``; a reach beyond the image mirrors the mirror image."""
    while reach > 0:
        step = min(reach, image.shape[side])
        first = image.narrow(side, 0, step).flip(side)
        last = image.narrow(side, image.shape[side] - step, step).flip(side)
        image, reach = torch.cat((first, image, last), side), reach - step
    return image


def _convolved(padded: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    channels = padded.shape[1]
    turned = kernel.to(padded).flip(0, 1).expand(channels, 1, -1, -1)
    return F.conv2d(padded, turned, groups=channels)


def _convolved_by_fft(padded: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    height, width = padded.shape[-2:]
    size = [quick_length(height), quick_length(width)]
    spectrum = torch.fft.rfft2(padded, s=size) * torch.fft.rfft2(kernel.to(padded), s=size)
    # The first h - 1 rows and w - 1 columns are those that ran around the border.
    first_row, first_column = (n - 1 for n in kernel.shape)
    return torch.fft.irfft2(spectrum, s=size)[..., first_row:height, first_column:width]


def quick_length(length: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5; others are slow to transform."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _factors(kernel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """A column (h, 1) and a row (1, w) whose product the kernel is, if there are such."""
    left, values, right = torch.linalg.svd(kernel.double(), full_matrices=False)
    if len(values) > 1 and float(values[1]) > SEPARABLE * float(values[0]):
        return None
    scale = values[0].sqrt() * (1 if float(left[:, 0].sum()) > 0 else -1)
    return (scale * left[:, :1]).float(), (scale * right[:1]).float()
