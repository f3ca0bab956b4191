"""How much of a result is mixed into its photo: between the two, and all or nothing at the ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.amount import AMOUNT, Mix
from gdp_desktop.tasks.param import TaskError

every_depth = pytest.mark.parametrize("kind", [np.uint8, np.uint16])


def noise(seed: int, kind: type = np.uint8, height: int = 150, width: int = 20) -> Photo:
    """Higher than a strip of rows."""
    rng = np.random.default_rng(seed)
    peak = np.iinfo(kind).max
    return Photo(rng.integers(0, peak, (height, width, 3), kind, endpoint=True), exif=b"Exif\0\0")


@every_depth
def test_every_value_lies_where_the_amount_says(kind: type) -> None:
    photo, result = noise(0, kind), noise(1, kind)
    for amount in (0.25, 0.5, 0.9):
        mixed = Mix(amount, photo).of(result)
        exact = (1 - amount) * photo.pixels.astype(float) + amount * result.pixels
        assert mixed.pixels.dtype == kind
        assert np.abs(mixed.pixels - exact).max() <= 0.51


@every_depth
def test_all_is_the_result_and_nothing_the_photo(kind: type) -> None:
    photo, result = noise(0, kind), noise(1, kind)
    assert Mix(1.0, photo).of(result) is result and Mix().of(result) is result
    assert np.array_equal(Mix(0.0, photo).of(result).pixels, photo.pixels)


def test_what_is_the_same_in_both_stays() -> None:
    photo = noise(0, np.uint16)
    same = replace(photo, pixels=photo.pixels.copy())
    assert all(
        np.array_equal(Mix(amount, photo).of(same).pixels, photo.pixels)
        for amount in np.linspace(0, 1, 21)
    )


def test_a_larger_result_is_mixed_with_the_plain_enlargement() -> None:
    photo = Photo(np.full((20, 30, 3), 100, np.uint8))
    result = Photo(np.full((40, 60, 3), 200, np.uint8))
    assert (Mix(0.5, photo).of(result).pixels == 150).all()
    assert Mix(0.5, photo).of(result).size == result.size


def test_the_rest_of_the_result_is_kept() -> None:
    result = noise(1)
    mixed = Mix(0.5, noise(0)).of(result)
    assert mixed.exif == result.exif and mixed.size == result.size


@pytest.mark.parametrize("amount", [-0.1, 1.01, float("nan"), float("inf")])
def test_other_amounts_are_refused(amount: float) -> None:
    with pytest.raises(TaskError, match="amount cannot be"):
        AMOUNT.check(amount)
