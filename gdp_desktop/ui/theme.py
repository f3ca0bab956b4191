"""Neutral dark grey everywhere, so that nothing on the screen tints the eye; and the icons."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

_PACKAGE = Path(__file__).resolve().parents[1]
# Beside the package in a checkout, inside it when installed from a wheel.
_RESOURCE_FOLDERS = (_PACKAGE.parent / "resources", _PACKAGE / "resources")

WINDOW = QColor(43, 43, 43)
FIELD = QColor(30, 30, 30)
BUTTON = QColor(61, 61, 61)
TEXT = QColor(214, 214, 214)
FAINT = QColor(150, 150, 150)
DISABLED = QColor(110, 110, 110)
ACCENT = QColor(74, 127, 181)
DONE = QColor(112, 173, 112)
FAILED = QColor(224, 108, 96)
DISABLED_OPACITY = 0.3

_COLOURS = {
    QPalette.ColorRole.Window: WINDOW,
    QPalette.ColorRole.WindowText: TEXT,
    QPalette.ColorRole.Base: FIELD,
    QPalette.ColorRole.AlternateBase: QColor(36, 36, 36),
    QPalette.ColorRole.Text: TEXT,
    QPalette.ColorRole.PlaceholderText: FAINT,
    QPalette.ColorRole.Button: BUTTON,
    QPalette.ColorRole.ButtonText: TEXT,
    QPalette.ColorRole.BrightText: QColor(255, 255, 255),
    QPalette.ColorRole.ToolTipBase: QColor(24, 24, 24),
    QPalette.ColorRole.ToolTipText: TEXT,
    QPalette.ColorRole.Highlight: ACCENT,
    QPalette.ColorRole.HighlightedText: QColor(255, 255, 255),
    QPalette.ColorRole.Link: ACCENT.lighter(130),
    QPalette.ColorRole.Light: QColor(82, 82, 82),
    QPalette.ColorRole.Midlight: QColor(70, 70, 70),
    QPalette.ColorRole.Mid: QColor(52, 52, 52),
    QPalette.ColorRole.Dark: QColor(26, 26, 26),
    QPalette.ColorRole.Shadow: QColor(12, 12, 12),
    QPalette.ColorRole.Accent: ACCENT,
}
_FADED = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
    QPalette.ColorRole.PlaceholderText,
)


def apply_theme(app: QApplication) -> None:
    app.setStyle("Fusion")
    app.setPalette(_palette())
    app.setStyleSheet(_resource("theme.qss").read_text(encoding="utf-8"))
    app.setWindowIcon(icon("app"))


def icon(name: str) -> QIcon:
    return QIcon(FadingIcon(str(_resource("icons") / f"{name}.svg")))


class FadingIcon(QIconEngine):
    """An SVG that is faint when it is disabled; Fusion leaves light icons almost as they were."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._picture = QSvgRenderer(path)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        painter.save()
        painter.setOpacity(DISABLED_OPACITY if mode is QIcon.Mode.Disabled else 1.0)
        self._picture.render(painter, QRectF(rect))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        if pixmap.isNull():  # of no size, as while a widget is folded away
            return pixmap
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return FadingIcon(self._path)


def _resource(name: str) -> Path:
    places = [folder / name for folder in _RESOURCE_FOLDERS]
    return next((place for place in places if place.exists()), places[0])


def _palette() -> QPalette:
    palette = QPalette()
    for role, colour in _COLOURS.items():
        palette.setColor(role, colour)
    for role in _FADED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, DISABLED)
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, BUTTON)
    return palette
