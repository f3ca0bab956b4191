"""How much of a result is mixed into its photo; can be chosen once it is there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gdp_desktop.diffusion.strips import in_strips
from gdp_desktop.image.photo import Photo
from gdp_desktop.tasks.param import Param

AMOUNT = Param(
    "amount", "Amount", default=1.0, minimum=0.0, maximum=1.0,
    help="How much of the result is mixed into the photo.",
)


@dataclass(frozen=True, eq=False)
class Mix:
    """``amount`` in [0, 1] of a result, and ``photo`` for the rest; None where there is no rest."""

    amount: float = AMOUNT.default
    photo: Photo | None = None

    def of(self, result: Photo) -> Photo:
        """amount·result + (1 - amount)·photo, value by value, in the result's size and depth."""
        if self.photo is None or self.amount == AMOUNT.maximum:
            return result
        before, after = _as_large_as(result, self.photo.pixels), result.pixels
        mixed = np.empty_like(after)
        for rows in in_strips(len(after)):
            part = slice(rows.top, rows.bottom)
            values = before[part].astype(np.float32)
            values += np.float32(self.amount) * (after[part] - values)
            mixed[part] = np.rint(values)
        return result.with_pixels(mixed)


def _as_large_as(result: Photo, pixels: np.ndarray) -> np.ndarray:
    """A photo that was made larger is mixed with the plain enlargement."""
    if pixels.shape == result.pixels.shape:
        return pixels
    return cv2.resize(pixels, tuple(result.size), interpolation=cv2.INTER_CUBIC)
