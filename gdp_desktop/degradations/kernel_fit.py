"""The kernel that turns the edges of one picture into those of another."""

from __future__ import annotations

import torch

from gdp_desktop.degradations.blur import quick_length
from gdp_desktop.degradations.kernels import on_the_simplex

FIT_STEPS = 60
# Weight of ½‖k‖² beside the energy of the edges; it decides where the edges say nothing.
REGULARITY = 3e-3
# Taps weaker than this share of the strongest are noise of the fit.
SMALLEST_TAP = 0.03
# Only gradients this many times the median one count as edges.
EDGE_FACTOR = 4.0


def kernel_from_edges(
    x0: torch.Tensor, y: torch.Tensor, start: torch.Tensor
) -> torch.Tensor | None:
    """argmin ½Σ‖k * ∂x0 - ∂y‖² + ½λ‖k‖² over kernels on the simplex, or None without edges.

    Gradients instead of intensities, because nearly any kernel explains flat areas; and only the
    strong ones of x0 (Cho and Lee 2009), because its fine texture is still the blurred photo's.
    Accelerated projected gradient (Beck and Teboulle 2009) over the kernel alone: all that the
    photo has to say lies in two correlations, computed once.  From there on it is small, and in
    main memory.
    """
    x0, y = x0.mean(dim=(0, 1)).double(), y.mean(dim=(0, 1)).double()
    height, width = start.shape
    own = torch.zeros(2 * height - 1, 2 * width - 1, dtype=torch.float64)
    wanted = torch.zeros(height, width, dtype=torch.float64)
    for side in (0, 1):
        edges, blurred = _strong(_gradient(x0, side)), _gradient(y, side)
        own += _correlation(edges, edges, height - 1, width - 1).cpu()
        wanted += _correlation(blurred, edges, height // 2, width // 2).cpu()
    energy = float(own[height - 1, width - 1])
    if energy < 1e-6 * x0.numel():
        return None
    own[height - 1, width - 1] += REGULARITY * energy

    # own is symmetric, so correlation and convolution are the same.
    size = [quick_length(3 * n - 2) for n in (height, width)]
    spectrum = torch.fft.rfft2(own, s=size)

    def slope(kernel: torch.Tensor) -> torch.Tensor:
        explained = torch.fft.irfft2(spectrum * torch.fft.rfft2(kernel, s=size), s=size)
        return explained[height - 1 : 2 * height - 1, width - 1 : 2 * width - 1] - wanted

    steepest = float(torch.fft.fft2(own).abs().max())
    kernel = lead = start.double().cpu()
    momentum = 1.0
    for _ in range(FIT_STEPS):
        before, kernel = kernel, on_the_simplex(lead - slope(lead) / steepest)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        lead = kernel + (momentum - 1) / following * (kernel - before)
        momentum = following
    kernel = torch.where(kernel < SMALLEST_TAP * kernel.max(), 0.0, kernel)
    return centred(kernel / kernel.sum()).to(start.device)


def _gradient(image: torch.Tensor, side: int) -> torch.Tensor:
    gradient = torch.zeros_like(image)
    gradient.narrow(side, 0, image.shape[side] - 1).copy_(image.diff(dim=side))
    return gradient


def _strong(gradient: torch.Tensor) -> torch.Tensor:
    size = gradient.abs()
    threshold = EDGE_FACTOR * float(size.flatten()[:: max(1, size.numel() // 100_000)].median())
    return torch.where(size >= threshold, gradient, 0.0)


def _correlation(a: torch.Tensor, b: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Σ a(p + d)·b(p) for all shifts d up to (rows, columns); nothing beyond the border."""
    size = [
        quick_length(max(n + reach, 2 * reach + 1))
        for n, reach in zip(a.shape, (rows, columns), strict=True)
    ]
    spectrum = torch.fft.rfft2(a, s=size) * torch.fft.rfft2(b, s=size).conj()
    shifts = torch.fft.irfft2(spectrum, s=size).roll((rows, columns), (0, 1))
    return shifts[: 2 * rows + 1, : 2 * columns + 1]


def centred(kernel: torch.Tensor) -> torch.Tensor:
    """Moved by whole pixels so that its mean is in the middle: a shift of the kernel is one of the
    photo, and the photo stays where it is."""
    shifts = []
    for side in (0, 1):
        offsets = torch.arange(kernel.shape[side]) - kernel.shape[side] // 2
        shifts.append(-round(float((kernel.sum(dim=1 - side) * offsets).sum())))
    return kernel.roll(shifts, (0, 1))
