"""Pictures of a restoration under way: the clean estimate, reduced to screen size."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.handing_over import Coming, coming_back
from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo

PREVIEW_SIDE = 1280
# Estimates that a graphics card may have on their way.
MOST_COMING = 8


class PreviewPainter:
    """Paints estimates of a region into a reduced copy of the whole photo."""

    def __init__(self, photo: Photo, mask: Mask | None, region: Rect, scale: int) -> None:
        self._region, self._scale = region, scale
        longest = max(photo.size) * scale
        self._zoom = scale * min(1.0, PREVIEW_SIDE / longest)
        peak = np.float32(np.iinfo(photo.pixels.dtype).max)
        self._base = _reduced(photo.pixels, self._zoom) / peak
        self._picture = np.rint(self._base.clip(0, 1) * 255).astype(np.uint8)
        self._taken: deque[tuple[tuple[slice, slice], Coming]] = deque()
        self._share = None
        if mask is not None:
            share = _reduced(mask.pixels, self._zoom).astype(np.float32)
            self._share = np.minimum(share / 128, 1)[..., None]

    def take(self, x0: torch.Tensor, level: int, top: int = 0) -> None:
        """Notes x0 (1, 3, h, w) of a pyramid level, its rows from ``top`` on, for the next picture;
        of a graphics card without waiting for it."""
        # What lies beyond the region was only padding.
        full = max(1, self._region.height * self._scale >> level)
        x0 = x0[..., : max(0, full - top), : max(1, self._region.width * self._scale >> level)]
        height, width = self._picture.shape[:2]
        first = self._row(top / full)
        last = min(height, self._row((top + x0.shape[-2]) / full))
        left = round(self._region.x * self._zoom)
        right = min(width, round(self._region.right * self._zoom))
        if last > first and right > left:
            place = (slice(first, last), slice(left, right))
            self._taken.append((place, coming_back(_fitted(x0, last - first, right - left))))
        # A card that is asked for far more than it has done lets nobody tell how far it is.
        if len(self._taken) > MOST_COMING:
            self._paint_oldest()

    @property
    def has_news(self) -> bool:
        """Whether the next picture differs from the last one."""
        return bool(self._taken) and self._taken[0][1].is_here

    def picture(self) -> np.ndarray:
        """All that was taken and is here, the latest on top: a new (H, W, 3) uint8 array; elsewhere
        the photo as it is."""
        while self.has_news:
            self._paint_oldest()
        return self._picture.copy()

    def _paint_oldest(self) -> None:
        place, fitted = self._taken.popleft()
        estimate = (fitted.tensor()[0].permute(1, 2, 0).numpy() + 1) / 2
        if self._share is not None:
            estimate = self._base[place] + self._share[place] * (estimate - self._base[place])
        self._picture[place] = np.rint(estimate.clip(0, 1) * 255)

    def _row(self, share: float) -> int:
        """The row of the picture at this share of the region's height."""
        return round((self._region.y + share * self._region.height) * self._zoom)


def _reduced(picture: np.ndarray, zoom: float) -> np.ndarray:
    height, width = (max(1, round(n * zoom)) for n in picture.shape[:2])
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=how)


def _fitted(x0: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if x0.shape[-2] > height:
        return F.interpolate(x0, size=(height, width), mode="area")
    return F.interpolate(x0, size=(height, width), mode="bilinear", align_corners=False)
