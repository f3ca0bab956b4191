"""The picture of a restoration under way: where an estimate is seen, and how much of it."""

from __future__ import annotations

import numpy as np
import torch

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.preview import PreviewPainter

PHOTO = Photo(np.full((80, 96, 3), 70, np.uint8))


def painted_white(mask: Mask | None, region: Rect) -> np.ndarray:
    painter = PreviewPainter(PHOTO, mask, region, scale=1)
    painter.take(torch.ones(1, 3, region.height, region.width), level=0)
    return painter.picture()


def test_an_estimate_is_seen_in_its_region_and_nowhere_else() -> None:
    region = Rect(40, 30, 20, 10)
    expected = PHOTO.pixels.copy()
    expected[region.slices] = 255
    assert np.array_equal(painted_white(None, region), expected)


def test_an_estimate_is_seen_as_far_as_the_mask_lets_it() -> None:
    mask = Mask.empty(PHOTO.size)
    mask.pixels[30:40, 40:60] = 255
    mask.pixels[40, 40:60] = 32
    picture = painted_white(mask, mask.bounds().padded(9))
    assert (picture[mask.pixels == 255] == 255).all()
    assert (picture[mask.pixels == 32] == round(70 + (255 - 70) / 4)).all()
    assert (picture[mask.pixels == 0] == 70).all()
