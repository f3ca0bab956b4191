"""The sizes that a photo is restored at: the prior takes each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo, save_photo
from gdp_desktop.methods.adaptive import CoarseToFine
from gdp_desktop.methods.levels import fitting_levels
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.restore import restore
from gdp_desktop.tasks import TASKS


def made_photo(folder: Path, width: int, height: int) -> Path:
    """Soft grey shapes."""
    rows, columns = np.mgrid[:height, :width] / 30
    shapes = 128 + 60 * np.sin(rows + 2 * np.sin(columns))
    file = folder / "photo.png"
    save_photo(Photo(np.repeat(np.rint(shapes)[..., None], 3, axis=2).astype(np.uint8)), file)
    return file


def job_for(task: str, width: int, height: int, folder: Path) -> Job:
    scale = TASKS[task].scale(TASKS[task].values({}))
    photo = made_photo(folder, width // scale, height // scale)
    mask = None
    if TASKS[task].needs_mask:
        mask = Mask.empty(Size(width, height))
        mask.pixels[4:12, 4 : width - 4] = 255
        mask.pixels[-12:-4, 4 : width - 4] = 255
    others = (photo,) * TASKS[task].others[0]
    return Job(photo, Recipe(task, device="cpu", steps=1), mask, others)


# 180 pixels are padded to 184, which would be halved once more: 92 is no multiple of eight.
@pytest.mark.parametrize("height", [90, 91, 180, 184, 362])
@pytest.mark.parametrize("task", TASKS)
def test_the_prior_takes_every_size(task: str, height: int, tmp_path: Path) -> None:
    ready = prepare(job_for(task, 236, height, tmp_path))
    stride = ready.loaded.prior.stride
    if isinstance(ready.solver, CoarseToFine):
        assert all(n % stride == 0 for level in ready.solver.levels for n in level.size)


def test_a_photo_that_is_padded_beyond_a_boundary_is_restored_at_every_size(tmp_path: Path) -> None:
    """A size that was left out would leave its noise, and colours of it, in the photo."""
    job = job_for("colorization", 236, 180, tmp_path)
    *_, finished = restore(job, CancelToken())
    assert isinstance(finished, Finished)
    pixels = finished.photo.pixels.astype(float)
    assert float(np.abs(np.diff(pixels - pixels.mean(axis=2, keepdims=True), axis=1)).mean()) < 1.5


@pytest.mark.parametrize(("size", "stride", "count"), [
    (Size(2176, 1472), 8, 4), (Size(1088, 768), 8, 4), (Size(24, 16), 8, 1), (Size(64, 64), 1, 7),
    (Size(10, 12), 8, 1),
])
def test_how_often_a_size_can_be_halved(size: Size, stride: int, count: int) -> None:
    assert fitting_levels(size, stride) == count
