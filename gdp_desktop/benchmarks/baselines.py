"""The answers that need no prior: what a restoration has to beat.

Photos are (H, W, 3) RGB in [0, 1]; results are not clipped unless the method does.
"""

from __future__ import annotations

import importlib

import cv2
import numpy as np

from gdp_desktop.benchmarks.plan import MissingLibrary

# h of OpenCV's non-local means as a multiple of σ, by σ of 255.
NLM_STRENGTH = {5: 1.0, 10: 1.0, 15: 1.0, 25: 1.0, 50: 1.0, 75: 1.0}


def non_local_means(noisy: np.ndarray, sigma: float, strength: float | None = None) -> np.ndarray:
    """Buades et al. 2005 as in OpenCV (fastNlMeansDenoisingColored, windows of 7 and 21).

    It takes 8 bits, so the noisy photo is rounded and clipped first.  ``sigma`` is in units of the
    photo; h = hColor = strength·σ, by default the multiple measured best for that σ.
    """
    h = 255 * sigma * (nlm_strength(255 * sigma) if strength is None else strength)
    bgr = as_bytes(noisy)[..., ::-1]
    cleaned = cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(bgr), None, h, h, 7, 21)
    return cleaned[..., ::-1].astype(np.float32) / 255


def nlm_strength(sigma: float) -> float:
    """Linear between the measured levels; ``sigma`` of 255."""
    return float(np.interp(sigma, list(NLM_STRENGTH), list(NLM_STRENGTH.values())))


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Dabov et al. 2007, colours decorrelated, told the true σ (the authors' package, bm3d_rgb).

    Raises MissingLibrary if it is not installed.
    """
    try:
        library = importlib.import_module("bm3d")
    except ImportError as error:
        raise MissingLibrary(
            "BM3D is left out, as the package bm3d is not installed; get it by "
            'pip install "gdp-desktop[bench]".'
        ) from error
    return np.asarray(library.bm3d_rgb(noisy.astype(np.float64), sigma), np.float32)


def as_bytes(photo: np.ndarray) -> np.ndarray:
    """uint8, clipped and rounded."""
    return np.rint(photo.clip(0, 1) * 255).astype(np.uint8)
