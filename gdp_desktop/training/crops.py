"""Random crops of a folder of photos, at several scales, for training a prior."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from gdp_desktop.image.errors import PhotoError, printable, shown
from gdp_desktop.image.files import find_photos
from gdp_desktop.image.photo import load_photo

MIN_PHOTOS = 10
# The coarse pass sees whole photos at 256 pixels, the fine pass sees them at full size: the prior
# must know both.  Shares of the scales 1, 1/2, 1/4, 1/8, 1/16.
SCALE_SHARES = (0.43, 0.26, 0.17, 0.09, 0.05)
# Of main memory for all photos together, at 3 bytes a pixel; a thousand camera photos would fill
# ten times the memory of a laptop.
MOST_PIXELS = 2**31 // 3


@dataclass(frozen=True)
class Split:
    """Paths of the photos that train and of those that only measure."""

    train: tuple[Path, ...]
    val: tuple[Path, ...]


def split_photos(folder: Path, val_share: float = 0.04) -> Split:
    """The split of SOURCES.csv (columns ``file``, ``split``) if the folder has one, else every
    n-th photo measures.  Raises PhotoError for a folder with too few photos and for a SOURCES.csv
    that cannot be followed."""
    photos = find_photos([folder])
    listing = folder / "SOURCES.csv"
    if listing.is_file():
        val = _held_out(listing, photos)
    else:
        val = tuple(photos[:: max(2, round(1 / val_share))])
    train = tuple(p for p in photos if p not in set(val))
    if len(photos) < MIN_PHOTOS or len(train) < MIN_PHOTOS / 2:
        raise PhotoError(
            f"{shown(folder)} has {len(photos)} photos, {len(train)} of them to train on; give a "
            f"folder with at least {MIN_PHOTOS} (better: hundreds)."
        )
    return Split(train, val)


def _held_out(listing: Path, photos: Iterable[Path]) -> tuple[Path, ...]:
    """The photos that a SOURCES.csv, by their names or their paths from there, calls ``val``."""
    try:
        # With the mark that Excel puts before what it writes, and without.
        with listing.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PhotoError(
            f"{printable(listing)} cannot be read as a table (CSV in UTF-8); save it as one or "
            "move the file away."
        ) from error
    if not rows or not {"file", "split"} <= rows[0].keys():
        raise PhotoError(
            f"{printable(listing)} lacks the columns file and split; add them or move the file "
            "away."
        )
    wished = {Path(row["file"] or "").as_posix() for row in rows if row["split"] == "val"}
    named = {
        photo: {photo.name, Path(os.path.relpath(photo, listing.parent)).as_posix()} & wished
        for photo in photos
    }
    missing = wished.difference(*named.values())
    if missing:
        raise PhotoError(
            f"{printable(listing)} holds out {printable(min(missing))}, which is not there; "
            "correct its name or remove its line."
        )
    return tuple(photo for photo, names in named.items() if names)


def load_pixels(paths: Iterable[Path]) -> Iterator[tuple[Path, np.ndarray | PhotoError]]:
    """Each photo's (H, W, 3) uint8 pixels, or the reason why it cannot be read."""
    for path in paths:
        try:
            unit = load_photo(path).to_unit()
            yield path, np.rint(unit * 255).astype(np.uint8)
        except PhotoError as error:
            yield path, error


class CropSource:
    """Draws uint8 crops (N, 3, size, size), size at most ``smallest_side``, from photos kept in
    memory at every scale: of each at most ``most_pixels``, where more are there a part of them."""

    def __init__(
        self,
        photos: Iterable[np.ndarray],
        smallest_side: int,
        seed: int,
        most_pixels: int = MOST_PIXELS,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._scales: list[list[np.ndarray]] = [[] for _ in SCALE_SHARES]
        for pixels in photos:
            scales, room = _scales_of(pixels, smallest_side), most_pixels
            # What the coarse ones, which are seen whole, leave is for the finer ones.
            for finer, scaled in reversed(list(enumerate(scales))):
                kept = self._part(scaled, room // (finer + 1), smallest_side)
                self._scales[finer].append(kept)
                room -= kept.shape[0] * kept.shape[1]
        if not self._scales[0]:
            raise PhotoError(
                f"No photo is at least {smallest_side} pixels high and wide; "
                "give larger photos to train on."
            )
        # A photo is drawn as often as it has pixels, up to a bound, so that one huge photo
        # does not become the training set.
        self._weights = [
            np.array([min(p.shape[0] * p.shape[1], 1_000_000) for p in level], dtype=float)
            for level in self._scales
        ]

    def _part(self, pixels: np.ndarray, most: int, smallest_side: int) -> np.ndarray:
        """As much as is wanted of a photo, somewhere in it; all of it where that is no more."""
        height, width = pixels.shape[:2]
        share = (max(0, most) / (height * width)) ** 0.5
        if share >= 1:
            return pixels
        rows, columns = (max(smallest_side, int(share * side)) for side in (height, width))
        top = self._rng.integers(height - rows + 1)
        left = self._rng.integers(width - columns + 1)
        # The rest of the photo is not kept with it.
        return pixels[top : top + rows, left : left + columns].copy()

    def sample(self, count: int, size: int) -> torch.Tensor:
        crops = np.empty((count, size, size, 3), np.uint8)
        for n in range(count):
            crops[n] = self._crop(size)
        return torch.from_numpy(crops).permute(0, 3, 1, 2)

    def _crop(self, size: int) -> np.ndarray:
        pixels = self._photo()
        while min(pixels.shape[:2]) < size:
            pixels = self._photo()
        top = self._rng.integers(pixels.shape[0] - size + 1)
        left = self._rng.integers(pixels.shape[1] - size + 1)
        crop = pixels[top : top + size, left : left + size]
        return crop[:, ::-1] if self._rng.random() < 0.5 else crop

    def _photo(self) -> np.ndarray:
        level = self._rng.choice(len(SCALE_SHARES), p=SCALE_SHARES)
        while not self._scales[level]:
            level -= 1
        weights = self._weights[level]
        return self._scales[level][self._rng.choice(len(weights), p=weights / weights.sum())]


def _scales_of(pixels: np.ndarray, smallest_side: int) -> list[np.ndarray]:
    """The photo at scale 1, 1/2, 1/4 …, as far as it is large enough for crops."""
    scales: list[np.ndarray] = []
    while min(pixels.shape[:2]) >= smallest_side and len(scales) < len(SCALE_SHARES):
        scales.append(pixels)
        height, width = pixels.shape[:2]
        pixels = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return scales
