from __future__ import annotations

import struct

import numpy as np
from PIL import ImageCms

from gdp_desktop.image.photo import Photo
from gdp_desktop.worker.display import display_pyramid, to_srgb

GREY = np.full((4, 5, 3), 100, np.uint8)


def test_srgb_is_shown_as_it_is() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert to_srgb(GREY, None) is GREY
    assert (to_srgb(GREY, srgb) == GREY).all()


def test_other_colours_are_converted() -> None:
    """The profile calls red what sRGB calls blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    red = np.zeros((4, 5, 3), np.uint8)
    red[..., 0] = 255
    assert np.abs(to_srgb(red, swapped).astype(int) - red[..., ::-1]).max() <= 1


def test_other_brightness_is_converted() -> None:
    """The profile has the colours of sRGB and a gamma of 1.8."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = profile.index(b"para") + 12
    gamma = struct.pack(">5i", *(round(n * 65536) for n in (1.8, 1, 0, 1, 0)))
    shown = to_srgb(GREY, profile[:curve] + gamma + profile[curve + len(gamma):])
    linear = (100 / 255) ** 1.8
    assert np.abs(shown - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 1


def test_a_broken_profile_counts_as_srgb() -> None:
    assert (to_srgb(GREY, b"no profile at all") == GREY).all()


def test_sixteen_bits_are_shown_with_eight() -> None:
    pixels = np.full((4, 5, 3), 65535, np.uint16)
    pixels[..., 2] = 257
    level = display_pyramid(Photo(pixels)).levels[0]
    assert level.dtype == np.uint8
    assert tuple(level[0, 0, :3]) == (1, 255, 255)
