"""What is open: a photo, its mask, the result, and the way back."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.job import Preview
from gdp_desktop.worker.loader import Opened, Prepared

UNDO_LIMIT = 200


class Document(QObject):
    """One open photo at most; whoever changes something here lets the signals tell the rest."""

    opened = Signal()
    mask_changed = Signal(object)
    result_changed = Signal()
    preview_changed = Signal()
    modified_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_LIMIT)
        self._source: Opened | None = None
        self._mask = Mask.empty(Size(1, 1))
        self._result: Prepared | None = None
        self._saved: Photo | None = None
        self._preview: Preview | None = None

    @property
    def source(self) -> Opened | None:
        return self._source

    @property
    def photo(self) -> Photo | None:
        return self._source.photo if self._source else None

    @property
    def path(self) -> Path | None:
        return self._source.path if self._source else None

    @property
    def mask(self) -> Mask:
        """As large as the photo; to be changed in place only by who then calls ``touch_mask``."""
        return self._mask

    @property
    def result(self) -> Prepared | None:
        return self._result

    @property
    def preview(self) -> Preview | None:
        """What a running job thinks of the whole photo at the moment."""
        return self._preview

    @property
    def is_modified(self) -> bool:
        """Whether there is a result that no file holds."""
        return self._result is not None and self._result.photo is not self._saved

    def open(self, opened: Opened) -> None:
        self.undo_stack.clear()
        self._source = opened
        self._mask = Mask.empty(opened.photo.size)
        self._result = self._saved = self._preview = None
        self.opened.emit()
        self.modified_changed.emit(False)

    def touch_mask(self, rect: Rect) -> None:
        self.mask_changed.emit(rect)

    def show_preview(self, preview: Preview | None) -> None:
        self._preview = preview
        self.preview_changed.emit()

    def set_result(self, result: Prepared | None) -> None:
        """Called by undo commands only."""
        self._result = result
        self.result_changed.emit()
        self.modified_changed.emit(self.is_modified)

    def note_saved(self, photo: Photo) -> None:
        """``photo`` is in a file now; it may no longer be the result that is shown."""
        self._saved = photo
        self.modified_changed.emit(self.is_modified)
