"""A photo's pixels as a screen wants them: 8 bits, sRGB, in levels of falling size."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from gdp_desktop.image.encoding import to_eight_bits
from gdp_desktop.image.photo import Photo
from gdp_desktop.image.profiles import srgb_transform
from gdp_desktop.image.pyramid import Pyramid


def display_pyramid(photo: Photo) -> Pyramid:
    """Levels of (H, W, 4) uint8 in the order blue, green, red, unused."""
    pixels = to_srgb(to_eight_bits(photo.pixels), photo.icc)
    return Pyramid(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA))


def to_srgb(pixels: np.ndarray, icc: bytes | None) -> np.ndarray:
    """(H, W, 3) uint8 of the profile's colours in sRGB; without a profile they are sRGB."""
    transform = _transform(icc) if icc else None
    if transform is None:
        return pixels
    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


@lru_cache(maxsize=4)
def _transform(icc: bytes) -> ImageCms.ImageCmsTransform | None:
    """None for a profile that changes nothing or cannot be used."""
    try:
        transform = srgb_transform(icc)
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Many cameras embed sRGB under one name or another."""
    ramp = np.arange(0, 256, 17, dtype=np.uint8)
    colours = np.stack(np.meshgrid(ramp, ramp, ramp), axis=-1).reshape(1, -1, 3)
    shown = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))
    return bool((np.abs(shown.astype(int) - colours) <= 2).all())
