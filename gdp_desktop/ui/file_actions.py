"""Open, add, save, export: asks for the files and hands them to the workbench."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from gdp_desktop.image.files import mask_path, result_path
from gdp_desktop.ui.dialogs import MASKS, RESULTS, ask_folder, ask_photos, ask_target
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.settings import Settings
from gdp_desktop.ui.workbench import Workbench


class FileActions(QObject):
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
            ask_target(self._window, "Export result", result_path(path), self._export, RESULTS)

    def load_mask(self) -> None:
        ask_photos(self._window, "Load mask", self._settings.folder, self._load_mask,
                   several=False)

    def save_mask(self) -> None:
        if path := self._document.path:
            ask_target(self._window, "Save mask", mask_path(path), self._save_mask, MASKS)

    def _remember_folder(self, paths: list[Path]) -> None:
        if paths:
            self._settings.folder = paths[0].parent

    def _export(self, paths: list[Path]) -> None:
        self._workbench.export(paths[0])

    def _load_mask(self, paths: list[Path]) -> None:
        self._workbench.load_mask(paths[0])

    def _save_mask(self, paths: list[Path]) -> None:
        self._workbench.save_mask(paths[0])
