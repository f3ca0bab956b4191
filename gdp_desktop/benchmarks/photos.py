"""The photos that judge, and the crops of them that are measured.  Photos are (H, W, 3) float32
RGB in [0, 1] here."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.benchmarks.plan import BenchmarkError
from gdp_desktop.image.photo import load_photo
from gdp_desktop.training.crops import split_photos

# Crops are multiples of this, so that every network's stride and JPEG's blocks fit.
MULTIPLE = 32


def judging_photos(folder: Path) -> tuple[Path, ...]:
    """The photos held out of training.  Raises PhotoError or BenchmarkError if there are none."""
    photos = split_photos(folder).val
    if not photos:
        raise BenchmarkError(
            f"{folder} has no photos for measuring; mark some as val in its SOURCES.csv."
        )
    return photos


def fingerprint(photos: Sequence[Path]) -> str:
    """Which photos these are, whatever their folder: count and hash of names and contents."""
    digest = hashlib.sha256()
    for path in photos:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return f"{len(photos)} photos, sha256 {digest.hexdigest()}"


@lru_cache(maxsize=2)
def middle_crop(path: Path, side: int) -> np.ndarray:
    """The middle side×side pixels (H, W, 3) in [0, 1]; less where the photo is smaller."""
    pixels = load_photo(path).to_unit()
    height, width = (min(side, n) // MULTIPLE * MULTIPLE for n in pixels.shape[:2])
    if not height or not width:
        raise BenchmarkError(
            f"{path.name} is too small; photos and --crop need at least {MULTIPLE} pixels."
        )
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    crop = pixels[top : top + height, left : left + width, :3].astype(np.float32)
    crop.setflags(write=False)
    return crop


def as_tensor(photo: np.ndarray) -> torch.Tensor:
    """(H, W, 3) in [0, 1] -> (1, 3, H, W) in [-1, 1]"""
    return torch.from_numpy(photo * np.float32(2) - np.float32(1)).permute(2, 0, 1)[None].float()


def as_photo(x: torch.Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] -> (H, W, 3) in [0, 1]"""
    return np.ascontiguousarray((x[0].permute(1, 2, 0).cpu().numpy() + 1) / 2)


def generator_for(seed: int, *what: object) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for, and on nothing else."""
    return np.random.default_rng([seed, zlib.crc32("/".join(map(str, what)).encode())])
