"""The answers that need no prior: what a restoration has to beat.

Photos are (H, W, 3) RGB in [0, 1]; results are not clipped unless the method does.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from gdp_desktop.benchmarks.plan import LeftOut
from gdp_desktop.degradations import light

# Chosen by ``bench tuning``, on training photos, by mean PSNR: h and hColor of OpenCV's non-local
# means as multiples of σ, by σ of 255, and for a JPEG of quality 20 in units of 255;
NLM_STRENGTHS = {
    5: (0.6, 0.5), 10: (0.6, 0.6), 15: (0.6, 0.6), 25: (0.6, 0.6), 50: (0.6, 0.6), 75: (0.5, 0.5),
}
JPEG_NLM_STRENGTH = (4.0, 4.0)
# the Wiener filter's noise over signal and its power of the frequency, and the iterations of
# Richardson-Lucy, by case.
WIENER = {
    "deblurring": (1e-3, 2.0), "deblurring-noise": (0.3, 2.0), "motion-blur": (0.03, 0.0),
    "grey-blur": (1e-3, 1.0), "low-light-blur": (1.0, 2.0),
}
# 160 is the most that was tried; without noise more is slowly better.
ITERATIONS = {"deblurring": 160, "deblurring-noise": 20, "motion-blur": 40}

INPAINTING_RADIUS = 3
CLAHE_LIMIT, CLAHE_GRID = 2.0, 8
WISHED_MEAN = 0.45
# From here on and up to there a value counts ever less as measured, of [0, 1].
WHITE = (0.93, 0.985)


def non_local_means(noisy: np.ndarray, h: float, h_color: float) -> np.ndarray:
    """Buades et al. 2005 as in OpenCV (fastNlMeansDenoisingColored, windows of 7 and 21).

    It takes 8 bits, so the photo is rounded and clipped first; ``h`` and ``h_color`` are of 255.
    """
    bgr = np.ascontiguousarray(as_bytes(noisy)[..., ::-1])
    cleaned = cv2.fastNlMeansDenoisingColored(bgr, None, h, h_color, 7, 21)
    return cleaned[..., ::-1].astype(np.float32) / 255


def nlm_at(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Non-local means as strong as was best for white noise of σ (in units of the photo)."""
    of_luma, of_color = np.transpose(list(NLM_STRENGTHS.values()))
    level, levels = 255 * sigma, list(NLM_STRENGTHS)
    return non_local_means(
        noisy, level * np.interp(level, levels, of_luma), level * np.interp(level, levels, of_color)
    )


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Dabov et al. 2007, colours decorrelated, told the true σ (the authors' package, bm3d_rgb).

    Raises LeftOut if it is not installed.
    """
    try:
        library = importlib.import_module("bm3d")
    except ImportError as error:
        raise LeftOut(
            "BM3D is left out, as the package bm3d is not installed; get it by "
            'pip install "gdp-desktop[bench]".'
        ) from error
    return np.asarray(library.bm3d_rgb(noisy.astype(np.float64), sigma), np.float32)


def enlarged(photo: np.ndarray, factor: int, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Bicubic, or INTER_NEAREST for the pixels themselves."""
    size = photo.shape[1] * factor, photo.shape[0] * factor
    return cv2.resize(photo, size, interpolation=interpolation)


def inpainted(photo: np.ndarray, unknown: np.ndarray, algorithm: int) -> np.ndarray:
    """cv2.INPAINT_TELEA (Telea 2004) or cv2.INPAINT_NS (Bertalmio et al. 2001), on 8 bits.

    ``unknown`` is (H, W), true where pixels are missing.
    """
    mask = unknown.astype(np.uint8)
    filled = cv2.inpaint(as_bytes(photo), mask, INPAINTING_RADIUS, algorithm)
    return np.where(unknown[..., None], filled.astype(np.float32) / 255, photo)


def wiener(
    blurred: np.ndarray, kernel: np.ndarray, noise_to_signal: float, power: float
) -> np.ndarray:
    """The Wiener filter with the true kernel: X = H* Y / (|H|² + noise over signal).

    Noise over signal is ``noise_to_signal`` at the highest frequency along a side and falls with
    the frequency's ``power``: 2 for a photo's usual spectrum and white noise, 0 for a constant.
    """
    y = _mirrored(blurred)
    transfer = _transfer(kernel, y.shape)
    rows, columns = np.fft.fftfreq(y.shape[0]), np.fft.rfftfreq(y.shape[1])
    frequency = 2 * np.hypot(rows[:, None], columns)[..., None]
    ratio = np.where(frequency > 0, noise_to_signal * frequency**power, 0)
    x = _filtered(y, transfer.conj() / (np.abs(transfer) ** 2 + ratio))
    return x[: blurred.shape[0], : blurred.shape[1]].astype(np.float32)


def richardson_lucy(blurred: np.ndarray, kernel: np.ndarray, iterations: int) -> np.ndarray:
    """Richardson 1972, Lucy 1974, with the true kernel: x ← x · Kᵀ(y / Kx), from x = y."""
    x = y = _mirrored(blurred).clip(1e-6)
    transfer = _transfer(kernel, y.shape)
    for _ in range(iterations):
        ratio = y / _filtered(x, transfer).clip(1e-6)
        x = (x * _filtered(ratio, transfer.conj())).clip(1e-6)
    return x[: blurred.shape[0], : blurred.shape[1]].astype(np.float32)


def _mirrored(photo: np.ndarray) -> np.ndarray:
    """One period of the endlessly mirrored photo: its borders meet without a jump.

    For a kernel that is its own mirror image this is exact, and nothing rings.
    """
    height, width = photo.shape[:2]
    return np.pad(photo.astype(np.float64), ((0, height), (0, width), (0, 0)), "symmetric")


def _transfer(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The kernel's Fourier transform for photos of a shape, its middle at the origin."""
    padded = np.zeros(shape[:2])
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    centred = np.roll(padded, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))
    return np.fft.rfft2(centred)[..., None]


def _filtered(photo: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft2(photo, axes=(0, 1)) * transfer
    return np.fft.irfft2(spectrum, s=photo.shape[:2], axes=(0, 1))


def gain(dark: np.ndarray, factor: float) -> np.ndarray:
    """A longer exposure: linear light times ``factor``, clipped."""
    return displayed(factor * _decoded(dark))


def displayed(linear: np.ndarray) -> np.ndarray:
    """Linear light as sRGB values, clipped."""
    return light.encode(torch.from_numpy(linear)).clamp(0, 1).numpy().astype(np.float32)


def gamma(dark: np.ndarray, mean: float = WISHED_MEAN) -> np.ndarray:
    """The power of the photo that has the mean ``mean`` (bisection)."""
    dark = dark.clip(0, 1)
    low, high = 0.02, 2.0
    for _ in range(30):
        exponent = (low + high) / 2
        low, high = (exponent, high) if float((dark**exponent).mean()) > mean else (low, exponent)
    return dark**exponent


def clahe(dark: np.ndarray) -> np.ndarray:
    """Zuiderveld 1994 in OpenCV, on the lightness of CIELAB, 8 bits, clip limit 2, 8×8 tiles."""
    lab = cv2.cvtColor(as_bytes(dark), cv2.COLOR_RGB2LAB)
    tiles = cv2.createCLAHE(CLAHE_LIMIT, (CLAHE_GRID, CLAHE_GRID))
    lab[..., 0] = tiles.apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).astype(np.float32) / 255


def fused(bracket: Sequence[np.ndarray]) -> np.ndarray:
    """Exposure fusion of differently exposed photos (Mertens et al. 2007, OpenCV's defaults)."""
    return cv2.createMergeMertens().process([as_bytes(photo) for photo in bracket])


def merged(bracket: Sequence[np.ndarray], factors: Sequence[float]) -> np.ndarray:
    """The light that the photos agree on, in linear light; 1 is white in a photo of factor 1.

    Photons are counted: a photo of factor f is given f of weight, and none where it is nearly
    white (as Debevec and Malik 1997, with their weights for noise instead of a hat).  Where all
    are white, the darkest is taken.
    """
    darkest = int(np.argmin(factors))
    total, weights = (np.zeros(bracket[0].shape) for _ in range(2))
    for k, (photo, factor) in enumerate(zip(bracket, factors, strict=True)):
        weight = factor * ((WHITE[1] - photo) / (WHITE[1] - WHITE[0])).clip(0, 1)
        weight = weight + 1e-6 * (k == darkest)
        total = total + weight * _decoded(photo) / factor
        weights = weights + weight
    return total / weights


def with_tone_of(photo: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """a·photoᵍ, with the a and g (least squares of the logarithms) that come nearest to a
    reference: for pictures whose brightness and contrast are a matter of taste."""
    low = 2 / 255
    x, y = (np.log(image.clip(low, 1).ravel()).astype(np.float64) for image in (photo, reference))
    exponent = ((x - x.mean()) * (y - y.mean())).mean() / max(x.var(), 1e-12)
    factor = np.exp(y.mean() - exponent * x.mean())
    return (factor * photo.clip(0, 1) ** exponent).clip(0, 1).astype(np.float32)


def _decoded(photo: np.ndarray) -> np.ndarray:
    return light.decode(torch.from_numpy(np.ascontiguousarray(photo))).numpy()


def as_bytes(photo: np.ndarray) -> np.ndarray:
    """uint8, clipped and rounded."""
    return np.rint(photo.clip(0, 1) * 255).astype(np.uint8)
