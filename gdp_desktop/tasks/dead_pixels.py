"""Pixels without a value: black or white specks that a sensor, a scan or a transfer left behind."""

from __future__ import annotations

import cv2
import numpy as np

# How far a speck must stand out from its surroundings: shadow noise reaches black as well.
STANDS_OUT = 5 / 255
SURROUNDINGS = 5


def dead_pixels(pixels: np.ndarray, *, white_too: bool) -> np.ndarray:
    """bool (H, W): where all channels of (H, W, 3) uint8 or uint16 are 0, or all at their largest.

    Only where most of the 5×5 pixels around are not: a clipped shadow or sky is a part of the
    photo.
    """
    largest = np.iinfo(pixels.dtype).max
    brightest, darkest = pixels.max(axis=2), pixels.min(axis=2)
    found = (brightest == 0) & (_median(brightest) > STANDS_OUT * largest)
    if white_too:
        found |= (darkest == largest) & (_median(darkest) < (1 - STANDS_OUT) * largest)
    return found


def _median(channel: np.ndarray) -> np.ndarray:
    return cv2.medianBlur(np.ascontiguousarray(channel), SURROUNDINGS)
