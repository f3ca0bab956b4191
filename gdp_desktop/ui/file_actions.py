"""Open, add, save, export: asks for the files and hands them to the workbench."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from gdp_desktop.image.files import mask_path, result_path
from gdp_desktop.ui.dialogs import MASKS, RESULTS, ask_folder, ask_photos, ask_target
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.settings import Settings
from gdp_desktop.ui.workbench import Workbench


class FileActions(QObject):
    warned = Signal(str)

    def __init__(
        self, window: QWidget, document: Document, workbench: Workbench, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._document, self._workbench, self._settings = document, workbench, settings

    def open_photo(self) -> None:
        ask_photos(self._window, "Open photo", self._settings.folder, self.take, several=False)

    def add_photos(self) -> None:
        ask_photos(self._window, "Add photos to queue", self._settings.folder, self.enqueue,
                   several=True)

    def add_folder(self) -> None:
        ask_folder(self._window, "Add folder to queue", self._settings.folder, self.enqueue)

    def take(self, paths: list[Path]) -> None:
        """What was chosen or dropped: one photo is opened, several go to the queue."""
        self._remember_folder(paths)
        self._workbench.take(paths)

    def enqueue(self, paths: list[Path]) -> None:
        self._remember_folder(paths)
        self._workbench.enqueue(paths)

    def export_result(self) -> None:
        if path := self._document.path:
            export = self._of_the_open(self._workbench.export)
            ask_target(self._window, "Export result", result_path(path), export, RESULTS)

    def load_mask(self) -> None:
        load = self._of_the_open(self._workbench.load_mask)
        ask_photos(self._window, "Load mask", self._settings.folder, load, several=False)

    def save_mask(self) -> None:
        if path := self._document.path:
            save = self._of_the_open(self._workbench.save_mask)
            ask_target(self._window, "Save mask", mask_path(path), save, MASKS)

    def _remember_folder(self, paths: list[Path]) -> None:
        if paths:
            self._settings.folder = paths[0].parent

    def _of_the_open(self, act: Callable[[Path], None]) -> Callable[[list[Path]], None]:
        """``act`` on the file that is chosen, which is chosen for the photo that is open now."""
        meant = self._document.photo

        def chosen(paths: list[Path]) -> None:
            if self._document.photo is meant:
                act(paths[0])
            else:
                self.warned.emit(
                    "Another photo was opened while you chose a file; choose it again."
                )

        return chosen
