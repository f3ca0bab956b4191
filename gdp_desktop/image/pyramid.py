"""A photo in ever smaller copies, so that drawing it small is fast and does not shimmer."""

import math

import cv2
import numpy as np

from gdp_desktop.image.encoding import to_eight_bits
from gdp_desktop.image.geometry import Rect, Size

_SMALLEST_SIDE = 256


class Pyramid:
    """Levels of uint8 RGB (H, W, 3); level k shows 2**k × 2**k pixels of the photo in one.

    Where a side is odd, the last pixel of the next level reaches half beyond the photo's edge and
    repeats it: level k drawn 2**k times as large lies exactly on the photo, give or take that rim.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        """``pixels`` (H, W, 3) uint8 or uint16 are kept, not copied, for ``refresh`` to look at."""
        self.pixels = pixels
        self.levels = [to_eight_bits(pixels)]
        while max(self.levels[-1].shape[:2]) > _SMALLEST_SIDE:
            self.levels.append(_halved(self.levels[-1]))

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)

    def level_for(self, zoom: float) -> int:
        """The coarsest level with a pixel for every screen pixel.

        ``zoom`` is how many screen pixels a photo pixel is wide.
        """
        if zoom <= 0:
            return len(self.levels) - 1
        return min(max(0, math.floor(-math.log2(zoom))), len(self.levels) - 1)

    def refresh(self, rect: Rect) -> None:
        """Bring all levels up to date after the photo's pixels changed inside ``rect``."""
        rect = rect.clamped(self.size)
        if rect.is_empty:
            return
        if self.pixels.dtype != np.uint8:
            self.levels[0][rect.slices] = to_eight_bits(self.pixels[rect.slices])
        for finer, coarser in zip(self.levels, self.levels[1:], strict=False):
            rect = _half(rect)
            coarser[rect.slices] = _halved(finer[_double(rect).slices])


def _halved(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        edge = cv2.BORDER_REPLICATE
        pixels = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, edge)
    half = Size((width + 1) // 2, (height + 1) // 2)
    return cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)


def _half(rect: Rect) -> Rect:
    """The pixels of the next level that show any of these."""
    x, y = rect.x // 2, rect.y // 2
    return Rect(x, y, (rect.right + 1) // 2 - x, (rect.bottom + 1) // 2 - y)


def _double(rect: Rect) -> Rect:
    """The pixels that these of the next level show; slicing cuts what is beyond the edge."""
    return Rect(2 * rect.x, 2 * rect.y, 2 * rect.width, 2 * rect.height)
