"""What lists of photos have in common: an invitation while they are empty, and a key to remove."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView

from gdp_desktop.ui import theme


def paint_invitation(view: QAbstractItemView, text: str, margin: int) -> None:
    """Says in the middle of an empty list what belongs in it; to be called by its paintEvent."""
    if view.model().rowCount() == 0:
        painter = QPainter(view.viewport())
        painter.setPen(theme.FAINT)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(view.viewport().rect().adjusted(margin, 0, -margin, 0), flags, text)


def on_delete(view: QAbstractItemView, remove: Callable[[], None]) -> None:
    """The Delete key removes what is selected, while the list has the keyboard."""
    action = QAction("Remove", view, shortcut=QKeySequence.StandardKey.Delete)
    action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    action.triggered.connect(remove)
    view.addAction(action)
