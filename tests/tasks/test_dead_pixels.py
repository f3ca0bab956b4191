"""Dead pixels are found, and what only looks like them is left alone."""

import numpy as np
import pytest
import torch

from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.dead_pixels import dead_pixels
from gdp_desktop.tasks.inpainting import suiting_texture
from gdp_desktop.tasks.param import TaskError

DEPTHS = pytest.mark.parametrize("dtype", [np.uint8, np.uint16])


def photo(dtype: type, height: int = 60, width: int = 80) -> np.ndarray:
    """A smooth photo with a clipped shadow on the left and a clipped sky at the top right."""
    columns = np.linspace(-0.2, 1.2, width)[None, :, None]
    rows = np.linspace(0.2, -0.2, height)[:, None, None]
    tint = np.array([0.0, 0.02, -0.03])
    unit = np.clip(columns + rows + tint, 0, 1)
    return (unit * np.iinfo(dtype).max).astype(dtype)


@DEPTHS
@pytest.mark.parametrize("share", [0.001, 0.05, 0.25])
def test_missing_pixels_are_found_and_clipped_areas_are_not(dtype: type, share: float) -> None:
    clean = photo(dtype)
    missing = np.random.default_rng(0).random(clean.shape[:2]) < share
    found = dead_pixels(np.where(missing[..., None], 0, clean).astype(dtype), white_too=False)
    shadow = clean.max(axis=2) < 0.06 * np.iinfo(dtype).max
    # Where two thirds of the surroundings happen to be missing, a speck does not stand out.
    assert (found == missing)[~shadow].mean() > 0.995
    assert not found[clean.max(axis=2) == 0].all()
    assert not dead_pixels(clean, white_too=True).any()


@DEPTHS
def test_white_ones_count_only_where_asked_for(dtype: type) -> None:
    pixels = photo(dtype)
    pixels[30, 40] = np.iinfo(dtype).max
    pixels[33, 44] = 0
    pixels[20, 42, 0] = 0  # one channel alone is a colour
    assert np.argwhere(dead_pixels(pixels, white_too=False)).tolist() == [[33, 44]]
    assert np.argwhere(dead_pixels(pixels, white_too=True)).tolist() == [[30, 40], [33, 44]]


@pytest.mark.parametrize("value", [0, 90, 255])
def test_an_even_photo_has_none_and_that_is_said(value: int) -> None:
    task = task_named("inpainting")
    pixels = np.full((20, 30, 3), value, np.uint8)
    for kind in ("dead", "dead-and-hot"):
        values = task.values({"missing": kind})
        assert task.finds_mask(values) and not task.must_be_painted(values)
        with pytest.raises(TaskError) as raised:
            task.find_mask(pixels, values)
        assert str(raised.value).endswith(".") and "\n" not in str(raised.value)
    assert task.must_be_painted(task.values({}))
    mixed = task_named("mixed")
    for last in ("missing", "none"):
        values = mixed.values({"first": "grey", "second": last})
        assert mixed.must_be_painted(values) == (last == "missing")


@pytest.mark.parametrize(("width", "texture"), [(1, 0.0), (4, 0.0), (6, 0.7)])
def test_only_wide_holes_get_texture(width: int, texture: float) -> None:
    known = torch.ones(1, 1, 32, 32)
    known[..., 10 : 10 + width] = 0
    assert suiting_texture(known) == texture
