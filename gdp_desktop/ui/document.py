"""What is open: a photo, its mask, the result, and the way back."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import Preview
from gdp_desktop.ui.kept_masks import KeptMask, KeptMasks
from gdp_desktop.ui.mask_tiles import painted_copy
from gdp_desktop.worker.loader import Opened, Result

UNDO_LIMIT = 200


class Document(QObject):
    """One open photo at most; whoever changes something here lets the signals tell the rest."""

    opened = Signal()
    mask_changed = Signal(object)
    others_changed = Signal()
    # Another mask is about to take the place of this one.
    mask_arrives = Signal()
    result_changed = Signal()
    preview_changed = Signal()
    amount_changed = Signal()
    modified_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_LIMIT)
        self._source: Opened | None = None
        self._mask = Mask.empty(Size(1, 1))
        self._snapshot: Mask | None = None
        self._is_painted: bool | None = False
        self._is_mask_used = False
        self._kept_masks = KeptMasks()
        self._others: tuple[Path, ...] = ()
        self._result: Result | None = None
        # How much of a result the file that holds it was mixed of.
        self._saved: WeakKeyDictionary[Photo, float] = WeakKeyDictionary()
        self._preview: Preview | None = None
        self._amount = Mix().amount

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
        """As large as the photo; whoever changes it in place calls ``touch_mask`` afterwards."""
        return self._mask

    @property
    def is_painted(self) -> bool:
        """Whether the mask has anything in it; looked up at most once after each change."""
        if self._is_painted is None:
            self._is_painted = not self._mask.is_empty
        return self._is_painted

    def mask_for_job(self) -> Mask | None:
        """A copy of the mask, the same one until it changes; None if nothing is painted."""
        if self._snapshot is None and self.is_painted:
            self._snapshot = painted_copy(self._mask)
        return self._snapshot

    def note_mask_used(self, mask: Mask | None) -> None:
        """``mask`` is in a file now, or in a restoration; more may have been painted since."""
        self._is_mask_used |= mask is not None and mask is self._snapshot

    @property
    def unused_masks(self) -> list[Path]:
        """The photos on which was painted for nothing so far, the open one first."""
        own = self.path if self.is_painted and not self._is_mask_used else None
        return [path for path in (own, *self._kept_masks.unused) if path]

    @property
    def others(self) -> tuple[Path, ...]:
        """Further photos of the same scene."""
        return self._others

    @property
    def result(self) -> Result | None:
        return self._result

    @property
    def preview(self) -> Preview | None:
        """What a running job thinks of the whole photo at the moment."""
        return self._preview

    @property
    def mix(self) -> Mix:
        """How much of the result, and of what is emerging, is seen and saved."""
        return Mix(self._amount, self.photo if self._amount < 1 else None)

    def set_amount(self, amount: float) -> None:
        """Of the results of this photo and of the next ones."""
        self._amount = amount
        self.amount_changed.emit()
        self.modified_changed.emit(self.is_modified)

    @property
    def is_modified(self) -> bool:
        """Whether there is a result that no file holds as it is seen."""
        result = self._result
        return result is not None and self._saved.get(result.photo) != self._amount

    def open(self, opened: Opened) -> None:
        """What was painted on the photo when it was open before is there again."""
        if self._source and self.is_painted:
            self._kept_masks.keep(KeptMask.of(self._source.path, self._mask, self._is_mask_used))
        self.undo_stack.clear()
        self._source = opened
        self._mask = Mask.empty(opened.photo.size)
        kept = self._kept_masks.take(opened.path, opened.photo.size)
        if kept:
            kept.write_to(self._mask)
        self._snapshot, self._is_painted = None, kept is not None
        self._is_mask_used = kept is not None and kept.is_used
        self._others = ()
        self._result = self._preview = None
        self.opened.emit()
        self.others_changed.emit()
        self.modified_changed.emit(False)

    def touch_mask(self, rect: Rect) -> None:
        self._snapshot = self._is_painted = None
        self._is_mask_used = False
        self.mask_changed.emit(rect)

    def set_others(self, others: tuple[Path, ...]) -> None:
        self._others = others
        self.others_changed.emit()

    def show_preview(self, preview: Preview | None) -> None:
        self._preview = preview
        self.preview_changed.emit()

    def set_result(self, result: Result | None) -> None:
        """Called by undo commands, and to show another of the results."""
        self._result = result
        self.result_changed.emit()
        self.modified_changed.emit(self.is_modified)

    def note_saved(self, photo: Photo, amount: float) -> None:
        """So much of ``photo`` is in a file now; it may no longer be what is shown."""
        self._saved[photo] = amount
        self.modified_changed.emit(self.is_modified)
