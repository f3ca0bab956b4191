"""Colour profiles: what kind of pixels one is for, and how to do without it."""

import io
from typing import TypeGuard

from PIL import Image, ImageCms


def colour_space(icc: bytes) -> str:
    """What a profile is for: "RGB", "GRAY", "CMYK", …; raises OSError for garbage."""
    return ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space.strip()


def is_for_grey(icc: bytes | None) -> TypeGuard[bytes]:
    """Whether it is a readable profile for pixels of one channel."""
    try:
        return icc is not None and colour_space(icc) == "GRAY"
    except Exception:  # garbage in, any exception out
        return False


def srgb_transform(icc: bytes, mode: str = "RGB") -> ImageCms.ImageCmsTransform:
    """From pixels of a profile, of Pillow's ``mode``, to sRGB.  Raises PyCMSError or OSError for a
    profile that cannot be used."""
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """The picture without its profile, looking the same."""
    converted = ImageCms.applyTransform(image, srgb_transform(icc, image.mode))
    assert converted is not None  # only a conversion in place returns None
    return converted
