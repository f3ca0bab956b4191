"""A tiny prior, small photos, and the command line called in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gdp_desktop.commands import main
from gdp_desktop.diffusion.at_once import cores, take_cores
from gdp_desktop.diffusion.checkpoints import serialise_unet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import Mask, save_mask
from gdp_desktop.image.photo import Photo, save_photo

SIZE = Size(64, 48)


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """Standard error, which must be one sentence on one line."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].endswith(".") and "Traceback" not in lines[0]
        return lines[0]


Run = Callable[..., Outcome]
Put = Callable[..., Path]


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Pictures this small are not worth the waiting of several threads for one another."""
    before = cores()
    take_cores(1)
    yield
    take_cores(before)


@pytest.fixture(scope="session")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know nothing, but are quick."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    network = UNet(UNetConfig(widths=(8, 8, 8), embedding=16))
    path.write_bytes(serialise_unet(network, {}))
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def restore(run: Run, prior: Path) -> Run:
    """`restore` with the tiny prior, one step and --json; "denoise" unless another task is said."""

    def call(*words: str | Path, task: str = "denoise") -> Outcome:
        # A prior that knows nothing finds no noise.
        denoises = task == "denoise" and "--task" not in words
        noise = ("--param", "sigma=20") if denoises else ()
        return run(
            "restore", "--task", task, "--prior", prior, "--steps", "1", "--json", *noise, *words
        )

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the photos lie."""
    path = tmp_path / "photos"
    path.mkdir()
    return path


@pytest.fixture
def put_photo(folder: Path) -> Put:
    """put_photo(name, size) writes a photo of noise, another one for every name."""

    def put(name: str = "photo.png", size: Size = SIZE) -> Path:
        generator = np.random.default_rng(list(name.encode()))
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        save_photo(Photo(generator.integers(20, 200, (*size.shape, 3), np.uint8)), path)
        return path

    return put


@pytest.fixture
def photo(put_photo: Put) -> Path:
    return put_photo()


@pytest.fixture
def put_mask(tmp_path: Path) -> Put:
    """put_mask(size) writes a mask with a small dab in it."""

    def put(size: Size = SIZE, radius: float = 5) -> Path:
        mask = Mask.empty(size)
        if radius:
            mask.stroke([(20, 20)], radius, 1.0)
        save_mask(mask, tmp_path / "mask.png")
        return tmp_path / "mask.png"

    return put


def raising(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    """To be put in the place of what is to fail."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail
