"""Where pixel buffers change hands between numpy and Qt."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QColor, QImage

RGB = tuple[int, int, int]


def from_bgrx(pixels: np.ndarray) -> QImage:
    """Shares the memory of (H, W, 4) uint8, which must not change any more."""
    return _sharing(pixels, 4, QImage.Format.Format_RGB32)


def from_rgb(pixels: np.ndarray) -> QImage:
    """Shares the memory of (H, W, 3) uint8, which must not change any more."""
    return _sharing(np.ascontiguousarray(pixels), 3, QImage.Format.Format_RGB888)


def from_mask(mask: np.ndarray, colour: RGB, opacity: float) -> QImage:
    """Shares the memory of (H, W) uint8 and shows what is painted there later, too."""
    image = _sharing(mask, 1, QImage.Format.Format_Indexed8)
    image.setColorTable(
        [QColor(*colour, round(level * opacity)).rgba() for level in range(256)]
    )
    return image


def _sharing(pixels: np.ndarray, channels: int, pixel_format: QImage.Format) -> QImage:
    if pixels.dtype != np.uint8 or not pixels.flags.c_contiguous:
        raise ValueError(f"pixels must be contiguous uint8, not {pixels.dtype}")
    if pixels.shape[2:] not in ((channels,), ()):
        raise ValueError(f"pixels must have {channels} channels, not {pixels.shape}")
    height, width = pixels.shape[:2]
    # Without the row length Qt would take rows to be padded to four bytes.
    return QImage(pixels.data, width, height, pixels.strides[0], pixel_format)
