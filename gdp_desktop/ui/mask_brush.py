"""The round brush that paints the mask: strokes in photo pixels, each one step of undo."""

from __future__ import annotations

import math
from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.mask_tiles import SIDE, MaskHistory, TileChange
from gdp_desktop.ui.undo import PaintStroke
from gdp_desktop.ui.viewport import Point

MIN_SIZE, MAX_SIZE = 1.0, 4000.0
SIZE_STEP = 1.25
HARDNESS_STEP = 0.1
SHARE_OF_LONG_SIDE = 0.04


class _Stroke:
    """One stroke under way."""

    def __init__(self, mask: Mask, *, erases: bool) -> None:
        self.erases = erases
        self._mask = mask
        self._history = MaskHistory(mask)

    def draw(self, start: Point, end: Point, radius: float, hardness: float) -> Rect:
        for piece_start, piece_end in _pieces(start, end):
            self._history.remember(_reach(piece_start, piece_end, radius))
        points = [end] if start == end else [start, end]
        return self._mask.stroke(points, radius, hardness, self.erases)

    def changes(self) -> list[TileChange]:
        return self._history.changes()


def _pieces(start: Point, end: Point) -> Iterator[tuple[Point, Point]]:
    """The way cut into pieces no longer than a tile, whose boxes cover little else."""
    count = max(1, math.ceil(math.hypot(end.x - start.x, end.y - start.y) / SIDE))
    dx, dy = (end.x - start.x) / count, (end.y - start.y) / count
    for index in range(count):
        x, y = start.x + index * dx, start.y + index * dy
        yield Point(x, y), Point(x + dx, y + dy)


def _reach(start: Point, end: Point, radius: float) -> Rect:
    """More than the brush can touch on its way."""
    margin = math.ceil(radius) + 2
    x, y = math.floor(min(start.x, end.x)), math.floor(min(start.y, end.y))
    right, bottom = math.ceil(max(start.x, end.x)), math.ceil(max(start.y, end.y))
    return Rect(x, y, right - x, bottom - y).padded(margin)


class MaskBrush(QObject):
    """``size`` is the diameter in photo pixels; ``hardness`` 1 has a sharp edge, 0 a soft one."""

    changed = Signal()
    painting_changed = Signal(bool)

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._size = 40.0
        self._hardness = 0.8
        self._erases = False
        self._stroke: _Stroke | None = None
        self._last: Point | None = None
        document.opened.connect(self._fit_to_photo)
        document.mask_arrives.connect(self._finish)

    @property
    def size(self) -> float:
        return self._size

    @property
    def hardness(self) -> float:
        return self._hardness

    @property
    def erases(self) -> bool:
        return self._erases

    @property
    def is_painting(self) -> bool:
        return self._stroke is not None

    def set_size(self, size: float) -> None:
        self._size = min(max(size, MIN_SIZE), MAX_SIZE)
        self.changed.emit()

    def set_hardness(self, hardness: float) -> None:
        self._hardness = min(max(hardness, 0.0), 1.0)
        self.changed.emit()

    def set_erases(self, erases: bool) -> None:
        self._erases = erases
        self.changed.emit()

    def grow(self) -> None:
        self.set_size(max(self._size * SIZE_STEP, self._size + 1))

    def shrink(self) -> None:
        self.set_size(min(self._size / SIZE_STEP, self._size - 1))

    def harden(self) -> None:
        self.set_hardness(self._hardness + HARDNESS_STEP)

    def soften(self) -> None:
        self.set_hardness(self._hardness - HARDNESS_STEP)

    def press(self, point: Point, *, erases: bool = False, straight: bool = False,
              pressure: float = 1.0) -> None:
        """Begin a stroke; a straight one starts where the last one ended."""
        self._stroke = _Stroke(self._document.mask, erases=erases or self._erases)
        if not straight or self._last is None:
            self._last = point
        self.painting_changed.emit(True)
        self.drag(point, pressure)

    def drag(self, point: Point, pressure: float = 1.0) -> None:
        if self._stroke is None or self._last is None:
            return
        radius = max(0.5, self._size / 2 * pressure)
        changed = self._stroke.draw(self._last, point, radius, self._hardness)
        self._last = point
        if not changed.is_empty:
            self._document.touch_mask(changed)

    def _finish(self) -> None:
        if self.is_painting:
            self.release()

    def release(self) -> None:
        """The stroke is done and becomes one step of undo."""
        stroke, self._stroke = self._stroke, None
        self.painting_changed.emit(False)
        if stroke and (changes := stroke.changes()):
            self._document.undo_stack.push(
                PaintStroke(self._document, changes, erased=stroke.erases)
            )

    def _fit_to_photo(self) -> None:
        """A size that suits the photo, and no line from a point of the last one."""
        self._stroke = self._last = None
        if photo := self._document.photo:
            self.set_size(max(4.0, max(photo.size) * SHARE_OF_LONG_SIDE))
