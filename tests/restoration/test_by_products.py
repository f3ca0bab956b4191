"""What a task finds out beside the photo is handed over, saved beside the result and reported."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop import tasks
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.restoration import prepare
from gdp_desktop.restoration import restore as engine
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.priors import LoadedPrior
from gdp_desktop.tasks.param import Values
from gdp_desktop.tasks.task import Given, Problem
from tests.gaussian_prior import GaussianPrior


class Known(Degradation):
    def by_products(self) -> dict[str, torch.Tensor]:
        return {"kernel": torch.eye(5)[None, None]}


def light(x0: torch.Tensor) -> Mapping[str, torch.Tensor]:
    return {"hdr": 10 * (x0 + 1)}


def pose(given: Given, values: Values) -> Problem:
    return Problem(given.y, Known(), (0.1,), by_products=light)


@pytest.fixture(autouse=True)
def _talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    task = replace(tasks.TASKS["denoise"], pose=pose, others=(0, 0))
    monkeypatch.setitem(tasks.TASKS, "denoise", task)
    prior = LoadedPrior(GaussianPrior(0.0, 0.5, stride=4), "exact", "", "cpu")
    monkeypatch.setattr(prepare, "load_prior", lambda name, device: prior)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (21, 30, 3), np.uint8))
    return path


Restored = Callable[..., Finished]


@pytest.fixture
def restored(photo: Path) -> Restored:
    def run(output: Path | None, overwrite: bool = False) -> Finished:
        job = Job(photo, Recipe("denoise", steps=2), output=output, overwrite=overwrite)
        *_, last = engine.restore(job, CancelToken())
        assert isinstance(last, Finished)
        return last

    return run


def test_they_are_handed_over_and_saved(restored: Restored, tmp_path: Path) -> None:
    without = restored(None)
    assert without.by_products["kernel"].shape == (5, 5)
    assert without.by_products["hdr"].shape == (21, 30, 3)  # the padding is gone
    assert without.report.by_products == {}

    first = restored(tmp_path / "a-restored.png")
    names = {"kernel": "a-restored.kernel.png", "hdr": "a-restored.hdr.tif"}
    assert first.report.by_products == {k: str(tmp_path / v) for k, v in names.items()}
    saved = cv2.imread(str(tmp_path / names["hdr"]), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.array_equal(saved, first.by_products["hdr"])
    unit = first.photo.pixels / 255
    assert np.abs(saved / 20 - unit).max() <= 0.5 / 255 + 1e-6


def test_nothing_is_replaced_unless_asked(restored: Restored, tmp_path: Path) -> None:
    restored(tmp_path / "a-restored.png")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    second = restored(tmp_path / "a-restored.png")
    assert Path(second.report.by_products["hdr"]).name == "a-restored-2.hdr.tif"
    assert all(path.read_bytes() == data for path, data in before.items())
    third = restored(tmp_path / "a-restored.png", overwrite=True)
    assert Path(third.report.by_products["hdr"]).name == "a-restored.hdr.tif"


def test_one_that_cannot_be_saved_is_a_note(
    restored: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(array: np.ndarray, path: Path, *, overwrite: bool = False) -> Path:
        raise PhotoError(f"The disk is full: {path.name} needs 1 MB; nothing was written.")

    monkeypatch.setattr(engine, "save_by_product", full)
    finished = restored(tmp_path / "a-restored.png")
    assert (tmp_path / "a-restored.png").is_file() and finished.report.by_products == {}
    assert sum("disk is full" in note for note in finished.report.notes) == 2
