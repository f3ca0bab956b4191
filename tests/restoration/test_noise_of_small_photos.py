"""A dark photo's noise is not brightened with it, however small or black the photo is."""

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


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_grain_is_removed_where_nothing_is_but_black(kind: str, tmp_path: Path) -> None:
    """Beside black a photo is brightened twenty times, and black is brightened most."""
    generator = np.random.default_rng(0)
    light = np.linspace(-14, 26, 512).clip(1)[None, :, None] * np.ones((384, 1, 3))
    noisy = np.rint(light + 1.2 * generator.standard_normal(light.shape)).clip(0, 255)
    path = tmp_path / f"dark.{kind}"
    assert cv2.imwrite(str(path), noisy, [cv2.IMWRITE_JPEG_QUALITY, 95])
    *_, finished = restore(Job(path, Recipe("low-light", device="cpu")), CancelToken())
    assert isinstance(finished, Finished)
    pixels, black = finished.photo.pixels, slice(0, 180)
    assert pixels[:, 400:].mean() > 5 * noisy[:, 400:].mean()
    assert pixels[:, black].mean() < 60
    assert grain(pixels[:, black]) < 5 * grain(noisy[:, black])


@pytest.mark.parametrize("denoise", [0.0, 1.3])
def test_a_dark_photo_without_noise_is_brightened(denoise: float, tmp_path: Path) -> None:
    steps = np.repeat(np.arange(0, 32, 2, dtype=np.uint8), 32)
    path = tmp_path / "clean.png"
    save_photo(Photo(np.tile(steps[None, :, None], (384, 1, 3))), path)
    recipe = Recipe("low-light", {"denoise": denoise}, device="cpu")
    *_, finished = restore(Job(path, recipe), CancelToken())
    assert isinstance(finished, Finished)
    columns = finished.photo.pixels[:, 16::32].mean(axis=(0, 2))
    assert bool((np.diff(columns) > 2).all())  # every step is still there
