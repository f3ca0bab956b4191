"""A tiny prior, a folder of small photos of which some are held out, and `bench` called here."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import BENCHMARKS
from gdp_desktop.commands import main
from gdp_desktop.diffusion.at_once import cores, take_cores
from gdp_desktop.diffusion.checkpoints import serialise_unet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.training.crops import MIN_PHOTOS

HELD_OUT = ("00.png", "01.png")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """Standard error, which must be one sentence on one line."""
        [line] = self.err.splitlines()
        assert line.endswith(".") and "Traceback" not in line and "unexpectedly" not in line
        return line


Bench = Callable[..., Outcome]


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    before = cores(), cv2.getNumThreads()
    take_cores(1)
    yield
    take_cores(before[0])
    cv2.setNumThreads(before[1])


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    names = [f"{n:02}.png" for n in range(MIN_PHOTOS + len(HELD_OUT))]
    for n, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(40, 48, n))
    rows = [f"{name},{'val' if name in HELD_OUT else 'train'}" for name in names]
    (folder / "SOURCES.csv").write_text("\n".join(["file,split", *rows]))
    return folder


def tiny_prior(path: Path, seed: int) -> Path:
    """Weights that know nothing, but are quick."""
    torch.manual_seed(seed)
    network = UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16))
    path.write_bytes(serialise_unet(network, {}))
    return path


@pytest.fixture(scope="session")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("models") / "tiny.safetensors", 0)


@pytest.fixture
def bench(
    capsys: pytest.CaptureFixture[str], photos: Path, prior: Path, tmp_path: Path
) -> Bench:
    """`bench WHAT` of the small photos with the tiny prior, into tmp_path/tables."""

    def call(what: str, *words: str | Path, prior: Path = prior) -> Outcome:
        capsys.readouterr()
        benchmark = BENCHMARKS.get(what)
        of_photos = ["--photos", photos, "--crop", 32] if benchmark and benchmark.photos else []
        options = [*of_photos, "--prior", prior, "--out", tmp_path / "tables", "--device", "cpu"]
        code = main(["bench", what, *map(str, [*options, *words])])
        return Outcome(code, *capsys.readouterr())

    return call


def rows_of(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def without_seconds(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: text for name, text in row.items() if name != "seconds"} for row in rows]
