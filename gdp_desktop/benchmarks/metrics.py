"""How good a restored photo is.  Photos are (H, W, 3) RGB in [0, 1], of equal size."""

from __future__ import annotations

import cv2
import numpy as np

from gdp_desktop.training import validation

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def psnr(result: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all values of R, G and B; inf if equal."""
    return validation.psnr(result, reference, peak=1.0)


def ssim(result: np.ndarray, reference: np.ndarray) -> float:
    """Structural similarity, at most 1: mean over R, G, B and all whole windows.

    Wang et al. 2004: Gaussian windows of 11×11 with σ = 1.5, K1 = 0.01, K2 = 0.03, population
    variances.  Raises ValueError for photos smaller than a window.
    """
    if min(result.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}×{SSIM_WINDOW} pixels.")
    x, y = result.astype(np.float64), reference.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x = _windowed(x * x) - mean_x**2
    variance_y = _windowed(y * y) - mean_y**2
    covariance = _windowed(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)
    return float((light * structure).mean())


def _windowed(image: np.ndarray) -> np.ndarray:
    reach = SSIM_WINDOW // 2
    smooth = cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA)
    return smooth[reach:-reach, reach:-reach]
