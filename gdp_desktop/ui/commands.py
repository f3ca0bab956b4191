"""What can be undone. ``QUndoStack.push`` calls ``redo`` at once."""

from __future__ import annotations

import zlib

from PySide6.QtGui import QUndoCommand

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.ui.document import Document
from gdp_desktop.worker.loader import Prepared


class ReplaceRegion(QUndoCommand):
    """Other mask pixels in a rectangle; keeps only that rectangle, packed."""

    def __init__(self, document: Document, rect: Rect, before: bytes, after: bytes,
                 text: str) -> None:
        super().__init__(text)
        self._document = document
        self._rect = rect
        self._before, self._after = zlib.compress(before, 1), zlib.compress(after, 1)

    def redo(self) -> None:
        self._write(self._after)

    def undo(self) -> None:
        self._write(self._before)

    def _write(self, packed: bytes) -> None:
        self._document.mask.write(self._rect, zlib.decompress(packed))
        self._document.touch_mask(self._rect)


class PaintStroke(ReplaceRegion):
    """A stroke that is on the mask already: the first redo has nothing left to do."""

    def __init__(self, document: Document, rect: Rect, before: bytes, *, erased: bool) -> None:
        text = "Erase stroke" if erased else "Brush stroke"
        super().__init__(document, rect, before, document.mask.read(rect), text)
        self._is_painted = True

    def redo(self) -> None:
        if not self._is_painted:
            super().redo()
        self._is_painted = False


class ClearMask(ReplaceRegion):
    def __init__(self, document: Document) -> None:
        rect = document.mask.bounds()
        before = document.mask.read(rect)
        super().__init__(document, rect, before, bytes(len(before)), "Clear mask")


class LoadMask(ReplaceRegion):
    def __init__(self, document: Document, mask: Mask) -> None:
        rect = document.mask.bounds().union(mask.bounds())
        super().__init__(
            document, rect, document.mask.read(rect), mask.read(rect), "Load mask"
        )


class InvertMask(QUndoCommand):
    """Its own undo."""

    def __init__(self, document: Document) -> None:
        super().__init__("Invert mask")
        self._document = document

    def redo(self) -> None:
        pixels = self._document.mask.pixels
        pixels ^= 255
        self._document.touch_mask(Rect(0, 0, *self._document.mask.size))

    def undo(self) -> None:
        self.redo()


class ApplyResult(QUndoCommand):
    def __init__(self, document: Document, result: Prepared) -> None:
        super().__init__("Restore photo")
        self._document = document
        self._before, self._after = document.result, result

    def redo(self) -> None:
        self._document.set_result(self._after)

    def undo(self) -> None:
        self._document.set_result(self._before)
