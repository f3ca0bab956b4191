"""Puts the program together, shows its window, and takes it apart again."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from gdp_desktop.methods import METHODS
from gdp_desktop.priors.catalogue import offered
from gdp_desktop.priors.download import download
from gdp_desktop.priors.importing import import_prior
from gdp_desktop.priors.shelf import survey
from gdp_desktop.restoration.estimate import price
from gdp_desktop.restoration.restore import restore
from gdp_desktop.tasks import TASKS
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.screen import drop_cv2_qt_paths, has_display
from gdp_desktop.ui.settings import APPLICATION, ORGANIZATION, Settings
from gdp_desktop.ui.theme import apply_theme
from gdp_desktop.worker.loader import Loader
from gdp_desktop.worker.pricer import Price, Pricer
from gdp_desktop.worker.prior_shelf import PriorShelf
from gdp_desktop.worker.queue import JobQueue
from gdp_desktop.worker.runner import Restore, Runner

HEARTBEAT = 300

log = logging.getLogger(__name__)


def run(files: list[Path]) -> int:
    """Show the window, with these files open, until it is closed; returns the exit status."""
    if not has_display():
        sys.stderr.write("There is no screen to open a window on; set DISPLAY or use 'restore'.\n")
        return 1
    faulthandler.enable()
    drop_cv2_qt_paths()
    QCoreApplication.setOrganizationName(ORGANIZATION)
    QCoreApplication.setApplicationName(APPLICATION)
    app = QApplication(sys.argv[:1])
    apply_theme(app)
    shelf = PriorShelf(survey, import_prior, download, offered())
    program = Program(restore, Repertoire(TASKS, METHODS, shelf), price)
    sys.excepthook = program.mishaps.report
    # Python hears Ctrl-C only when Qt lets it run.
    heartbeat = QTimer(app, interval=HEARTBEAT)
    heartbeat.timeout.connect(program.mishaps.listen)
    heartbeat.start()
    program.window.show()
    if files:
        program.window.files.take([file.absolute() for file in files])
    status = app.exec()
    if not program.shutdown():
        # A job that does not let go of its thread would keep the process alive, or abort it.
        os._exit(status)
    return status


class Mishaps(QObject):
    """Unexpected exceptions, which may come from any thread, brought to the GUI thread."""

    happened = Signal(str)
    interrupted = Signal()

    @Slot()
    def listen(self) -> None:
        """Nothing to do: being called is enough for Python to look after its signals."""

    def report(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            # quit() would ask every window.
            self.interrupted.emit()
            QCoreApplication.exit()
            return
        log.error("unexpected", exc_info=(kind, error, trace))
        self.happened.emit(
            f"Something unexpected happened ({kind.__name__}: {error}); please report it."
        )


class Program:
    """All long-lived objects, made in the order in which they need each other."""

    def __init__(
        self, restore: Restore, repertoire: Repertoire, price: Price | None = None
    ) -> None:
        self.shelf = repertoire.shelf
        self.runner = Runner(restore)
        self.loader = Loader()
        self.pricer = Pricer(price)
        self.queue = JobQueue(self.runner)
        try:
            self.window = MainWindow(self.queue, self.loader, self.pricer, repertoire, Settings())
        except BaseException:
            # Qt aborts the process over a thread that runs when it is let go of.
            self.shutdown()
            raise
        self.mishaps = Mishaps()
        self.mishaps.happened.connect(self.window.message_bar.warn)
        self.mishaps.interrupted.connect(self.window.close_unasked)

    def shutdown(self) -> bool:
        """Cancel what runs and wait for it; False if something stays busy."""
        self.queue.stop()
        parts = (self.pricer, self.runner, self.loader, self.shelf)
        stopped = [part.shutdown() for part in parts]
        return all(stopped)
