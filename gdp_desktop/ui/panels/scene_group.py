"""Further photos of the open one's scene, for the tasks that take them: a bracket, a guide."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.dialogs import ask_photos
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.drops import accept_as_copy, dropped_paths
from gdp_desktop.ui.panels.photo_lists import on_delete, paint_invitation

HEIGHT = 96
INVITATION = "Drop the other photos of this scene here."
OPEN_FIRST = "Open one photo of the scene first."


class SceneGroup(QWidget):
    """Asks for photos to be added or removed; the document holds them."""

    added = Signal(object)
    removed = Signal(object)

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._list = _List()
        self._add = QPushButton("Add photos…", toolTip="Choose further photos of the same scene")
        self._remove = QPushButton("Remove", toolTip="Take the selected photos out of the scene")
        for button in (self._add, self._remove):
            button.setAccessibleName(button.text().rstrip("…"))
        self.setAcceptDrops(True)
        self._lay_out()
        self._add.clicked.connect(self._ask)
        self._remove.clicked.connect(self._remove_selected)
        self._list.itemSelectionChanged.connect(self._enable)
        on_delete(self._list, self._remove_selected)
        document.opened.connect(self._enable)
        document.others_changed.connect(self._renew)
        self._renew()

    def set_task(self, task: Task) -> None:
        fewest, most = task.others
        number = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        self._list.setToolTip(f"{task.title} takes {number} further photos of the same scene.")

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list)
        column.addLayout(buttons)

    def _renew(self) -> None:
        self._list.clear()
        for path in self._document.others:
            item = QListWidgetItem(path.name)
            item.setToolTip(str(path))
            self._list.addItem(item)
        self._enable()

    def _enable(self) -> None:
        is_open = self._document.photo is not None
        self._list.invitation = INVITATION if is_open else OPEN_FIRST
        self._list.viewport().update()
        self._add.setEnabled(is_open)
        self._remove.setEnabled(bool(self._list.selectedItems()))

    def _ask(self) -> None:
        if path := self._document.path:
            ask_photos(self, "Add photos of the same scene", path.parent, self.added.emit,
                       several=True)

    def _remove_selected(self) -> None:
        rows = [index.row() for index in self._list.selectedIndexes()]
        self.removed.emit([self._document.others[row] for row in rows])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Without an open photo the window gets what is dropped, and opens it."""
        paths = dropped_paths(event.mimeData())
        if self._document.photo and any(not path.is_dir() for path in paths):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        accept_as_copy(event)
        self.added.emit(dropped_paths(event.mimeData()))


class _List(QListWidget):
    """Says what belongs in it while it is empty."""

    invitation = OPEN_FIRST

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Further photos of the scene")
        self.setFixedHeight(HEIGHT)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.NoDragDrop)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        paint_invitation(self, self.invitation, margin=8)
