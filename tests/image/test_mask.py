"""Laws of the brush, over many strokes."""

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gdp_desktop.image.errors import PhotoError, PhotoExistsError
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask, load_mask, save_mask

SIZE = Size(90, 70)
PATHS = {
    "dab": [(40.3, 30.7)],
    "line": [(10, 10), (70.5, 55.2)],
    "corner": [(20, 60), (20, 20), (60, 20)],
    "over the edge": [(-30, 35), (120, 40)],
    "the same point twice": [(30, 30), (30, 30)],
}
STROKES = list(itertools.product(PATHS, (0.4, 3, 25), (0.0, 0.5, 1.0)))


def noisy_mask() -> Mask:
    return Mask(np.random.default_rng(0).integers(0, 256, SIZE.shape, dtype=np.uint8))


def distances(path: list[tuple[float, float]]) -> np.ndarray:
    """Of every pixel's centre to the path, by brute force."""
    y, x = np.mgrid[0.5 : SIZE.height, 0.5 : SIZE.width]
    points = path if len(path) > 1 else path * 2
    nearest = np.full(SIZE.shape, np.inf)
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        for share in np.linspace(0, 1, 1000):
            px, py = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
            nearest = np.minimum(nearest, np.hypot(x - px, y - py))
    return nearest


@pytest.mark.parametrize(("path", "radius", "hardness"), STROKES)
def test_erasing_the_same_stroke_leaves_nothing(path: str, radius: float, hardness: float) -> None:
    mask = Mask.empty(SIZE)
    mask.stroke(PATHS[path], radius, hardness)
    assert not mask.is_empty
    mask.stroke(PATHS[path], radius, hardness, erase=True)
    assert mask.is_empty and mask.bounds().is_empty


@pytest.mark.parametrize("erase", [False, True])
@pytest.mark.parametrize(("path", "radius", "hardness"), STROKES)
def test_only_the_reported_part_changes_and_can_be_put_back(
    path: str, radius: float, hardness: float, erase: bool
) -> None:
    mask = noisy_mask()
    before = mask.copy()
    rect = mask.stroke(PATHS[path], radius, hardness, erase)
    assert rect == rect.clamped(SIZE)
    changed = mask.pixels != before.pixels
    assert changed.any() or radius < 1
    inside = np.zeros(SIZE.shape, bool)
    inside[rect.slices] = True
    assert not (changed & ~inside).any()
    after = mask.read(rect)
    mask.write(rect, before.read(rect))
    assert np.array_equal(mask.pixels, before.pixels)
    mask.write(rect, after)
    assert np.array_equal(mask.pixels != before.pixels, changed)


@pytest.mark.parametrize("erase", [False, True])
@pytest.mark.parametrize(("path", "radius", "hardness"), STROKES)
def test_a_stroke_only_adds_or_only_takes_and_once_is_enough(
    path: str, radius: float, hardness: float, erase: bool
) -> None:
    mask = noisy_mask()
    before = mask.copy()
    mask.stroke(PATHS[path], radius, hardness, erase)
    grown = mask.pixels >= before.pixels
    assert (mask.pixels <= before.pixels).all() if erase else grown.all()
    once = mask.copy()
    mask.stroke(PATHS[path], radius, hardness, erase)
    assert np.array_equal(mask.pixels, once.pixels)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("hardness", [0.0, 0.5, 1.0])
def test_the_edge_is_where_radius_and_hardness_say(path: str, hardness: float) -> None:
    radius = 10
    mask = Mask.empty(SIZE)
    mask.stroke(PATHS[path], radius, hardness)
    distance = distances(PATHS[path])
    assert (mask.pixels[distance <= hardness * radius - 0.5] == 255).all()
    assert (mask.pixels[distance >= radius + 0.6] == 0).all()
    order = np.argsort(distance.ravel())
    assert (np.diff(mask.pixels.ravel()[order].astype(int)) <= 3 + 25 * (hardness == 1)).all()


def test_a_hard_dab_covers_its_circle() -> None:
    for x, y in ((40, 30), (40.5, 30.25)):
        mask = Mask.empty(SIZE)
        mask.stroke([(x, y)], 20, 1.0)
        assert mask.pixels.sum() / 255 == pytest.approx(np.pi * 20**2, rel=0.005)
        rows, columns = np.mgrid[0.5 : SIZE.height, 0.5 : SIZE.width]
        weight = mask.pixels / mask.pixels.sum()
        centre = (columns * weight).sum(), (rows * weight).sum()
        assert centre == pytest.approx((x, y), abs=0.02)


def test_one_stroke_is_as_good_as_its_parts() -> None:
    whole, parts = Mask.empty(SIZE), Mask.empty(SIZE)
    points = PATHS["corner"]
    rect = whole.stroke(points, 8, 0.3)
    rects = [parts.stroke(pair, 8, 0.3) for pair in itertools.pairwise(points)]
    assert np.array_equal(whole.pixels, parts.pixels)
    assert rect == rects[0].union(rects[1])


def test_strokes_beside_the_photo_or_without_points_do_nothing() -> None:
    mask = Mask.empty(SIZE)
    assert mask.stroke([], 5, 1).is_empty
    assert mask.stroke([(-50, -50), (-40, 1e6)], 5, 1).is_empty
    assert mask.is_empty


def test_bounds() -> None:
    mask = Mask.empty(SIZE)
    mask.pixels[10, 20], mask.pixels[12, 25] = 127, 128
    assert mask.bounds() == Rect(20, 10, 6, 3) and not mask.is_empty


@pytest.mark.parametrize("rect", [Rect(-1, 0, 5, 5), Rect(86, 0, 5, 5), Rect(0, 0, 1, 71)])
def test_reading_beyond_the_mask_is_refused(rect: Rect) -> None:
    with pytest.raises(ValueError, match="beyond"):
        noisy_mask().read(rect)


def test_a_large_brush_touches_only_what_is_under_it_of_a_large_mask() -> None:
    mask = Mask.empty(Size(12_000, 8_333))
    tracemalloc.start()
    try:
        rect = mask.stroke([(6000.5, 4000.5), (6030, 4010)], 500, 0.5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rect.size.pixels < 1.2e6
    # A few float32 arrays of the brush's box, and nothing of the mask's hundred million pixels.
    assert peak < 10 * 4 * rect.size.pixels


# Files


def test_a_mask_survives_its_file(tmp_path: Path) -> None:
    mask = noisy_mask()
    save_mask(mask, tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == "L"
    assert np.array_equal(load_mask(tmp_path / "m.png", SIZE).pixels, mask.pixels)
    with pytest.raises(PhotoExistsError):
        save_mask(mask, tmp_path / "m.png")
    save_mask(Mask.empty(SIZE), tmp_path / "m.png", overwrite=True)
    assert load_mask(tmp_path / "m.png", SIZE).is_empty
    with pytest.raises(PhotoError, match=r"\.png"):
        save_mask(mask, tmp_path / "m.jpg")


WHITE = {"1": 1, "L": 255, "RGB": (255,) * 3, "RGBA": (255,) * 4, "LA": (255, 255), "I;16": 65535}


@pytest.mark.parametrize("mode", WHITE)
def test_white_restores_in_every_kind_of_picture(tmp_path: Path, mode: str) -> None:
    picture = Image.new(mode, SIZE)
    picture.paste(WHITE[mode], (10, 20, 30, 40))
    picture.save(tmp_path / "m.png")
    mask = load_mask(tmp_path / "m.png", SIZE)
    expected = np.zeros(SIZE.shape, np.uint8)
    expected[20:40, 10:30] = 255
    assert np.array_equal(mask.pixels, expected)
    mask.stroke([(1, 1)], 5, 1)  # and it can be painted on


def test_transparent_white_keeps(tmp_path: Path) -> None:
    Image.new("RGBA", SIZE, (255, 255, 255, 0)).save(tmp_path / "m.png")
    assert load_mask(tmp_path / "m.png", SIZE).is_empty


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    save_mask(noisy_mask(), tmp_path / "m.png")
    with pytest.raises(PhotoError, match="m.png has 90 × 70 pixels and the photo 91 × 70"):
        load_mask(tmp_path / "m.png", Size(91, 70))
    with pytest.raises(PhotoError, match="does not exist"):
        load_mask(tmp_path / "n.png", SIZE)
