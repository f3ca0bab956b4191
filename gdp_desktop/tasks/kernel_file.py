"""A blur kernel from a file: a small grey picture, or a matrix of numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gdp_desktop.tasks.param import TaskError

PICTURES = (".png", ".tif", ".tiff")
MATRICES = (".txt", ".csv", ".npy")
LARGEST_SIDE = 255
# Channels of a grey picture may differ by this share of full brightness.
GREY_TOLERANCE = 0.02


def read_kernel(path: str | Path, largest: int) -> torch.Tensor:
    """The kernel (h, w), odd sides, in float64: not negative and summing to 1.

    ``largest`` is the photo's short side in pixels.  An even side gets a row or column of zeros at
    its end.  Raises TaskError for whatever cannot be a kernel.
    """
    path = Path(path)
    try:
        values = _from_picture(path) if path.suffix.lower() in PICTURES else _from_matrix(path)
    except TaskError:
        raise
    # Readers raise nearly every type of exception on what is not theirs.
    except Exception as error:
        raise TaskError(
            f"{path.name} cannot be read as a kernel; give a small grey picture or a matrix of "
            "numbers."
        ) from error
    _refuse(values, path.name, largest)
    odd = [(0, 1 - n % 2) for n in values.shape]
    return torch.from_numpy(np.pad(values, odd) / values.sum())


def _from_picture(path: Path) -> np.ndarray:
    with Image.open(path, formats=("PNG", "TIFF")) as image:
        _refuse_size(image.height, image.width, path.name)
        coded = image.mode in ("P", "PA", "LA", "RGBA", "CMYK")
        values = np.asarray(image.convert("RGB") if coded else image).astype(np.float64)
    if values.ndim == 3:
        if np.ptp(values, axis=2).max() > GREY_TOLERANCE * max(values.max(), 1):
            raise TaskError(
                f"{path.name} is a colour picture; a kernel is a small grey one, bright where the "
                "light went."
            )
        values = values.mean(axis=2)
    return values


def _from_matrix(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        values = np.load(path, allow_pickle=False)
    else:
        text = path.read_text(encoding="utf-8-sig")
        if _has_decimal_commas(text):
            text = text.replace(",", ".")
        rows = [line.replace(",", " ").replace(";", " ").split() for line in text.splitlines()]
        values = np.array([[float(number) for number in row] for row in rows if row])
    if not np.isrealobj(values) or values.ndim != 2 or values.size == 0:
        raise TaskError(f"{path.name} is not a matrix; give rows of numbers, all equally long.")
    return values.astype(np.float64)


def _has_decimal_commas(text: str) -> bool:
    """Whether 0,5 is a half, as in most of Europe: something else stands between the numbers."""
    return re.search(r"\d,\d+\s*;|;\s*\d+,\d|\d,\d+[ \t]+\d+,\d", text) is not None


def _refuse(values: np.ndarray, name: str, largest: int) -> None:
    height, width = values.shape
    _refuse_size(height, width, name)
    if values.size == 1:
        raise TaskError(f"{name} is a single value, which blurs nothing; give a larger kernel.")
    if max(height, width) > largest:
        raise TaskError(
            f"The kernel {name} ({width}×{height}) is larger than the photo; give a smaller one."
        )
    with np.errstate(over="ignore"):
        total = values.sum()
    if not np.isfinite(total):
        raise TaskError(f"{name} holds values that are not numbers; give a kernel without them.")
    if values.min() < 0:
        raise TaskError(f"{name} holds negative values; light does not subtract, so give others.")
    if values.max() == 0:
        raise TaskError(f"{name} is all black; a kernel is bright where the light went.")
    if np.ptp(values) == 0 and values.size > 49:
        raise TaskError(
            f"{name} is one even area of {width}×{height}; a kernel shows the path of the light."
        )


def _refuse_size(height: int, width: int, name: str) -> None:
    if max(height, width) > LARGEST_SIDE:
        raise TaskError(
            f"{name} has {width}×{height} pixels, which is a photo and not a kernel; a kernel has "
            f"at most {LARGEST_SIDE}×{LARGEST_SIDE}."
        )
