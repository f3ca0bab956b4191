"""What a press on the canvas begins, and what dragging and letting go then mean."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QPointF

from gdp_desktop.ui.mask_brush import MaskBrush
from gdp_desktop.ui.viewport import Point, Viewport

CLICK_DISTANCE = 4


class Canvas(Protocol):
    """What gestures need of the canvas."""

    @property
    def viewport(self) -> Viewport: ...

    def pan(self, dx: float, dy: float) -> None: ...

    def place_split(self, x: float) -> None: ...


class Gesture(Protocol):
    def drag(self, position: QPointF, pressure: float) -> None: ...

    def release(self) -> None: ...


class Pan:
    """Moves the photo; a press without a drag puts the divider there instead, if one is shown."""

    def __init__(self, canvas: Canvas, position: QPointF) -> None:
        self._canvas = canvas
        self._start = self._last = position
        self._is_click = True

    def drag(self, position: QPointF, pressure: float) -> None:
        if (position - self._start).manhattanLength() > CLICK_DISTANCE:
            self._is_click = False
        step, self._last = position - self._last, position
        self._canvas.pan(step.x(), step.y())

    def release(self) -> None:
        if self._is_click:
            self._canvas.place_split(self._start.x())


class MoveSplit:
    def __init__(self, canvas: Canvas, position: QPointF) -> None:
        self._canvas = canvas
        canvas.place_split(position.x())

    def drag(self, position: QPointF, pressure: float) -> None:
        self._canvas.place_split(position.x())

    def release(self) -> None:
        pass


class Paint:
    def __init__(self, canvas: Canvas, brush: MaskBrush, position: QPointF, pressure: float, *,
                 erases: bool, straight: bool) -> None:
        self._canvas = canvas
        self._brush = brush
        brush.press(self._photo_point(position), erases=erases, straight=straight,
                    pressure=pressure)

    def drag(self, position: QPointF, pressure: float) -> None:
        self._brush.drag(self._photo_point(position), pressure)

    def release(self) -> None:
        self._brush.release()

    def _photo_point(self, position: QPointF) -> Point:
        return self._canvas.viewport.to_image(Point(position.x(), position.y()))
