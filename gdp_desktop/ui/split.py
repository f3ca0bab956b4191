"""The divider between before and after: where it stands and how it looks."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

REACH = 14
HANDLE_RADIUS = 13
EDGE = 28
_LINE = QColor(255, 255, 255, 220)
_SHADOW = QColor(0, 0, 0, 110)
_CHIP = QColor(20, 20, 20, 170)


class Split:
    """``share`` is how much of the widget's width lies before the divider."""

    def __init__(self) -> None:
        self.share = 0.5

    def x(self, width: int) -> float:
        """Never so near an edge that the handle would be out of reach."""
        return min(max(self.share * width, EDGE), max(EDGE, width - EDGE))

    def place(self, x: float, width: int) -> None:
        self.share = min(max(x / max(1, width), 0.0), 1.0)

    def is_near(self, x: float, width: int) -> bool:
        return abs(x - self.x(width)) <= REACH


def draw_divider(painter: QPainter, x: float, height: int) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((_SHADOW, 4.0), (_LINE, 1.5)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(QPointF(x, 0), QPointF(x, height))
    middle = QPointF(x, height / 2)
    painter.setPen(QPen(_SHADOW, 3))
    painter.setBrush(_LINE)
    painter.drawEllipse(middle, HANDLE_RADIUS, HANDLE_RADIUS)
    painter.setPen(QPen(QColor(40, 40, 40), 1.8, c=Qt.PenCapStyle.RoundCap))
    for side in (-1, 1):
        tip = middle + QPointF(side * 8, 0)
        painter.drawLine(tip, tip + QPointF(-side * 4, -4))
        painter.drawLine(tip, tip + QPointF(-side * 4, 4))
    painter.restore()


def draw_label(painter: QPainter, text: str, corner: QPointF, *, to_left: bool = False) -> None:
    """A small sign whose upper left, or upper right, corner is at ``corner``."""
    metrics = QFontMetricsF(painter.font())
    box = QRectF(corner.x(), corner.y(), metrics.horizontalAdvance(text) + 20, metrics.height() + 8)
    if to_left:
        box.moveRight(corner.x())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_CHIP)
    painter.drawRoundedRect(box, 5, 5)
    painter.setPen(QColor(240, 240, 240))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
