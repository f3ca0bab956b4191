"""The same recipe gives the same result, to the last bit, however many cores work on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.at_once import cores, take_cores
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo, save_photo
from gdp_desktop.methods import METHODS
from gdp_desktop.priors.places import find_prior
from gdp_desktop.restoration import restore as engine
from gdp_desktop.restoration.job import CancelToken, Job, Recipe
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Task

# Three do not divide a vector evenly, which is where torch's elementwise functions showed it.
NUMBERS = (1, 2, 3)
SIZE = Size(152, 104)
STEPS = 2


@pytest.fixture(autouse=True)
def _cores_as_before() -> Iterator[None]:
    before = cores()
    yield
    take_cores(before)


@pytest.fixture
def prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one that ships, in float32: rounded to bfloat16 most last bits cannot be seen.

    A file of its own, so that nobody gets it who asks for the one that ships.
    """
    monkeypatch.setattr("gdp_desktop.diffusion.prior.bfloat16_pays", lambda device: False)
    shipped = find_prior("")
    return str(shutil.copy(shipped, tmp_path / shipped.name))


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Every x0 as it is before it becomes 8 bits."""
    found: list[torch.Tensor] = []
    composed = engine.composed

    def noted(photo: Photo, x0: torch.Tensor, *more: object) -> Photo:
        found.append(x0.clone())
        return composed(photo, x0, *more)

    monkeypatch.setattr(engine, "composed", noted)
    return found


def photo(folder: Path, name: str, grey: bool = False) -> Path:
    rng = np.random.default_rng(3)
    coarse = rng.integers(20, 130, (6, 8, 3)).astype(np.float32)
    pixels = cv2.resize(coarse, (SIZE.width, SIZE.height), interpolation=cv2.INTER_CUBIC)
    pixels += rng.normal(0, 6, pixels.shape)
    if grey:
        pixels = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
    save_photo(Photo(pixels.clip(0, 255).astype(np.uint8)), folder / name)
    return folder / name


def job(task: Task, method: str, prior: str, folder: Path) -> Job:
    others = tuple(photo(folder, f"{k}.png") for k in range(task.others[0]))
    mask = Mask.empty(SIZE)
    mask.pixels[Rect(30, 20, 40, 30).slices] = 255
    return Job(
        photo(folder, "photo.png", grey=task.id == "colorization"),
        Recipe(task.id, method=method, steps=STEPS, prior=prior, device="cpu"),
        mask=mask if task.needs_mask else None, others=others,
    )


def task_for(method: str) -> str:
    """One that the method does not refuse."""
    return "low-light" if method in ("quad-prior", "pyramid", "wavelet") else "denoise"


@pytest.mark.parametrize(
    ("task", "method"),
    [*((task, "") for task in TASKS), *((task_for(method), method) for method in METHODS)],
)
def test_every_task_and_method(
    task: str, method: str, prior: str, tmp_path: Path, results: list[torch.Tensor]
) -> None:
    given = job(TASKS[task], method, prior, tmp_path)
    for number in NUMBERS:
        take_cores(number)
        list(engine.restore(given, CancelToken(), previews=False))
    first, *others = (x0.numpy().tobytes() for x0 in results)
    assert others == [first] * (len(NUMBERS) - 1)
