"""A heading that folds away what is below it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    def __init__(self, title: str, content: QWidget, *, is_open: bool) -> None:
        super().__init__()
        self._content = content
        self._heading = QToolButton(text=title, checkable=True, checked=is_open)
        self._heading.setObjectName("fold")
        self._heading.setAccessibleName(title)
        self._heading.setToolTip(f"Show or hide “{title}”")
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.toggled.connect(self._unfold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._heading)
        column.addWidget(content)
        self._unfold(is_open)

    def set_open(self, is_open: bool) -> None:
        self._heading.setChecked(is_open)

    def _unfold(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self._heading.setArrowType(arrow)
