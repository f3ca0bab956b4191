"""The photo view that hands, brushes and wheels work on."""

from __future__ import annotations

import math
from enum import Enum

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QWidget

from gdp_desktop.ui.document import Document
from gdp_desktop.ui.gestures import Gesture, MoveSplit, Paint, Pan
from gdp_desktop.ui.mask_brush import MaskBrush
from gdp_desktop.ui.photo_view import PhotoView
from gdp_desktop.ui.viewport import Point

ZOOM_PER_NOTCH = 1.25
UNITS_PER_NOTCH = 120
# A notch of a wheel moves a page by about three lines of text.
PIXELS_PER_UNIT = 60 / UNITS_PER_NOTCH
SMALLEST_CIRCLE = 3


class Tool(Enum):
    HAND = "hand"
    BRUSH = "brush"


class Canvas(PhotoView):
    """Left button: the tool. Right button: erase. Middle button or Space: move the photo."""

    hovered = Signal(object)

    def __init__(self, document: Document, brush: MaskBrush, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._brush = brush
        self._tool = Tool.HAND
        self._gesture: Gesture | None = None
        self._button = Qt.MouseButton.NoButton  # the one that began the gesture
        self._cursor: QPointF | None = None
        self._is_space_held = False
        self.setAccessibleName("Photo")
        self.setAccessibleDescription("The open photo; paint here what to restore.")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        document.opened.connect(self._start_afresh)
        brush.changed.connect(self._on_brush_changed)

    @property
    def tool(self) -> Tool:
        return self._tool

    def use_hand(self) -> None:
        self._use(Tool.HAND)

    def use_brush(self) -> None:
        self._brush.set_erases(False)
        self._use(Tool.BRUSH)

    def use_eraser(self) -> None:
        self._brush.set_erases(True)
        self._use(Tool.BRUSH)

    def _use(self, tool: Tool) -> None:
        self._tool = tool
        if tool is Tool.BRUSH:
            self.show_mask(True)
        self._renew_cursor()
        self.update()

    def zoom_at_cursor(self) -> None:
        """Between the whole photo and 100 %, where the mouse is."""
        self.toggle_zoom(self._cursor)

    def zoom_in(self) -> None:
        self.zoom_by(ZOOM_PER_NOTCH)

    def zoom_out(self) -> None:
        self.zoom_by(1 / ZOOM_PER_NOTCH)

    def show_actual_size(self) -> None:
        self.zoom_to(1.0)

    def _start_afresh(self) -> None:
        self._gesture = None
        self._renew_cursor()

    def _on_brush_changed(self) -> None:
        self._renew_cursor()
        self.update()

    # The brush circle

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        if self._cursor is not None and self._shows_circle:
            self._draw_circle(QPainter(self), self._cursor, self._circle_radius)

    def _draw_circle(self, painter: QPainter, middle: QPointF, radius: float) -> None:
        erasing = Qt.PenStyle.DashLine if self._brush.erases else Qt.PenStyle.SolidLine
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 150), 3.0))
        painter.drawEllipse(middle, radius, radius)
        painter.setPen(QPen(QColor(255, 255, 255), 1.2, erasing))
        painter.drawEllipse(middle, radius, radius)

    @property
    def _circle_radius(self) -> float:
        return self._brush.size / 2 * self.viewport.scale

    @property
    def _shows_circle(self) -> bool:
        has_brush = self._tool is Tool.BRUSH and not self._is_space_held
        return has_brush and self.has_photo and self._circle_radius >= SMALLEST_CIRCLE

    def _move_circle(self, position: QPointF | None) -> None:
        self._update_circle()
        self._cursor = position
        self._update_circle()

    def _update_circle(self) -> None:
        if self._cursor is not None and self._shows_circle:
            reach = math.ceil(self._circle_radius) + 3
            middle = self._cursor.toPoint()
            self.update(QRect(middle.x() - reach, middle.y() - reach, 2 * reach + 1, 2 * reach + 1))

    def _renew_cursor(self) -> None:
        self.setCursor(self._cursor_shape())

    def _cursor_shape(self) -> Qt.CursorShape:
        if not self.has_photo:
            return Qt.CursorShape.ArrowCursor
        if isinstance(self._gesture, Pan):
            return Qt.CursorShape.ClosedHandCursor
        if isinstance(self._gesture, MoveSplit) or self._is_over_split:
            return Qt.CursorShape.SplitHCursor
        if self._is_space_held or self._tool is Tool.HAND:
            return Qt.CursorShape.OpenHandCursor
        return Qt.CursorShape.BlankCursor if self._shows_circle else Qt.CursorShape.CrossCursor

    @property
    def _is_over_split(self) -> bool:
        return self._cursor is not None and self.is_near_split(self._cursor.x())

    # Mouse and tablet

    def _press(self, position: QPointF, button: Qt.MouseButton, keys: Qt.KeyboardModifier,
               pressure: float = 1.0) -> None:
        if self.has_photo and self._gesture is None:
            self._gesture = self._begin(position, button, keys, pressure)
            self._button = button
            self._renew_cursor()

    def _begin(self, position: QPointF, button: Qt.MouseButton, keys: Qt.KeyboardModifier,
               pressure: float) -> Gesture | None:
        is_left = button is Qt.MouseButton.LeftButton
        if button is Qt.MouseButton.MiddleButton or (is_left and self._is_space_held):
            return Pan(self, position)
        if is_left and self.is_near_split(position.x()):
            return MoveSplit(self, position)
        if self._tool is Tool.BRUSH and (is_left or button is Qt.MouseButton.RightButton):
            erases = not is_left or bool(keys & Qt.KeyboardModifier.AltModifier)
            straight = bool(keys & Qt.KeyboardModifier.ShiftModifier)
            return Paint(self, self._brush, position, pressure, erases=erases, straight=straight)
        return Pan(self, position) if is_left else None

    def _move(self, position: QPointF, pressure: float = 1.0) -> None:
        if self._gesture:
            self._gesture.drag(position, pressure)
        self._move_circle(position)
        self._renew_cursor()
        self.hovered.emit(self.viewport.to_image(Point(position.x(), position.y())))

    def _release(self) -> None:
        gesture, self._gesture = self._gesture, None
        if gesture:
            gesture.release()
        self._renew_cursor()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._press(event.position(), event.button(), event.modifiers())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._move(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() is self._button:
            self._release()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._tool is Tool.HAND and not self.has_split:
            self.toggle_zoom(event.position())
        else:
            self.mousePressEvent(event)

    def tabletEvent(self, event: QTabletEvent) -> None:  # noqa: N802
        is_eraser = event.pointerType() is QPointingDevice.PointerType.Eraser
        match event.type():
            case QEvent.Type.TabletPress:
                button = Qt.MouseButton.RightButton if is_eraser else event.button()
                self._press(event.position(), button, event.modifiers(), event.pressure())
            case QEvent.Type.TabletMove:
                self._move(event.position(), event.pressure())
            case QEvent.Type.TabletRelease:
                self._release()
        # Without this Qt sends the same as mouse events.
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        is_touchpad = event.device().type() is QPointingDevice.DeviceType.TouchPad
        if is_touchpad and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            # X11 counts a touchpad, too, in parts of a notch.
            moved = event.pixelDelta()
            moved = moved if not moved.isNull() else event.angleDelta() * PIXELS_PER_UNIT
            self.pan(moved.x(), moved.y())
        else:
            notches = event.angleDelta().y() / UNITS_PER_NOTCH
            self.zoom_by(ZOOM_PER_NOTCH**notches, event.position())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1 + event.value(), event.position())
            return True
        return super().event(event)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        # Keys work where the mouse is, except while somebody is typing a number.
        if not isinstance(QApplication.focusWidget(), QAbstractSpinBox | QLineEdit):
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._move_circle(None)
        self.hovered.emit(None)

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        self._hold_space(event, True)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        self._hold_space(event, False)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # Whoever has the focus next hears that the key is let go.
        self._set_space_held(False)
        super().focusOutEvent(event)

    def _hold_space(self, event: QKeyEvent, held: bool) -> None:
        if event.key() != Qt.Key.Key_Space:
            event.ignore()
        elif not event.isAutoRepeat():
            self._set_space_held(held)

    def _set_space_held(self, held: bool) -> None:
        self._update_circle()
        self._is_space_held = held
        self._update_circle()
        self._renew_cursor()
