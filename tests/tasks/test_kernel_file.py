"""A kernel from a file is taken as it is meant, or refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.kernel_file import read_kernel
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given

CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0], [0, 2, 0], [0, 0, 0]], np.float64)


def as_text(path: Path, separator: str = " ") -> None:
    path.write_text("\n".join(separator.join(f"{v:g}" for v in row) for row in CROSS) + "\n\n")


def sixteen_bits(path: Path) -> None:
    Image.fromarray((CROSS * 16000).astype(np.uint16)).save(path)


DECIMAL_COMMAS = "\n".join(
    ";".join(f"{v / 4:.2f}".replace(".", ",") for v in row) for row in CROSS
)
WRITERS: dict[str, Callable[[Path], None]] = {
    "grey.png": lambda path: Image.fromarray((CROSS * 60).astype(np.uint8)).save(path),
    "grey.tif": lambda path: Image.fromarray((CROSS * 60).astype(np.uint8)).save(path),
    "deep.png": sixteen_bits,
    "deep.tiff": sixteen_bits,
    "floats.tif": lambda path: Image.fromarray(CROSS.astype(np.float32)).save(path),
    "rgb.png": lambda p: Image.fromarray((CROSS * 60).astype(np.uint8)).convert("RGB").save(p),
    "clear.png": lambda p: Image.fromarray((CROSS * 60).astype(np.uint8)).convert("RGBA").save(p),
    "spaces.txt": as_text,
    "commas.csv": lambda path: as_text(path, ","),
    "semicolons.csv": lambda path: as_text(path, "; "),
    "decimal.csv": lambda path: path.write_text(DECIMAL_COMMAS),
    "decimal.txt": lambda path: path.write_text(DECIMAL_COMMAS.replace(";", "\t")),
    "matrix.npy": lambda path: np.save(path, CROSS),
    "whole.npy": lambda path: np.save(path, CROSS.astype(np.int32)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_gives_the_same_kernel(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    kernel = read_kernel(tmp_path / name, largest=64)
    assert torch.allclose(kernel, torch.from_numpy(CROSS / CROSS.sum()), atol=1e-6)


def test_an_even_side_gets_zeros_at_its_end(tmp_path: Path) -> None:
    np.save(tmp_path / "even.npy", np.ones((2, 4)))
    kernel = read_kernel(tmp_path / "even.npy", largest=64)
    assert kernel.shape == (3, 5) and float(kernel[:2, :4].min()) == pytest.approx(1 / 8)
    assert float(kernel[2].sum() + kernel[:, 4].sum()) == 0


def photo_of_a_cat(path: Path) -> None:
    Image.new("RGB", (4000, 3000), (200, 150, 90)).save(path)


def small_colours(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def with_value(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        values = CROSS.copy()
        values[0, 0] = value
        np.save(path, values)
    return write


BAD: dict[str, Callable[[Path], None]] = {
    "black.png": lambda path: Image.new("L", (9, 9)).save(path),
    "black.npy": lambda path: np.save(path, np.zeros((5, 5))),
    "even-area.png": lambda path: Image.new("L", (33, 33), 200).save(path),
    "negative.npy": with_value(-0.1),
    "nan.npy": with_value(np.nan),
    "infinite.npy": with_value(np.inf),
    "nan.txt": lambda path: path.write_text("0 1 0\n1 nan 1\n0 1 0\n"),
    "larger-than-the-photo.npy": lambda path: np.save(path, np.eye(65)),
    "point.npy": lambda path: np.save(path, np.ones((1, 1))),
    "point.png": lambda path: Image.new("L", (1, 1), 255).save(path),
    "cat.png": photo_of_a_cat,
    "colours.png": small_colours,
    "no-picture.png": lambda path: path.write_bytes(b"this is a letter, not a picture"),
    "cut-off.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "empty.png": lambda path: path.write_bytes(b""),
    "empty.txt": lambda path: path.write_text(""),
    "words.txt": lambda path: path.write_text("blur it a little\nplease\n"),
    "ragged.csv": lambda path: path.write_text("1,2,3\n4,5\n"),
    "binary.csv": lambda path: path.write_bytes(bytes(range(128, 256))),
    "no-rows.npy": lambda path: np.save(path, np.ones((0, 3))),
    "huge.txt": lambda path: path.write_text("1e308 1e308\n1e308 1e308\n"),
    "line.npy": lambda path: np.save(path, np.ones(9)),
    "cube.npy": lambda path: np.save(path, np.ones((3, 3, 3))),
    "complex.npy": lambda path: np.save(path, np.ones((3, 3)) * 1j),
    "object.npy": lambda path: np.save(path, np.array([["a", None]], object)),
    "text.npy": lambda path: np.save(path, np.array([["a", "b"], ["c", "d"]])),
    "no-numpy.npy": lambda path: path.write_bytes(b"\x93NUMPY but not really"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_a_kernel_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    BAD[name](tmp_path / name)
    task, y = task_named("deblurring"), torch.zeros(1, 3, 64, 96)
    values = task.values({"kind": "file", "kernel": str(tmp_path / name)})
    with pytest.raises(TaskError) as raised:
        task.pose(Given(y), values)
    text = str(raised.value)
    assert name in text and str(tmp_path) not in text
    assert text.endswith(".") and "\n" not in text and len(text) < 200


def test_a_kernel_must_be_given_where_it_is_asked_for(tmp_path: Path) -> None:
    task, y = task_named("deblurring"), torch.zeros(1, 3, 64, 96)
    with pytest.raises(TaskError, match="kernel"):
        task.pose(Given(y), task.values({"kind": "file"}))
    as_text(tmp_path / "good.txt")
    values = task.values({"kind": "file", "kernel": str(tmp_path / "good.txt")})
    found = task.pose(Given(y), values).degradation.kernel
    assert torch.allclose(found.double(), torch.from_numpy(CROSS / CROSS.sum()), atol=1e-6)
