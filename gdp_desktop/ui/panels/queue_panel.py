"""The photos that are restored one after the other."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
)

from gdp_desktop.ui.drops import accept_as_copy, dropped_paths
from gdp_desktop.ui.panels.panel import Panel, Surroundings
from gdp_desktop.ui.panels.photo_lists import on_delete, paint_invitation
from gdp_desktop.ui.panels.queue_delegate import QueueDelegate
from gdp_desktop.worker.queue import JobQueue, JobState, Row

INVITATION = "Drop several photos or a folder here to restore them one after the other."


class QueueView(QListView):
    """Says what it is for while it is empty."""

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, 150)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        paint_invitation(self, INVITATION, margin=16)


class QueuePanel(Panel):
    title = "Queue"
    area = Qt.DockWidgetArea.BottomDockWidgetArea

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._queue: JobQueue = around.queue
        self._workbench = around.workbench
        self._view = QueueView()
        self._count = QLabel(objectName="help")
        self._start = _button("Start", "Restore the waiting photos one after the other")
        self._revise = _button("Use current settings",
                               "Give the waiting photos the settings and mask shown now")
        self._clear = _button("Clear finished", "Take what is over off the list")
        self._set_up_view(around)
        self._lay_out()
        self._listen()
        self.setAcceptDrops(True)
        self._refresh()

    def _set_up_view(self, around: Surroundings) -> None:
        view = self._view
        view.setModel(self._queue)
        view.setItemDelegate(QueueDelegate(around.repertoire.tasks, view))
        # Else thousands of rows are measured one by one.
        view.setUniformItemSizes(True)
        view.setAccessibleName("Queue of photos")
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        on_delete(view, self.remove_selected)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 6, 8, 0)
        buttons.addWidget(self._start)
        buttons.addWidget(self._revise)
        buttons.addWidget(self._clear)
        buttons.addStretch(1)
        buttons.addWidget(self._count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self._view)

    def _listen(self) -> None:
        self._queue.changed.connect(self._refresh)
        self._queue.job_started.connect(self._scroll_to_running)
        self._start.clicked.connect(self._start_or_stop)
        self._revise.clicked.connect(self._workbench.revise_waiting)
        self._clear.clicked.connect(self._queue.clear_ended)
        self._view.customContextMenuRequested.connect(self._show_menu)
        self._view.doubleClicked.connect(self._open_selected)

    def _refresh(self) -> None:
        waiting = self._queue.count(JobState.WAITING)
        total = self._queue.rowCount()
        self._start.setText("Stop" if self._queue.is_started else "Start")
        self._start.setEnabled(self._queue.is_started or waiting > 0)
        self._revise.setEnabled(waiting > 0)
        self._clear.setEnabled(any(row.state.is_over for row in self._queue.rows))
        done = self._queue.count(JobState.DONE)
        self._count.setText(f"{done} of {total} done" if total else "")
        self._view.viewport().update()

    def _scroll_to_running(self) -> None:
        for number, row in enumerate(self._queue.rows):
            if row.state is JobState.RUNNING:
                self._view.scrollTo(self._queue.index(number))

    def _start_or_stop(self) -> None:
        if self._queue.is_started:
            self._queue.stop()
        else:
            self._queue.start()

    def _selected(self) -> list[Row]:
        rows = self._queue.rows
        return [rows[index.row()] for index in self._view.selectedIndexes()]

    def _show_menu(self, place: QPoint) -> None:
        if menu := self._menu():
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self._view.viewport().mapToGlobal(place))

    def _menu(self) -> QMenu | None:
        rows = self._selected()
        if not rows:
            return None
        menu = QMenu(self)
        entries = (
            ("Open", self._open_selected, True),
            ("Show result in folder", self._show_results, any(row.saved_to for row in rows)),
            ("Cancel", self._cancel_selected, any(not row.state.is_over for row in rows)),
            ("Try again", self._retry_selected, any(row.state.is_over for row in rows)),
            ("Remove", self.remove_selected, True),
        )
        for text, slot, is_possible in entries:
            action = menu.addAction(text, slot)
            action.setEnabled(is_possible)
        return menu

    def _open_selected(self) -> None:
        for row in self._selected()[:1]:
            self._workbench.open(row.job.source)

    def _show_results(self) -> None:
        for folder in {row.saved_to.parent for row in self._selected() if row.saved_to}:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _cancel_selected(self) -> None:
        for row in self._selected():
            self._queue.cancel(self._queue.rows.index(row))

    def _retry_selected(self) -> None:
        for row in self._selected():
            self._queue.retry(self._queue.rows.index(row))

    def remove_selected(self) -> None:
        for row in self._selected():
            self._queue.remove(self._queue.rows.index(row))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if dropped_paths(event.mimeData()):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        accept_as_copy(event)
        self._workbench.enqueue(dropped_paths(event.mimeData()))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text, toolTip=tip)
    button.setAccessibleName(text)
    return button
