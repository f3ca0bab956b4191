import numpy as np
import pytest

from gdp_desktop.image.pyramid import Pyramid

from .handmade import noise

SHAPES = [(1024, 768), (1023, 511), (257, 1), (2, 999), (256, 256), (5, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_level_is_half_the_one_before(shape: tuple[int, int]) -> None:
    pyramid = Pyramid(noise(*shape, 3, 8))
    height, width = shape
    for level in pyramid.levels:
        assert level.shape == (height, width, 3) and level.dtype == np.uint8
        height, width = (height + 1) // 2, (width + 1) // 2
    assert max(pyramid.levels[-1].shape[:2]) <= 256
    assert len(pyramid.levels) == 1 or max(pyramid.levels[-2].shape[:2]) > 256


def test_a_pixel_is_the_mean_of_the_four_it_stands_for() -> None:
    pixels = noise(512, 300, 3, 8)
    fours = pixels.reshape(256, 2, 150, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(Pyramid(pixels).levels[1] - fours).max() <= 0.5


def test_the_level_has_at_least_the_resolution_of_the_screen() -> None:
    pyramid = Pyramid(noise(2000, 64, 3, 8))
    last = len(pyramid.levels) - 1
    assert last == 3
    expected = {8: 0, 1: 0, 0.99: 0, 0.51: 0, 0.5: 1, 0.49: 1, 0.25: 2, 0.2: 2, 0.01: last, 0: last}
    assert {zoom: pyramid.level_for(zoom) for zoom in expected} == expected
    for zoom in np.geomspace(0.13, 4, 200):
        assert 2.0 ** -pyramid.level_for(zoom) >= min(zoom, 1)
        assert 2.0 ** -(pyramid.level_for(zoom) + 1) < zoom
