"""What can be undone. ``QUndoStack.push`` calls ``redo`` at once."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QUndoCommand

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.mask_tiles import TileChange, clearing, differences, unpacked
from gdp_desktop.worker.loader import Result

RESULTS_KEPT = 4
# Bytes of the results that can be gone back to, with what the screen shows of them: all of them for
# photos of 24 megapixels.  What is kept here, the next run does not have.
BUDGET = 1_000_000_000


class ChangeTiles(QUndoCommand):
    """Gives some tiles of the mask other pixels."""

    def __init__(self, document: Document, changes: Sequence[TileChange], text: str) -> None:
        super().__init__(text)
        self._document = document
        self._changes = changes

    def redo(self) -> None:
        for tile in self._changes:
            self._document.mask.write(tile.rect, unpacked(tile.after))
        self._announce()

    def undo(self) -> None:
        for tile in self._changes:
            self._document.mask.write(tile.rect, unpacked(tile.before))
        self._announce()

    def _announce(self) -> None:
        """Once for all tiles: a large mask has a thousand of them."""
        touched = Rect(0, 0, 0, 0)
        for tile in self._changes:
            touched = touched.union(tile.rect)
        if not touched.is_empty:
            self._document.touch_mask(touched)


class PaintStroke(ChangeTiles):
    """A stroke that is on the mask already: the first redo has nothing left to do."""

    def __init__(
        self, document: Document, changes: Sequence[TileChange], *, erased: bool
    ) -> None:
        super().__init__(document, changes, "Erase stroke" if erased else "Brush stroke")
        self._is_painted = True

    def redo(self) -> None:
        if not self._is_painted:
            super().redo()
        self._is_painted = False


class LoadMask(ChangeTiles):
    def __init__(self, document: Document, mask: Mask) -> None:
        super().__init__(document, differences(document.mask, mask), "Load mask")


class ClearMask(ChangeTiles):
    def __init__(self, document: Document) -> None:
        super().__init__(document, clearing(document.mask), "Clear mask")


class InvertMask(QUndoCommand):
    """Undone by inverting once more."""

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
    def __init__(self, document: Document, result: Result) -> None:
        super().__init__("Restore photo")
        self._document = document
        self._before: Result | None = document.result
        self._after: Result | None = result

    def redo(self) -> None:
        self._document.set_result(self._after)

    def undo(self) -> None:
        self._document.set_result(self._before)

    @property
    def results(self) -> set[Result]:
        return {result for result in (self._before, self._after) if result}

    def forget(self) -> None:
        """Undo will pass this step over, and the results it holds may go."""
        self._before = self._after = None
        self.setObsolete(True)


def apply_result(document: Document, result: Result) -> None:
    """One more step of undo, which can always be taken back; results are large, so only the last
    few can be gone back to."""
    stack = document.undo_stack
    # It drops the steps that were undone.
    stack.push(ApplyResult(document, result))
    commands = (stack.command(index) for index in range(stack.index()))
    steps = [command for command in commands if isinstance(command, ApplyResult)]
    kept = steps[-RESULTS_KEPT:]
    while len(kept) > 1 and _bytes(kept) > BUDGET:
        del kept[0]
    for step in steps[: -len(kept)]:
        step.forget()


def _bytes(steps: Sequence[ApplyResult]) -> int:
    return sum(result.bytes for result in set().union(*(step.results for step in steps)))
