"""Pictures of a wished size, made from the photos that judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import load_photo


@dataclass(frozen=True)
class Picture:
    """The middle of a photo, as much of it as has the proportions, ``enlarged`` if that is less
    than ``size``."""

    path: Path
    size: Size
    enlarged: bool = False

    def clean(self) -> np.ndarray:
        """(H, W, 3) in [0, 1]"""
        return _middle(self)


@lru_cache(maxsize=2)
def _middle(picture: Picture) -> np.ndarray:
    pixels = load_photo(picture.path).to_unit()[..., :3].astype(np.float32)
    width, height = picture.size.width, picture.size.height
    share = min(1.0, pixels.shape[1] / width, pixels.shape[0] / height)
    rows, columns = round(share * height), round(share * width)
    top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    middle = pixels[top : top + rows, left : left + columns]
    if picture.enlarged:
        middle = cv2.resize(middle, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    middle = np.ascontiguousarray(middle)
    middle.setflags(write=False)
    return middle


def pictures_of(photos: Sequence[Path], size: Size, count: int | None) -> list[Picture]:
    """Of the photos that are as large; if none is, the first one enlarged, for the time alone."""
    large = [path for path in photos if _holds(_size_of(path), size)]
    return [Picture(path, size) for path in large[:count]] or [Picture(photos[0], size, True)]


@cache
def _size_of(path: Path) -> Size:
    return load_photo(path).size


def _holds(photo: Size, size: Size) -> bool:
    return photo.width >= size.width and photo.height >= size.height
