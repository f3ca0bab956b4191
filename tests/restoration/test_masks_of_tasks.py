"""What a mask means to tasks that need more of the photo than what is painted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo, load_photo
from gdp_desktop.restoration import prepare
from gdp_desktop.restoration import restore as engine
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.priors import LoadedPrior
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import TaskError
from tests.gaussian_prior import GaussianPrior

SIZE = Size(400, 24)


@pytest.fixture(autouse=True)
def _exact_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = LoadedPrior(GaussianPrior(0.0, 0.3, stride=4, window=512), "exact", "", "cpu")
    monkeypatch.setattr(prepare, "load_prior", lambda name, device: loaded)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(40, 210, (6, 100, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=12)
    return tmp_path / "photo.jpg"


def dab(left: int) -> Mask:
    mask = Mask.empty(SIZE)
    mask.pixels[8:16, left : left + 8] = 255
    return mask


Restored = Callable[..., Finished]


@pytest.fixture
def restored(photo: Path) -> Restored:
    def run(task: str, mask: Mask | None, **params: str) -> Finished:
        recipe = Recipe(task, params, steps=2, device="cpu")
        *_, last = engine.restore(Job(photo, recipe, mask), CancelToken())
        assert isinstance(last, Finished)
        return last

    return run


def test_under_a_mask_a_jpeg_is_read_by_its_own_blocks(restored: Restored, photo: Path) -> None:
    """The region of this mask begins between two blocks; the result is that of the whole photo."""
    mask, before = dab(365), load_photo(photo).pixels
    part, whole = restored("jpeg", mask), restored("jpeg", None)
    painted = mask.pixels > 0
    assert np.array_equal(part.photo.pixels[~painted], before[~painted])
    assert np.array_equal(part.photo.pixels[painted], whole.photo.pixels[painted])
    assert not np.array_equal(part.photo.pixels[painted], before[painted])
    assert part.report.degradation == whole.report.degradation


def test_what_is_around_the_paint_is_seen_as_far_as_the_photo_goes() -> None:
    size, around = Size(800, 600), prepare.CONTEXT
    mask, photo = Mask.empty(size), Photo(np.zeros((*size.shape, 3), np.uint8))
    mask.pixels[8:16, 400:410] = 255
    seen = prepare.region_of(photo, mask, TASKS["denoise"])
    assert seen == Rect(400 - around, 0, 10 + 2 * around, 16 + around)


def test_dead_pixels_are_looked_for_under_the_paint_alone(
    restored: Restored, photo: Path
) -> None:
    before = np.full((*SIZE.shape, 3), 120, np.uint8)
    before[12, [24, 300]] = 0
    Image.fromarray(before).save(photo, "PNG")
    after = restored("inpainting", dab(20), missing="dead").photo.pixels
    assert np.argwhere((after != before).any(axis=2)).tolist() == [[12, 24]]


def test_where_parts_are_missing_all_of_the_photo_is_restored(
    restored: Restored, photo: Path
) -> None:
    mask, before = dab(20), load_photo(photo).pixels
    finished = restored("mixed", mask, first="grey", second="missing")
    changed = (finished.photo.pixels != before).any(axis=2)
    assert changed[:, 300:].mean() > 0.5  # far from the paint as well
    assert finished.report.degradation["missing_share"] == pytest.approx(64 / 9600, abs=1e-3)


def test_without_missing_parts_a_mask_is_a_limit(restored: Restored, photo: Path) -> None:
    mask, before = dab(20), load_photo(photo).pixels
    finished = restored("mixed", mask, first="grey", second="none")
    kept = mask.pixels == 0
    assert np.array_equal(finished.photo.pixels[kept], before[kept])


def test_what_is_missing_of_a_photo_made_small_can_be_painted(restored: Restored) -> None:
    last = restored("mixed", dab(100), first="shrink", second="missing", third="none")
    assert last.photo.size == Size(2 * SIZE.width, 2 * SIZE.height)
    with pytest.raises(TaskError, match="changes the size"):
        restored("mixed", dab(100), first="shrink", second="grey", third="none")


@pytest.mark.parametrize("exposure", ["0.3", "0.5"])
def test_it_is_what_is_painted_that_gets_the_exposure(
    exposure: str, restored: Restored, photo: Path
) -> None:
    """A dark place in a bright photo; before, the bright surroundings made it darker still."""
    pixels = load_photo(photo).pixels
    pixels = (150 + pixels // 4).astype(np.uint8)
    pixels[:, 100:180] = pixels[:, 100:180] // 5
    Image.fromarray(pixels).save(photo, "PNG")
    mask = Mask.empty(SIZE)
    mask.pixels[:, 100:180] = 255
    after = restored("low-light", mask, exposure=exposure, neutral="0").photo.pixels
    assert after[:, 108:172].mean() / 255 == pytest.approx(float(exposure), abs=0.05)


@pytest.mark.parametrize(("task", "params"), [
    ("low-light", {}), ("mixed", {"first": "dark", "second": "shrink", "third": "none"}),
])
def test_what_is_transparent_does_not_count_for_the_exposure(
    task: str, params: dict, restored: Restored, photo: Path
) -> None:
    """Half of the photo is cut away, black or white: the other half is as bright as ever."""
    pixels = load_photo(photo).pixels // 4
    alpha = np.full(SIZE.shape, 255, np.uint8)
    alpha[:, 200:] = 0
    found = []
    for hidden in (0, 255):
        pixels[:, 200:] = hidden
        Image.fromarray(np.dstack([pixels, alpha])).save(photo, "PNG")
        result = restored(task, None, exposure="0.4", **params).photo.pixels
        found.append(result[:, : result.shape[1] * 2 // 5].mean() / 255)
    assert found == pytest.approx([0.4, 0.4], abs=0.06)
