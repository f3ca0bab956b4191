"""Wheels, touchpads and pens, as Qt tells of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QInputDevice, QPointingDevice, QTabletEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.viewport import Point

NO_KEY, NO_BUTTON = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
TOUCHPAD = QPointingDevice(
    "pad", 1, QInputDevice.DeviceType.TouchPad, QPointingDevice.PointerType.Finger,
    QInputDevice.Capability.Position, 5, 1,
)


@pytest.fixture
def opened(window: MainWindow, open_photo: Callable[..., Path]) -> MainWindow:
    open_photo()
    return window


def turn(
    window: MainWindow,
    spot: QPointF,
    notches: int,
    device: QPointingDevice | None = None,
    moved: QPoint | None = None,
) -> None:
    canvas = window.canvas
    device = device or QPointingDevice.primaryPointingDevice()
    event = QWheelEvent(
        spot, canvas.mapToGlobal(spot), moved or QPoint(), QPoint(0, 120 * notches), NO_BUTTON,
        NO_KEY, Qt.ScrollPhase.NoScrollPhase, False,
        Qt.MouseEventSource.MouseEventNotSynthesized, device,
    )
    QApplication.sendEvent(canvas, event)


def test_the_wheel_zooms_where_the_pointer_is(opened: MainWindow) -> None:
    before, spot = opened.canvas.viewport, QPointF(300, 250)
    turn(opened, spot, 3)
    after = opened.canvas.viewport
    assert after.zoom == pytest.approx(before.zoom * 1.25**3)
    assert after.to_image(Point(300, 250)) == pytest.approx(before.to_image(Point(300, 250)))
    turn(opened, spot, -3)
    assert opened.canvas.viewport == before


def test_two_fingers_move_the_photo(opened: MainWindow) -> None:
    opened.canvas.zoom_to(20)
    before = opened.canvas.viewport
    turn(opened, QPointF(300, 250), 0, TOUCHPAD, QPoint(40, -20))
    after = opened.canvas.viewport
    assert after.zoom == before.zoom
    assert after.centre == pytest.approx((before.centre.x - 2, before.centre.y + 1))


def test_two_fingers_move_the_photo_where_only_notches_are_told(opened: MainWindow) -> None:
    """As X11 does it."""
    opened.canvas.zoom_to(20)
    before = opened.canvas.viewport
    turn(opened, QPointF(300, 250), 1, TOUCHPAD)
    after = opened.canvas.viewport
    assert after.zoom == before.zoom
    assert after.centre == pytest.approx((before.centre.x, before.centre.y - 3))


@pytest.mark.parametrize(
    ("pressure", "painted"), [(1.0, True), (0.3, False)], ids=["firmly", "gently"]
)
def test_a_pen_paints_as_wide_as_it_is_pressed(
    opened: MainWindow, pressure: float, painted: bool
) -> None:
    opened.actions_by_id["use_brush"].trigger()
    opened.brush.set_size(20)
    for kind in (QEvent.Type.TabletPress, QEvent.Type.TabletRelease):
        pen(opened, kind, pressure, QPointingDevice.PointerType.Pen)
    mask = opened.document.mask.pixels
    assert mask[40, 48] == 255
    assert bool(mask[40, 56]) is painted


def test_the_other_end_of_the_pen_erases(opened: MainWindow) -> None:
    opened.actions_by_id["use_brush"].trigger()
    opened.document.mask.pixels[:] = 255
    for kind in (QEvent.Type.TabletPress, QEvent.Type.TabletRelease):
        pen(opened, kind, 1.0, QPointingDevice.PointerType.Eraser)
    assert opened.document.mask.pixels[40, 48] == 0


def pen(
    window: MainWindow, kind: QEvent.Type, pressure: float, end: QPointingDevice.PointerType
) -> None:
    device = QPointingDevice(
        "pen", 2, QInputDevice.DeviceType.Stylus, end, QInputDevice.Capability.Pressure, 1, 1
    )
    place = window.canvas.viewport.to_widget(Point(48.5, 40.5))
    spot = QPointF(place.x, place.y)
    left = Qt.MouseButton.LeftButton
    event = QTabletEvent(kind, device, spot, window.canvas.mapToGlobal(spot), pressure, 0, 0, 0,
                         0, 0, NO_KEY, left, left)
    QApplication.sendEvent(window.canvas, event)
