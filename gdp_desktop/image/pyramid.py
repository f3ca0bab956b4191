"""A photo in ever smaller copies, so that drawing it small is fast and does not shimmer."""

import math

import cv2
import numpy as np

from gdp_desktop.image.geometry import Size

_SMALLEST_SIDE = 256


class Pyramid:
    """Levels of uint8 (H, W, C); level k shows 2**k × 2**k pixels of the photo in one.

    Where a side is odd, the last pixel of the next level reaches half beyond the photo's edge and
    repeats it: level k drawn 2**k times as large lies exactly on the photo, give or take that rim.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        """``pixels`` (H, W, C) uint8 are the finest level, not copied."""
        self.levels = [pixels]
        while max(self.levels[-1].shape[:2]) > _SMALLEST_SIDE:
            self.levels.append(_halved(self.levels[-1]))

    @property
    def size(self) -> Size:
        height, width = self.levels[0].shape[:2]
        return Size(width, height)

    def level_for(self, zoom: float) -> int:
        """The coarsest level with a pixel for every screen pixel.

        ``zoom`` is how many screen pixels a photo pixel is wide.
        """
        if zoom <= 0:
            return len(self.levels) - 1
        return min(max(0, math.floor(-math.log2(zoom))), len(self.levels) - 1)


def _halved(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        edge = cv2.BORDER_REPLICATE
        pixels = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, edge)
    half = Size((width + 1) // 2, (height + 1) // 2)
    return cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
