"""The mask: where the photo is to be restored."""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from gdp_desktop.image.encoding import to_eight_bits
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.photo import load_photo
from gdp_desktop.image.writing import atomic_write, refuse_target

Point = tuple[float, float]

RESTORE = 255


class Mask:
    """uint8 (H, W): 0 keeps a pixel, 255 restores it, and the soft edge of a brush lies between.

    Points are in pixels with the corner of the photo at (0, 0), so that the centre of its first
    pixel is (0.5, 0.5).
    """

    def __init__(self, pixels: np.ndarray) -> None:
        """Wraps ``pixels`` without a copy."""
        if pixels.ndim != 2 or pixels.dtype != np.uint8:
            raise ValueError(f"a mask is uint8 (H, W), not {pixels.dtype} {pixels.shape}")
        self.pixels = pixels

    @classmethod
    def empty(cls, size: Size) -> "Mask":
        """A mask that keeps everything."""
        return cls(np.zeros(size.shape, np.uint8))

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape
        return Size(width, height)

    @property
    def is_empty(self) -> bool:
        return not cv2.hasNonZero(self.pixels)

    def bounds(self) -> Rect:
        """The smallest rectangle around everything painted, however faintly."""
        return Rect(*cv2.boundingRect(self.pixels))

    def copy(self) -> "Mask":
        return Mask(self.pixels.copy())

    def read(self, rect: Rect) -> bytes:
        """A copy of what is inside ``rect``, row by row; ``write`` puts it back."""
        return self._inside(rect).tobytes()

    def write(self, rect: Rect, pixels: bytes) -> None:
        """Replace what is in ``rect`` by what ``read`` once gave for a rectangle of its size."""
        self._inside(rect)[:] = np.frombuffer(pixels, np.uint8).reshape(rect.size.shape)

    def _inside(self, rect: Rect) -> np.ndarray:
        if rect != rect.clamped(self.size):
            raise ValueError(f"{rect} reaches beyond the mask of {self.size}")
        return self.pixels[rect.slices]

    def stroke(
        self, points: Sequence[Point], radius: float, hardness: float, erase: bool = False
    ) -> Rect:
        """Draw a round brush along ``points``; one point is a dab. Returns what may have changed.

        ``hardness`` is the share of the radius, 0…1, that is painted fully before the edge fades;
        the hardest edge is still smooth. Painting over painted pixels adds nothing to them.
        Erasing takes away as much as the same brush would paint, and clears what it leaves less
        than half painted, so that a stroke erased along its own path is gone without a rim.
        """
        touched = Rect(0, 0, 0, 0)
        for start, end in _pieces(points, radius):
            rect = _around(start, end, radius).clamped(self.size)
            if not rect.is_empty:
                self._draw(rect, _coverage(rect, start, end, radius, hardness), erase)
                touched = touched.union(rect)
        return touched

    def _draw(self, rect: Rect, coverage: np.ndarray, erase: bool) -> None:
        under = self.pixels[rect.slices]
        if not erase:
            np.maximum(under, coverage, out=under)
            return
        np.minimum(under, RESTORE - coverage, out=under)
        under[(coverage > 0) & (under < 128)] = 0


def _pieces(points: Sequence[Point], radius: float) -> Iterator[tuple[Point, Point]]:
    """The path cut into pieces about as long as the brush is wide.

    The box around a long slanted piece would be mostly empty.
    """
    if len(points) == 1:
        yield points[0], points[0]
    longest = max(2 * radius, 64.0)
    for (x, y), (x_end, y_end) in zip(points, points[1:], strict=False):
        count = max(1, math.ceil(math.hypot(x_end - x, y_end - y) / longest))
        dx, dy = (x_end - x) / count, (y_end - y) / count
        for index in range(count):
            start = x + index * dx, y + index * dy
            yield start, (start[0] + dx, start[1] + dy)


def _around(start: Point, end: Point, radius: float) -> Rect:
    reach = radius + 1
    x, y = math.floor(min(start[0], end[0]) - reach), math.floor(min(start[1], end[1]) - reach)
    right = math.ceil(max(start[0], end[0]) + reach)
    bottom = math.ceil(max(start[1], end[1]) + reach)
    return Rect(x, y, right - x, bottom - y)


def _coverage(rect: Rect, start: Point, end: Point, radius: float, hardness: float) -> np.ndarray:
    """uint8 (height, width) of ``rect``: how much of each pixel a brush between two points paints.

    255 inside ``hardness`` times the radius, falling in a line to 0 half a pixel beyond the radius.
    """
    x = np.arange(rect.x, rect.right, dtype=np.float32)[None] + np.float32(0.5 - start[0])
    y = np.arange(rect.y, rect.bottom, dtype=np.float32)[:, None] + np.float32(0.5 - start[1])
    dx, dy = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    length = dx * dx + dy * dy
    if length > 0:
        along = np.clip(x * (dx / length) + y * (dy / length), 0, 1)
        x, y = x - along * dx, y - along * dy
    distance = cv2.sqrt(x * x + y * y)
    slope = RESTORE / max(1.0, (1 - hardness) * radius)
    return cv2.convertScaleAbs(np.maximum((radius + 0.5 - distance) * slope, 0))


def load_mask(path: str | os.PathLike[str], size: Size | None = None) -> Mask:
    """Read a picture as the mask of a photo of this ``size``, or of one not known yet: white
    restores, black keeps.

    Colours count by their lightness, and what is transparent keeps. Raises PhotoError, also for
    a picture of another size.
    """
    picture = load_photo(path)
    if size is not None and picture.size != size:
        raise PhotoError(
            f"The mask {shown(path)} has {picture.size.width} × {picture.size.height} pixels and "
            f"the photo {size.width} × {size.height}; choose a mask of the photo's size."
        )
    grey = cv2.cvtColor(to_eight_bits(picture.pixels), cv2.COLOR_RGB2GRAY)
    if picture.alpha is not None:
        grey = cv2.multiply(grey, to_eight_bits(picture.alpha), scale=1 / 255)
    return Mask(grey)


def save_mask(mask: Mask, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write the mask as a grey PNG, complete or not at all. Raises PhotoError."""
    if Path(path).suffix.lower() != ".png":
        raise PhotoError(f"{shown(path)} cannot hold a mask; choose a name ending in .png.")
    refuse_target(path, overwrite=overwrite)
    done, buffer = cv2.imencode(".png", mask.pixels)
    if not done:
        raise PhotoError(f"{shown(path)} cannot be encoded; try again with a smaller mask.")
    atomic_write(path, buffer.tobytes(), overwrite=overwrite)
