"""How the problem is solved: a list of methods, and the settings of the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from gdp_desktop.methods.method import Method
from gdp_desktop.tasks.param import Values
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.panels.param_page import ParamPage

AUTOMATIC = ""
FEWEST_LETTERS = 7


class MethodChoice(QWidget):
    """The page of settings; ``box``, the list of methods, is laid out by the widget around."""

    changed = Signal()

    def __init__(self, methods: Mapping[str, Method]) -> None:
        super().__init__()
        self._methods = methods
        self.box = QComboBox()
        self.box.setMinimumContentsLength(FEWEST_LETTERS)
        self.box.addItem("Automatic", AUTOMATIC)
        self._pages = {AUTOMATIC: ParamPage(())}
        self._pages |= {method.id: ParamPage(method.params) for method in methods.values()}
        for method in methods.values():
            self.box.addItem(_title(method), method.id)
            self._explain(self.box.count() - 1, " ".join(method.help.split()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for page in self._pages.values():
            column.addWidget(page)
            column.addWidget(page.expert)
            page.changed.connect(self.changed)
        self.box.currentIndexChanged.connect(self._on_chosen)
        self._show_page()

    @property
    def method(self) -> str:
        """An id, or "" for the task's own choice."""
        return self.box.currentData()

    @property
    def values(self) -> dict[str, Any]:
        return self._pages[self.method].values

    def set_task(self, task: Task) -> None:
        """Automatic means something else for each task."""
        method = self._methods[task.default_method]
        self.box.setItemText(0, f"Automatic ({method.title})")
        self._explain(0, f"What suits “{task.title}” best: {' '.join(method.help.split())}")
        self._show_page()

    def set_method(self, method: str, values: Values) -> None:
        """Without a signal; an unknown one counts as automatic."""
        with QSignalBlocker(self.box):
            self.box.setCurrentIndex(max(0, self.box.findData(method)))
        self._pages[self.method].set_values(values)
        self._show_page()

    def _explain(self, index: int, sentence: str) -> None:
        self.box.setItemData(index, sentence, Qt.ItemDataRole.ToolTipRole)

    def _on_chosen(self) -> None:
        self._show_page()
        self.changed.emit()

    def _show_page(self) -> None:
        for method, page in self._pages.items():
            page.show_page(method == self.method)
        self.setVisible(not self._pages[self.method].is_empty)
        self.box.setToolTip(self.box.currentData(Qt.ItemDataRole.ToolTipRole))


def _title(method: Method) -> str:
    return f"{method.title} (expert)" if method.expert else method.title
