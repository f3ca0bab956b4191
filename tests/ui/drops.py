"""Files dragged onto a widget and let go there."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

HOW = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)


def accepts(target: QWidget, *paths: Path) -> bool:
    """Whether the widget, or one that it lies in, takes the files."""
    data = files(*paths)  # an event does not keep it alive
    event = QDragEnterEvent(QPoint(9, 9), Qt.DropAction.CopyAction, data, *HOW)
    event.ignore()
    QApplication.sendEvent(target, event)
    return event.isAccepted()


def drop(target: QWidget, *paths: Path) -> None:
    assert accepts(target, *paths)
    data = files(*paths)
    # With Shift a file manager proposes to move, and deletes the file if that is accepted.
    both = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    event = QDropEvent(
        QPointF(9, 9), both, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    )
    assert event.proposedAction() is Qt.DropAction.MoveAction
    QApplication.sendEvent(target, event)
    assert event.isAccepted() and event.dropAction() is Qt.DropAction.CopyAction


def files(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data
