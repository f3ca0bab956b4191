"""One of a few values with its name, as a list to choose from."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from gdp_desktop.tasks.param import Option, Param
from gdp_desktop.ui.panels.slider_row import ResetLabel, guard_wheel

# A long title does not widen the panel; it is cut there and whole in the list.
FEWEST_LETTERS = 7


class ChoiceRow(QWidget):
    """For a Param with choices, whose values are numbers, or an Option, whose values are ids."""

    changed = Signal(object)

    def __init__(self, setting: Param | Option) -> None:
        super().__init__()
        self._default = setting.default
        self._label = ResetLabel(setting.label, setting.help)
        self._box = QComboBox(toolTip=setting.help or setting.label)
        self._box.setAccessibleName(setting.label)
        self._box.setMinimumContentsLength(FEWEST_LETTERS)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._label.setBuddy(self._box)
        guard_wheel(self._box)
        for value, title in _titles(setting):
            self._box.addItem(title, value)
        self._values = [value for value, _ in _titles(setting)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label, 1)
        row.addWidget(self._box)
        self._box.currentIndexChanged.connect(self._on_chosen)
        self._label.reset_asked.connect(self.reset)
        self.reset()

    @property
    def value(self) -> Any:  # noqa: ANN401
        return self._values[self._box.currentIndex()]

    def set_value(self, value: float | str) -> None:
        with QSignalBlocker(self._box):
            self._box.setCurrentIndex(self._values.index(value))
        self.changed.emit(value)

    def reset(self) -> None:
        self.set_value(self._default)

    def _on_chosen(self) -> None:
        self.changed.emit(self.value)


def _titles(setting: Param | Option) -> tuple[tuple[float | str, str], ...]:
    if isinstance(setting, Option):
        return setting.choices
    return tuple((value, f"{value:g} {setting.unit}".strip()) for value in setting.choices)
