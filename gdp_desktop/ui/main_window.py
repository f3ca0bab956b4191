"""The window: docks, menus, drops, and a slot for each action; the work is done elsewhere."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMenu,
    QMessageBox,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.job import Job
from gdp_desktop.ui.actions import REDO, TOOL_BAR, UNDO, Needs, build, enable, fill_menus, plain
from gdp_desktop.ui.canvas import Canvas, Tool
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.drops import accept_as_copy, dropped_paths
from gdp_desktop.ui.empty_hint import EmptyHint
from gdp_desktop.ui.file_actions import FileActions
from gdp_desktop.ui.filmstrip import Filmstrip
from gdp_desktop.ui.forecast import Forecast
from gdp_desktop.ui.mask_brush import MaskBrush
from gdp_desktop.ui.message_bar import Message, MessageBar, Offer
from gdp_desktop.ui.panels import PANELS
from gdp_desktop.ui.panels.panel import Panel, Surroundings
from gdp_desktop.ui.panels.queue_panel import QueuePanel
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.priors_dialog import PriorsDialog
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.settings import STATE_VERSION, Settings
from gdp_desktop.ui.shortcut_sheet import ShortcutSheet
from gdp_desktop.ui.status_line import StatusLine
from gdp_desktop.ui.theme import icon
from gdp_desktop.ui.unsaved_results import UnsavedResults
from gdp_desktop.ui.workbench import Workbench
from gdp_desktop.worker.loader import Loader, Saved
from gdp_desktop.worker.pricer import Pricer
from gdp_desktop.worker.queue import JobQueue

NAME = "GDP Desktop"
PANEL_WIDTH = 330
# A key that is held longer than this shows the original only until it is released.
SECONDS_OF_A_TAP = 0.3
# What a message is about.
CLOSING, SCENE, QUEUE = "closing", "scene", "queue"

P = TypeVar("P", bound=Panel)


class MainWindow(QMainWindow):
    def __init__(
        self,
        queue: JobQueue,
        loader: Loader,
        pricer: Pricer,
        repertoire: Repertoire,
        settings: Settings,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._loader = loader
        self._repertoire = repertoire
        self.document = Document(self)
        self.queue = queue
        self.workbench = Workbench(self.document, queue, loader, repertoire, self)
        self.brush = MaskBrush(self.document, self)
        self.brush.set_hardness(settings.brush_hardness)
        self.canvas = Canvas(self.document, self.brush)
        self.files = FileActions(self, self.document, self.workbench, settings)
        self.message_bar = MessageBar()
        self._unsaved = UnsavedResults(self, self.workbench, self.message_bar)
        self._filmstrip = Filmstrip(self.document, self.workbench.variations, repertoire)
        self._forecast = Forecast(self.document, self.workbench, queue, pricer, self)
        self._hint = EmptyHint()
        self._status = StatusLine(self.document)
        self._original_since = 0.0
        self._is_agreed = False
        self._panels: dict[type[Panel], Panel] = {}
        self._docks: dict[type[Panel], QDockWidget] = {}
        self.actions_by_id = build(self, self._receivers()) | self._undo_actions()
        self._lay_out()
        self._add_panels()
        self._fill_bars()
        self._listen()
        self._restore_layout()
        self._show_title()
        self._refresh()

    def panel(self, kind: type[P]) -> P:
        panel = self._panels[kind]
        assert isinstance(panel, kind)
        return panel

    # How it is put together

    def _lay_out(self) -> None:
        self.setAcceptDrops(True)
        self.resize(1280, 820)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.message_bar)
        column.addWidget(self.canvas, 1)
        column.addWidget(self._filmstrip)
        self.setCentralWidget(middle)
        self.setStatusBar(self._status)
        QVBoxLayout(self.canvas).addWidget(self._hint, 0, Qt.AlignmentFlag.AlignCenter)
        # The panels at the sides are as high as the window; the queue lies under the canvas.
        right = Qt.DockWidgetArea.RightDockWidgetArea
        self.setCorner(Qt.Corner.BottomRightCorner, right)

    def _receivers(self) -> dict[str, QObject]:
        """Whose methods the table of actions may name."""
        return {
            "window": self,
            "canvas": self.canvas,
            "brush": self.brush,
            "files": self.files,
            "workbench": self.workbench,
        }

    def _undo_actions(self) -> dict[str, QAction]:
        stack = self.document.undo_stack
        undo, redo = stack.createUndoAction(self, "Undo"), stack.createRedoAction(self, "Redo")
        for action, name, shortcuts in ((undo, "undo", UNDO), (redo, "redo", REDO)):
            action.setShortcuts([QKeySequence(keys) for keys in shortcuts])
            action.setIcon(icon(name))
            action.setObjectName(name)
        return {"undo": undo, "redo": redo}

    def _add_panels(self) -> None:
        around = Surroundings(
            self.document, self.queue, self.workbench, self.brush, self._repertoire,
            self._forecast, self.actions_by_id,
        )
        for kind in PANELS:
            dock = QDockWidget(kind.title, self, objectName=kind.__name__)
            self._panels[kind] = kind(around)
            self._docks[kind] = dock
            dock.setWidget(self._panels[kind])
            self.addDockWidget(kind.area, dock)
        self._docks[QueuePanel].hide()
        self.resizeDocks([self._docks[TaskPanel]], [PANEL_WIDTH], Qt.Orientation.Horizontal)
        self.panel(TaskPanel).choose_task(self._settings.task)

    def _fill_bars(self) -> None:
        panels = QMenu("&Panels", self)
        panels.addActions([dock.toggleViewAction() for dock in self._docks.values()])
        fill_menus(self, self.actions_by_id | {"panels": panels.menuAction()})
        bar = QToolBar("Tools", self, objectName="tools", movable=False, iconSize=QSize(22, 22))
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for action_id in TOOL_BAR:
            if action_id is None:
                bar.addSeparator()
            else:
                action = self.actions_by_id[action_id]
                bar.addAction(action)
                bar.widgetForAction(action).setAccessibleName(plain(action.text()))
        self.addToolBar(bar)

    def _listen(self) -> None:
        document, bench, tasks = self.document, self.workbench, self.panel(TaskPanel)
        for signal in (document.opened, document.result_changed, document.preview_changed,
                       document.undo_stack.indexChanged, document.others_changed,
                       bench.recipe_changed, bench.running_changed):
            signal.connect(self._refresh)
        # What stood against closing may be gone.
        for signal in (document.modified_changed, bench.running_changed, self.queue.job_ended,
                       document.mask_changed, self._loader.mask_saved):
            signal.connect(self._no_longer_hold_back)
        document.opened.connect(self._on_opened)
        document.modified_changed.connect(self.setWindowModified)
        document.mask_changed.connect(self.message_bar.dismiss)
        self.brush.painting_changed.connect(self._hold_undo)
        self.brush.painting_changed.connect(self._refresh)
        bench.noted.connect(self._status.showMessage)
        bench.informed.connect(self._inform)
        bench.warned.connect(self._warn)
        self.files.warned.connect(self._warn)
        bench.queue_failed.connect(self._tell_of_failures)
        bench.unsaved.connect(self._unsaved.add)
        self._loader.saved.connect(self._on_saved)
        self._loader.save_failed.connect(self._on_save_failed)
        bench.still_running.connect(self._tell_what_runs)
        bench.settled.connect(self._tell_no_more)
        bench.scene_dropped.connect(self._ask_about_scene)
        bench.enqueued.connect(self._docks[QueuePanel].show)
        bench.running_changed.connect(self._on_running)
        tasks.recipe_changed.connect(self._on_recipe_changed)
        tasks.memory_limit_changed.connect(self._on_memory_limit_changed)
        tasks.set_memory_limit(self._settings.memory_limit)
        self._filmstrip.chosen.connect(bench.show_variation)
        self._filmstrip.recipe_wanted.connect(tasks.set_recipe)
        self._hint.open_asked.connect(self.files.open_photo)
        self.actions_by_id["show_original"].toggled.connect(self._note_time)
        self.canvas.zoom_changed.connect(self._status.show_zoom)
        self.canvas.hovered.connect(self._status.show_pixel)
        self.canvas.compare_changed.connect(self._refresh)

    def _restore_layout(self) -> None:
        self.restoreGeometry(self._settings.geometry)
        self.restoreState(self._settings.window_state, STATE_VERSION)

    # What it shows

    def _refresh(self) -> None:
        enable(self.actions_by_id, self._state())
        self.actions_by_id["show_mask"].setChecked(self.canvas.shows_mask)
        self.actions_by_id["use_hand"].setChecked(self.canvas.tool is Tool.HAND)

    def _state(self) -> Needs:
        document = self.document
        facts = {
            Needs.PHOTO: document.photo is not None,
            Needs.RESULT: document.result is not None,
            Needs.COMPARISON: document.result is not None or document.preview is not None,
            Needs.MASK: document.is_painted,
            Needs.RUNNING: self.workbench.is_running,
            Needs.IDLE: not self.workbench.is_running,
            Needs.COMPLETE: not self.workbench.hindrance,
            Needs.NO_STROKE: not self.brush.is_painting,
        }
        state = Needs.NOTHING
        for need, is_met in facts.items():
            state |= need if is_met else Needs.NOTHING
        return state

    def _on_opened(self) -> None:
        self._hint.hide()
        self.message_bar.dismiss()
        self._status.clearMessage()
        self._choose_tool()
        self._show_title()
        self._show_what_comes()

    def _show_title(self) -> None:
        path = self.document.path
        self.setWindowTitle(f"{path.name}[*] – {NAME}" if path else NAME)

    def _on_recipe_changed(self) -> None:
        task = self.workbench.task
        if task.id != self._settings.task:
            self._settings.task = task.id
            self.message_bar.dismiss()
            self._choose_tool()

    def _on_memory_limit_changed(self) -> None:
        gigabytes = self.panel(TaskPanel).memory_limit
        self._settings.memory_limit = gigabytes
        self.workbench.limit_memory(round(gigabytes * 1e9) or None)

    def _choose_tool(self) -> None:
        """The brush is at hand where a mask is needed."""
        if self.document.photo:
            paints = self.workbench.must_be_painted
            self.actions_by_id["use_brush" if paints else "use_hand"].trigger()

    def _hold_undo(self, painting: bool) -> None:
        """A stroke is undone as a whole, once it is done."""
        stack = self.document.undo_stack
        self.actions_by_id["undo"].setEnabled(stack.canUndo() and not painting)
        self.actions_by_id["redo"].setEnabled(stack.canRedo() and not painting)

    def _on_running(self, running: bool) -> None:
        """The mask would cover what is being restored."""
        self._filmstrip.setEnabled(not running)
        if running:
            self.message_bar.dismiss()
            self.canvas.show_mask(False)
            self._show_what_comes()

    def _show_what_comes(self) -> None:
        """Showing the original outlasts neither the photo nor the start of a restoration."""
        self.actions_by_id["show_original"].setChecked(False)
        self.canvas.show_before(False)

    def _inform(self, sentence: str) -> None:
        self.message_bar.inform(sentence)

    def _warn(self, sentence: str) -> None:
        self._status.clearMessage()
        self.message_bar.warn(sentence)

    def _on_saved(self, saved: Saved) -> None:
        self._unsaved.note_saved(saved.photo)

    def _on_save_failed(self, photo: Photo, reason: str) -> None:
        if not self._unsaved.note_failed(photo, reason):
            self._warn(reason)

    def _tell_of_failures(self, sentence: str) -> None:
        self.message_bar.say(Message(
            sentence, (Offer("Show the queue", self._docks[QueuePanel].show),), is_failure=True,
            topic=QUEUE,
        ))

    def _tell_what_runs(self, job: Job) -> None:
        self.message_bar.say(Message(
            f"{job.source.name} is still being restored; you can save it here when it is done.",
            (Offer("Cancel it", partial(self.workbench.cancel_job, job)),),
            topic=str(job.source),
        ))

    def _tell_no_more(self, job: Job) -> None:
        self.message_bar.withdraw(str(job.source))

    def _ask_about_scene(self, paths: list[Path]) -> None:
        title = self.workbench.task.title
        self.message_bar.say(Message(
            f"Are these {len(paths)} photos of one scene, for “{title}”?",
            (Offer("One scene", partial(self.workbench.open_scene, paths)),
             Offer("Restore one by one", partial(self.workbench.enqueue, paths))),
            topic=SCENE,
        ))

    # Slots of actions that concern the window itself

    def show_shortcuts(self) -> None:
        ShortcutSheet(self).open()

    def show_priors(self) -> None:
        PriorsDialog(self._repertoire.shelf, self).open()

    def show_about(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle(f"About {NAME}")
        box.setText(f"<b>{NAME}</b><br>Restores photos with a generative diffusion prior.")
        box.setInformativeText("Everything is computed on this machine; nothing is sent anywhere.")
        box.open()

    def quit(self) -> None:
        self.close()

    # What comes from outside

    def _note_time(self) -> None:
        self._original_since = time.monotonic()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Held down, its key shows the original only for as long; a tap shows it until the next."""
        was_held = time.monotonic() - self._original_since > SECONDS_OF_A_TAP
        action = self.actions_by_id["show_original"]
        is_its_key = QKeySequence(event.key()) == action.shortcut()
        if is_its_key and not event.isAutoRepeat() and was_held:
            action.setChecked(False)
            self.canvas.show_before(False)
        super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if dropped_paths(event.mimeData()):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        accept_as_copy(event)
        self.files.take(dropped_paths(event.mimeData()))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self._is_agreed and not self._may_close():
            event.ignore()
            return
        self._settings.geometry = self.saveGeometry()
        self._settings.window_state = self.saveState(STATE_VERSION)
        self._settings.brush_hardness = self.brush.hardness
        event.accept()

    def _may_close(self, agreed: int = 0) -> bool:
        """Points out first what is not saved, or not done, one thing after the other; the user has
        agreed to lose the first ``agreed`` of them."""
        if agreed < 1 and self.document.is_modified:
            self._hold_back("The result is not saved yet.", Offer("Save it", self.workbench.save),
                            Offer("Close without saving", partial(self._close_but_for, 1)))
        elif agreed < 2 and not self._unsaved.is_empty:
            self._unsaved.offer(Offer("Close without saving", partial(self._close_but_for, 2)))
        elif agreed < 3 and (painted := self.document.unused_masks):
            self._hold_back(
                f"What you painted on {painted[0].name} was neither used nor saved.",
                Offer("Save it…", self.files.save_mask) if painted[0] == self.document.path
                else Offer("Open the photo", partial(self.workbench.open, painted[0])),
                Offer("Close without saving", partial(self._close_but_for, 3)),
            )
        elif self.queue.is_started:
            self._hold_back("The queue is not done yet.",
                            Offer("Cancel the queue and close", self.close_unasked))
        elif source := self._at_work:
            self._hold_back(f"{source.name} is still being restored.",
                            Offer("Cancel it and close", self.close_unasked))
        else:
            return True
        return False

    def _close_but_for(self, agreed: int) -> None:
        if self._may_close(agreed):
            self.close_unasked()

    def close_unasked(self) -> None:
        """Whatever is lost by it has been agreed to."""
        self._is_agreed = True
        self.close()

    @property
    def _at_work(self) -> Path | None:
        """The photo that is being restored, or whose result is not on the canvas yet."""
        if job := self.queue.running_job:
            return job.source
        return self.document.path if self.workbench.is_running else None

    def _no_longer_hold_back(self) -> None:
        self.message_bar.withdraw(CLOSING)

    def _hold_back(self, sentence: str, *offers: Offer) -> None:
        self.message_bar.say(Message(sentence, offers, is_failure=True, topic=CLOSING))
