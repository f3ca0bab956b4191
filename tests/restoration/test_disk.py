"""A result that cannot fit on the disk is refused before the work on it."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.checkpoints import serialise_unet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.formats import SAVED_SUFFIXES
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from gdp_desktop.restoration.disk import largest_file, refuse_full_disk
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.restore import restore

Usage = namedtuple("Usage", "total used free")
SIDE = 96


def noise(dtype: type, alpha: bool = False, values: str = "any") -> Photo:
    """What no format can make smaller."""
    peak = int(np.iinfo(dtype).max)
    rng = np.random.default_rng(0)
    shape = (SIDE, SIDE, 4)
    pixels = (
        rng.integers(0, peak, shape, dtype, endpoint=True) if values == "any"
        else (peak * rng.integers(0, 2, shape)).astype(dtype)
    )
    return Photo(pixels[..., :3], np.ascontiguousarray(pixels[..., 3]) if alpha else None,
                 icc=bytes(rng.integers(0, 256, 3000, np.uint8)))


@pytest.mark.parametrize("suffix", sorted(SAVED_SUFFIXES))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("values", ["any", "extreme"])
def test_no_file_is_larger_than_told(
    suffix: str, dtype: type, alpha: bool, values: str, tmp_path: Path
) -> None:
    photo, file = noise(dtype, alpha, values), tmp_path / f"noise{suffix}"
    save_photo(photo, file)
    told = largest_file(photo, photo.size, suffix)
    assert file.stat().st_size <= told
    assert told <= 1.1 * (8 * SIDE * SIDE) + 20_000


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    file.write_bytes(serialise_unet(UNet(UNetConfig((8,), (0,), 8)), {"step": 0}))
    return file


@pytest.fixture
def with_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_free(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 0, free))

    return set_free


@pytest.mark.parametrize(("task", "scale", "beside"), [
    ("denoise", 1, 0), ("super-resolution", 2, 0), ("hdr", 1, 1),
])
def test_too_little_room_is_said_before_the_first_window(
    task: str, scale: int, beside: int, tmp_path: Path, prior: Path,
    with_free: Callable[[int], None],
) -> None:
    photo = noise(np.uint8)
    sources = [tmp_path / f"{name}.png" for name in "abc"]
    for source, darker in zip(sources, (1, 2, 3), strict=True):
        save_photo(photo.with_pixels(photo.pixels // np.uint8(darker)), source)
    recipe = Recipe(task, {"scale": 2} if scale == 2 else {}, steps=1, prior=str(prior))
    others = tuple(sources[1:]) if task == "hdr" else ()
    job = Job(sources[0], recipe, others=others, output=tmp_path / "result.png")
    size = Size(SIDE * scale, SIDE * scale)
    needed = largest_file(load_photo(sources[0]), size, ".png") + beside * 12 * size.pixels

    heard: list[int] = []
    with_free(needed - 1)
    with pytest.raises(PhotoError) as raised:
        list(restore(job, CancelToken(), lambda progress: heard.append(progress.done)))
    text = str(raised.value)
    assert text.endswith(".") and text.count("MB") == 2 and "a.png" in text
    assert not heard and {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png", "c.png"}

    # Without a file to be written there is nothing to fit.
    *_, finished = restore(replace(job, output=None), CancelToken())
    assert isinstance(finished, Finished)
    with_free(round(1.1 * needed) + 20_000)
    *_, finished = restore(job, CancelToken())
    assert isinstance(finished, Finished) and (tmp_path / "result.png").exists()
    written = sum(path.stat().st_size for path in tmp_path.glob("result*"))
    assert written <= 1.1 * needed + 20_000


def test_what_is_needed_is_rounded_up_and_what_is_free_down_to_whole_megabytes(
    tmp_path: Path, with_free: Callable[[int], None]
) -> None:
    with_free(2_999_999)
    with pytest.raises(PhotoError, match="may take up to 4 MB and 2 MB are free"):
        refuse_full_disk(noise(np.uint8), Size(1000, 1000), tmp_path / "result.png", 0)


def test_a_folder_that_cannot_be_asked_refuses_nothing(
    tmp_path: Path, prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    save_photo(noise(np.uint8), tmp_path / "a.png")
    job = Job(tmp_path / "a.png", Recipe("denoise", prior=str(prior)), output=tmp_path / "b.png")
    *_, finished = restore(job, CancelToken())
    assert isinstance(finished, Finished)


def test_a_read_only_folder_is_said_before_the_first_window(
    tmp_path: Path, prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photo(noise(np.uint8), tmp_path / "a.png")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    if os.geteuid() == 0:  # who may write everywhere
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    job = Job(tmp_path / "a.png", Recipe("denoise", prior=str(prior)), output=closed / "b.png")
    with pytest.raises(PhotoError, match=r"b\.png cannot be written.*read-only; choose another"):
        prepare(job)
