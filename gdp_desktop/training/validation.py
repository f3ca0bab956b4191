"""What a prior is worth: how well it denoises photos that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch

from gdp_desktop.diffusion.unet import UNet

SIGMAS = (15, 25, 50)  # of 255
VALIDATION_SIDE = 256
CALIBRATION_SIDE = 128

# Bands of σ in units of x_0 in [-1, 1]; σ = 25 of 255 is 0.196.
BAND_EDGES: tuple[tuple[str, float], ...] = (
    ("<0.05", 0.05), ("<0.2", 0.2), ("<0.5", 0.5), ("<2", 2.0), (">2", math.inf),
)


def band_of(log_sigma: torch.Tensor) -> torch.Tensor:
    """Index into BAND_EDGES for each log σ."""
    edges = torch.tensor([edge for _, edge in BAND_EDGES[:-1]]).log()
    return torch.bucketize(log_sigma, edges)


def psnr(result: np.ndarray, reference: np.ndarray, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB over all values of two equal-shaped arrays."""
    error = np.mean((np.asarray(result, np.float64) - np.asarray(reference, np.float64)) ** 2)
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


@torch.no_grad()
def denoising_psnr(
    network: UNet, photos: Iterable[np.ndarray], device: str = "cpu"
) -> dict[int, float]:
    """Mean PSNR (dB) of one evaluation at the matching noise level, per σ of 255.

    photos are (H, W, 3) uint8; the middle 256x256 of each is used, with the same noise each time.
    """
    totals: dict[int, list[float]] = {sigma: [] for sigma in SIGMAS}
    for number, pixels in enumerate(photos):
        crop = middle(pixels, VALIDATION_SIDE, network.config.stride)
        x0 = as_x0(crop)
        generator = torch.Generator().manual_seed(number)
        for sigma in SIGMAS:
            noise = torch.randn(x0.shape, generator=generator)
            denoised = denoise_once(network, (x0 + sigma / 127.5 * noise).to(device),
                                    sigma / 127.5)
            totals[sigma].append(psnr(denoised.cpu().numpy() * 127.5, x0.numpy() * 127.5))
    return {sigma: float(np.mean(values)) for sigma, values in totals.items() if values}


def as_x0(pixels: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1]"""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float().div(127.5).sub(1)


def denoise_once(network: UNet, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
    """The network's clean estimate of x_0 + σ·noise; (N, 3, H, W) in [-1, 1], σ likewise."""
    alpha = (1 + sigma**2) ** -0.5
    x_t = (alpha * noisy).contiguous(memory_format=torch.channels_last)
    log_sigma = torch.full((len(x_t),), math.log(sigma), device=x_t.device)
    v = network(x_t, log_sigma)
    return (alpha * x_t - (1 - alpha**2) ** 0.5 * v).clamp(-1, 1)


@torch.no_grad()
def x0_error_table(
    network: UNet, photos: Iterable[np.ndarray], device: str = "cpu"
) -> list[tuple[float, float]]:
    """(σ, RMS error of x̃0) over the schedule's range, both in units of x_0.

    The guidance weighs the prior against the photo with it (``Prior.x0_std``), so it is measured
    on training photos, not on those that judge.
    """
    crops = [middle(pixels, CALIBRATION_SIDE, network.config.stride) for pixels in photos]
    if not crops:
        return []
    sigmas = np.geomspace(0.01, 150, 15)
    squares = np.zeros(len(sigmas))
    for number, crop in enumerate(crops):
        x0 = as_x0(crop)
        generator = torch.Generator().manual_seed(number)
        for k, sigma in enumerate(sigmas):
            noisy = x0 + float(sigma) * torch.randn(x0.shape, generator=generator)
            denoised = denoise_once(network, noisy.to(device), float(sigma)).cpu()
            squares[k] += float((denoised - x0).square().mean())
    errors = np.sqrt(squares / len(crops))
    return [(float(s), float(e)) for s, e in zip(sigmas, errors, strict=True)]


def middle(pixels: np.ndarray, side: int, multiple: int) -> np.ndarray:
    """The middle of a picture (H, W, ...), at most ``side`` high and wide, by multiples."""
    height, width = (min(side, n) // multiple * multiple for n in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
