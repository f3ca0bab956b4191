"""The damage that the restoration benchmark does to clean crops, (H, W, 3) in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from gdp_desktop.benchmarks.baselines import as_bytes
from gdp_desktop.benchmarks.photos import as_photo, as_tensor
from gdp_desktop.degradations import light
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel, motion_kernel, published_kernel
from gdp_desktop.tasks.super_resolution import KERNELS

MISSING_SHARE, FEW_MISSING_SHARE = 0.25, 0.1
JPEG_QUALITY = 20
# Low light: the share of the light, photons of a white pixel in good light, noise of reading.
LIGHT_FACTOR, PHOTONS, READ_NOISE = 0.1, 4_000, 1e-3
# Exposures of a bracket, the middle one first, beside that one.  It makes white of half the light
# of the clean crop's white: what is brighter only the dark exposure holds.
BRACKET, SCENE_WHITE = (1.0, 0.25, 4.0), 2.0
# Standard deviations of the blurs of the mixed cases, in pixels.
GREY_BLUR, DARK_BLUR = 2.0, 1.5

# The blurs of the cases: kernel, and the noise on top of it, of 255.
BLURS = {
    "deblurring": (published_kernel(), 0.0),
    "deblurring-noise": (published_kernel(), 5.0),
    "motion-blur": (motion_kernel(15, 30), 0.0),
    "grey-blur": (gaussian_kernel(GREY_BLUR), 0.0),
    "low-light-blur": (gaussian_kernel(DARK_BLUR), 0.0),
}


def blurred(clean: np.ndarray, case: str, generator: np.random.Generator) -> np.ndarray:
    """Blurred as in BLURS; rounded to 8 bits, or with white noise that is neither rounded nor
    clipped."""
    kernel, sigma = BLURS[case]
    y = as_photo(Blur(kernel)(as_tensor(clean)))
    return noisy(y, sigma, generator) if sigma else rounded(y)


def noisy(clean: np.ndarray, sigma: float, generator: np.random.Generator) -> np.ndarray:
    """White Gaussian noise of σ of 255, not clipped."""
    return clean + np.float32(sigma / 255) * generator.standard_normal(clean.shape, np.float32)


def jpeg(clean: np.ndarray) -> np.ndarray:
    """Saved with quality 20 (OpenCV, colours halved) and read again."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    encoded = cv2.imencode(".jpg", as_bytes(clean)[..., ::-1], quality)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.float32) / 255


def darkened(clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A tenth of the light, in sRGB and 8 bits."""
    return exposed(clean, LIGHT_FACTOR, generator)


def exposed(clean: np.ndarray, factor: float, generator: np.random.Generator) -> np.ndarray:
    """``factor`` times the light, with a sensor's noise: Poisson-distributed photons and Gaussian
    noise of reading, in linear light; cut off at white, then sRGB in 8 bits."""
    linear = light.decode(torch.from_numpy(clean.copy())).numpy().astype(np.float64)
    photons = generator.poisson(factor * PHOTONS * linear) / PHOTONS
    read = photons + READ_NOISE * generator.standard_normal(clean.shape)
    return rounded(light.encode(torch.from_numpy(read)).numpy().astype(np.float32))


def bracket(clean: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """One photo per exposure of BRACKET, of a scene whose white is SCENE_WHITE."""
    return [exposed(clean, SCENE_WHITE * factor, generator) for factor in BRACKET]


def blurred_and_dark(clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Blurred by the lens, then a tenth of the light on the sensor."""
    return darkened(blurred(clean, "low-light-blur", generator), generator)


def grey(clean: np.ndarray) -> np.ndarray:
    """The mean of R, G and B in all three, neither rounded nor clipped."""
    return np.repeat(clean.mean(axis=2, keepdims=True), 3, axis=2)


def missing_pixels(
    shape: tuple[int, ...], generator: np.random.Generator, share: float = MISSING_SHARE
) -> np.ndarray:
    """(H, W), true for a random share of the pixels: all three channels are missing there."""
    count = shape[0] * shape[1]
    unknown = np.zeros(count, bool)
    unknown[generator.permutation(count)[: round(share * count)]] = True
    return unknown.reshape(shape[:2])


def rounded(photo: np.ndarray) -> np.ndarray:
    return as_bytes(photo).astype(np.float32) / 255


def shrunk(clean: np.ndarray, kernel: str, factor: int) -> np.ndarray:
    """By block means ("block") or antialiased bicubic ("bicubic"), rounded to 8 bits."""
    return rounded(as_photo(KERNELS[kernel](factor)(as_tensor(clean))))

