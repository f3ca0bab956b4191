"""A photo's pixels as a screen wants them: 8 bits, sRGB, in levels of falling size."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from gdp_desktop.image.encoding import to_eight_bits
from gdp_desktop.image.photo import Photo
from gdp_desktop.image.pyramid import Pyramid


def display_pyramid(photo: Photo) -> Pyramid:
    """Levels of (H, W, 4) uint8 in the order blue, green, red, unused."""
    return Pyramid(_bgrx(to_srgb(to_eight_bits(photo.pixels), photo.icc)))


def to_srgb(pixels: np.ndarray, icc: bytes | None) -> np.ndarray:
    """(H, W, 3) uint8 of the profile's colours in sRGB; without a profile they are sRGB."""
    transform = _transform(icc) if icc else None
    if transform is None:
        return pixels
    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


@lru_cache(maxsize=4)
def _transform(icc: bytes) -> ImageCms.ImageCmsTransform | None:
    """None for a profile that is sRGB itself or cannot be used."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "sRGB" in (profile.profile.profile_description or ""):
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(profile, srgb, "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def _bgrx(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    bgrx = np.full((height, width, 4), 255, np.uint8)
    bgrx[..., 2::-1] = pixels
    return bgrx
