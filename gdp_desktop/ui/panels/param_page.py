"""A row for each setting of a task or a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gdp_desktop.tasks.param import FileParam, Option, Setting, Values, visible
from gdp_desktop.ui.panels.choice_row import ChoiceRow
from gdp_desktop.ui.panels.file_row import FileRow
from gdp_desktop.ui.panels.slider_row import SliderRow

Row = SliderRow | ChoiceRow | FileRow


def row_for(setting: Setting) -> Row:
    """The widget that suits a setting."""
    match setting:
        case FileParam():
            return FileRow(setting)
        case Option():
            return ChoiceRow(setting)
    return ChoiceRow(setting) if setting.choices else SliderRow(setting)


class ParamPage(QWidget):
    """The values stay while another page is shown, or while a row does not matter.

    ``expert`` holds the rows that hardly anybody needs, to be shown somewhere else.
    """

    changed = Signal()

    def __init__(self, settings: Sequence[Setting]) -> None:
        super().__init__()
        self._settings = {setting.key: setting for setting in settings}
        self._rows = {key: row_for(setting) for key, setting in self._settings.items()}
        self.expert = QWidget()
        columns = {False: _column(self), True: _column(self.expert)}
        for key, row in self._rows.items():
            columns[self._settings[key].expert].addWidget(row)
            row.changed.connect(self._on_changed)
        self._show_what_matters()

    @property
    def is_empty(self) -> bool:
        return not self._rows

    def show_page(self, shown: bool) -> None:
        """Both halves of it; a half without rows takes no room."""
        kinds = {setting.expert for setting in self._settings.values()}
        self.setVisible(shown and False in kinds)
        self.expert.setVisible(shown and True in kinds)

    @property
    def values(self) -> dict[str, Any]:
        return {key: row.value for key, row in self._rows.items()}

    def set_values(self, values: Values) -> None:
        """What is not given goes back to its default."""
        for key, row in self._rows.items():
            if key in values:
                row.set_value(values[key])
            else:
                row.reset()

    def row(self, key: str) -> Row:
        return self._rows[key]

    def _on_changed(self) -> None:
        self._show_what_matters()
        self.changed.emit()

    def _show_what_matters(self) -> None:
        values = self.values
        for key, setting in self._settings.items():
            self._rows[key].setVisible(visible(setting, values))


def _column(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(10)
    return column
