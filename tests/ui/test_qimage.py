from __future__ import annotations

import numpy as np
import pytest

from gdp_desktop.ui.qimage import from_bgrx, from_mask, from_rgb


def test_rows_of_odd_length() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image = from_rgb(pixels)
    shown = [[image.pixelColor(x, y).getRgb()[:3] for x in range(7)] for y in range(5)]
    assert (np.array(shown) == pixels).all()


def test_blue_comes_first() -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[1, 2] = (10, 20, 30, 255)
    assert from_bgrx(pixels).pixelColor(2, 1).getRgb() == (30, 20, 10, 255)


def test_a_mask_shows_what_is_painted_later() -> None:
    mask = np.zeros((4, 5), np.uint8)
    image = from_mask(mask, (200, 0, 0), 0.5)
    mask[2, 3] = 255
    assert image.pixelColor(3, 2).getRgb() == (200, 0, 0, 128)
    assert image.pixelColor(0, 0).alpha() == 0


def test_other_buffers_are_refused() -> None:
    with pytest.raises(ValueError):
        from_bgrx(np.zeros((4, 5, 4), np.uint16))
    with pytest.raises(ValueError):
        from_bgrx(np.zeros((4, 10, 4), np.uint8)[:, ::2])
    with pytest.raises(ValueError):
        from_bgrx(np.zeros((4, 5, 3), np.uint8))
