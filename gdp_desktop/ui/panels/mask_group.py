"""Brush and mask: how to paint, and what to do with what is painted."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from gdp_desktop.tasks.param import Param
from gdp_desktop.ui.actions import keys_of, plain
from gdp_desktop.ui.mask_brush import MAX_SIZE, MIN_SIZE, MaskBrush
from gdp_desktop.ui.panels.slider_row import SliderRow

TOOLS = ("use_brush", "use_eraser")
BUTTONS = ("clear_mask", "invert_mask", "load_mask", "save_mask")


class MaskGroup(QWidget):
    def __init__(self, brush: MaskBrush, actions: Mapping[str, QAction]) -> None:
        super().__init__()
        self._brush = brush
        keys = f"({keys_of('shrink_brush')} and {keys_of('grow_brush')})"
        size = Param("size", "Brush size", 40, MIN_SIZE, MAX_SIZE, 1, "px",
                     f"How wide the brush is {keys}.")
        keys = f"({keys_of('soften_brush')} and {keys_of('harden_brush')})"
        hardness = Param("hardness", "Hardness", 80, 0, 100, 1, "%",
                         f"How sharp the edge of the brush is {keys}.")
        self._size = SliderRow(size, logarithmic=True)
        self._hardness = SliderRow(hardness)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(_button_row(actions))
        column.addWidget(self._size)
        column.addWidget(self._hardness)
        self._size.changed.connect(brush.set_size)
        self._hardness.changed.connect(self._set_hardness)
        brush.changed.connect(self._follow)
        self._follow()

    def _set_hardness(self, percent: float) -> None:
        self._brush.set_hardness(percent / 100)

    def _follow(self) -> None:
        """The brush is also changed by keys and by opening a photo."""
        if self._size.value != self._brush.size:
            self._size.set_value(self._brush.size)
        percent = round(self._brush.hardness * 100)
        if round(self._hardness.value) != percent:
            self._hardness.set_value(percent)


def _button_row(actions: Mapping[str, QAction]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(2)
    for action_id in TOOLS:
        row.addWidget(_button(actions[action_id]))
    row.addStretch(1)
    for action_id in BUTTONS:
        row.addWidget(_button(actions[action_id]))
    return row


def _button(action: QAction) -> QToolButton:
    button = QToolButton(autoRaise=True, iconSize=QSize(20, 20))
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setAccessibleName(plain(action.text()))
    return button
