"""A dark photo's noise is not brightened with it, however small the photo is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from gdp_desktop.image.photo import Photo, save_photo
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.restore import restore


def grain(pixels: np.ndarray) -> float:
    """Standard deviation of what a blur takes away."""
    values = pixels.astype(np.float32)
    return float((values - cv2.GaussianBlur(values, (0, 0), 2))[8:-8, 8:-8].std())


@pytest.mark.parametrize("side", [64, 128, 200])
def test_grain_is_removed_at_every_size(side: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(side)
    slope = np.linspace(10, 40, side)[None, :, None] * np.ones((side, 1, 3))
    noisy = np.rint(slope + 4 * generator.standard_normal(slope.shape)).clip(0, 255)
    save_photo(Photo(noisy.astype(np.uint8)), tmp_path / "dark.png")
    *_, finished = restore(
        Job(tmp_path / "dark.png", Recipe("low-light", device="cpu")), CancelToken()
    )
    assert isinstance(finished, Finished)
    gain = finished.photo.pixels.mean() / noisy.mean()
    assert gain > 2  # it was dark
    assert grain(finished.photo.pixels) < 0.2 * gain * grain(noisy)
