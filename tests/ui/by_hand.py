"""What users do in the window, and what it tells them."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Rect
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.viewport import Point


def message(window: MainWindow) -> str:
    return window.message_bar.text


def take_offer(qtbot: QtBot, window: MainWindow, text: str) -> None:
    def offers() -> list[QPushButton]:
        return [b for b in window.message_bar.findChildren(QPushButton)
                if b.text() == text and not b.isHidden()]

    qtbot.waitUntil(lambda: len(offers()) == 1, timeout=5000)
    offers()[0].click()


def restore(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=5000)


def paint(window: MainWindow, rect: Rect) -> None:
    window.document.mask.pixels[rect.slices] = 255
    window.document.touch_mask(rect)


def place(window: MainWindow, x: float, y: float) -> QPoint:
    """Where a point of the photo is on the canvas."""
    spot = window.canvas.viewport.to_widget(Point(x, y))
    return QPoint(round(spot.x), round(spot.y))
