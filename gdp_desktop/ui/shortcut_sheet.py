"""Every shortcut in one list, taken from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gdp_desktop.ui.actions import ACTIONS, GESTURES, REDO, UNDO, native, plain


class ShortcutSheet(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(520, 620)
        self._search = QLineEdit(placeholderText="Search", clearButtonEnabled=True)
        self._search.setAccessibleName("Search shortcuts")
        self._search.setToolTip("Show only what contains these letters")
        self._list = QTreeWidget(rootIsDecorated=False, alternatingRowColors=True)
        self._list.setAccessibleName("Shortcuts")
        self._list.setHeaderLabels(["What it does", "Keys"])
        self._list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._list.header().setStretchLastSection(False)
        self._list.addTopLevelItems([QTreeWidgetItem(list(row)) for row in rows()])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self._search)
        column.addWidget(self._list)
        column.addWidget(buttons)
        self._search.textChanged.connect(self._filter)

    def _filter(self, text: str) -> None:
        items = self._list.findItems("", Qt.MatchFlag.MatchContains)
        for item in items:
            item.setHidden(text.lower() not in f"{item.text(0)} {item.text(1)}".lower())


def rows() -> list[tuple[str, str]]:
    """(what it does, keys)"""
    keyed = [(plain(row.text), row.shortcuts) for row in ACTIONS if row.shortcuts]
    keyed += [("Undo", UNDO), ("Redo", REDO)]
    return [*((what, ", ".join(map(native, shortcuts))) for what, shortcuts in keyed),
            *((what, keys) for keys, what in GESTURES)]
