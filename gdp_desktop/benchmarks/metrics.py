"""How good a restored photo is.  Photos are (H, W, 3) RGB in [0, 1], of equal size."""

from __future__ import annotations

import cv2
import numpy as np

from gdp_desktop.benchmarks.photos import as_tensor
from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.restoration import pixels
from gdp_desktop.tasks.task import Problem
from gdp_desktop.training import validation

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
LOE_SIDE = 100


def psnr(result: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all values of R, G and B; inf if equal."""
    return validation.psnr(result, reference, peak=1.0)


def psnr_of_grey(result: np.ndarray, reference: np.ndarray) -> float:
    """PSNR in dB of the mean of R, G and B: of all but the colours."""
    return psnr(result.mean(axis=2), reference.mean(axis=2))


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


def consistency(result: np.ndarray, problem: Problem) -> float:
    """Mean squared difference of D(result) and y in 8-bit units, with the D of the guidance."""
    return pixels.consistency(problem, as_tensor(result))


def lightness_order_error(result: np.ndarray, photo: np.ndarray) -> float:
    """LOE: how far the order of light and dark of a photo is changed in the brightened result.

    Wang et al. 2013, eq. 20-22: lightness is the largest of R, G and B, and of every pixel it is
    counted for how many others "at least as light" has changed.  On 100×100 pixels (area means),
    as many later papers have it, so from 0 to 10 000; their figures for larger grids are larger.
    """
    before, after = (
        cv2.resize(
            np.ascontiguousarray(image.max(axis=2)), (LOE_SIDE, LOE_SIDE),
            interpolation=cv2.INTER_AREA,
        ).ravel()
        for image in (photo, result)
    )
    changed = sum(
        np.count_nonzero((light >= before) != (lighter >= after))
        for light, lighter in zip(before, after, strict=True)
    )
    return changed / len(before)


def laplacian_variance(result: np.ndarray) -> float:
    """Sharpness without a reference: variance of the Laplacian of the luma, 8-bit units.

    Pech-Pacheco et al. 2000.  Noise and ringing raise it as well; it is to be read beside the
    clean photo's.
    """
    luma = result.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) * 255
    return float(cv2.Laplacian(luma, cv2.CV_64F).var())


def estimated_noise(result: np.ndarray) -> float:
    """Noise without a reference: the program's own estimate of σ, of 255 (``white_noise``).

    It was made to choose how much to remove and errs on the low side; to be read beside the clean
    photo's.
    """
    return 127.5 * white_noise(as_tensor(result))
