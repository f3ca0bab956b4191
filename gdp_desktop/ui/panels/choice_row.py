"""One of a few values with its name, as a list to choose from."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from gdp_desktop.tasks.task import Param
from gdp_desktop.ui.panels.slider_row import ResetLabel, SliderRow, guard_wheel


class ChoiceRow(QWidget):
    changed = Signal(float)

    def __init__(self, param: Param) -> None:
        super().__init__()
        self._param = param
        self._label = ResetLabel(param.label, param.help)
        self._box = QComboBox(toolTip=param.help)
        self._box.setAccessibleName(param.label)
        guard_wheel(self._box)
        for choice in param.choices:
            self._box.addItem(f"{choice:g} {param.unit}".strip(), choice)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label, 1)
        row.addWidget(self._box)
        self._box.currentIndexChanged.connect(self._on_chosen)
        self._label.reset_asked.connect(self.reset)
        self.reset()

    @property
    def value(self) -> float:
        return float(self._box.currentData())

    def set_value(self, value: float) -> None:
        with QSignalBlocker(self._box):
            self._box.setCurrentIndex(self._param.choices.index(value))
        self.changed.emit(value)

    def reset(self) -> None:
        self.set_value(self._param.default)

    def _on_chosen(self) -> None:
        self.changed.emit(self.value)


def row_for(param: Param) -> SliderRow | ChoiceRow:
    """The widget that suits a parameter."""
    return ChoiceRow(param) if param.choices else SliderRow(param)
