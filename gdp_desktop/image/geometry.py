"""Sizes and rectangles on the pixel grid: x to the right, y down, half-open on the far side."""

from typing import NamedTuple


class Size(NamedTuple):
    """How wide and how high, in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def shape(self) -> tuple[int, int]:
        """The (height, width) that numpy wants."""
        return self.height, self.width


class Rect(NamedTuple):
    """The pixels x ≤ column < right and y ≤ row < bottom."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def is_empty(self) -> bool:
        return self.width <= 0 or self.height <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """The numpy index (rows, columns) of this part of an (H, W, …) array."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def intersect(self, other: "Rect") -> "Rect":
        """What both cover; an empty rectangle when they do not meet."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def union(self, other: "Rect") -> "Rect":
        """The smallest rectangle around both; an empty one adds nothing."""
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Rect(x, y, right - x, bottom - y)

    def padded(self, margin: int) -> "Rect":
        """Grown by ``margin`` on all four sides (shrunk when it is negative)."""
        twice = 2 * margin
        return Rect(
            self.x - margin,
            self.y - margin,
            max(0, self.width + twice),
            max(0, self.height + twice),
        )

    def clamped(self, size: Size) -> "Rect":
        """The part that lies inside a photo of this size."""
        return self.intersect(Rect(0, 0, *size))
