"""The priors at hand, listed and added to on a thread of their own: some are gigabytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QThread, Signal, Slot

from gdp_desktop.priors.shelf import PriorInfo
from gdp_desktop.restoration.job import Cancelled, CancelToken
from gdp_desktop.worker.runner import stop_thread

SECONDS_BETWEEN_PROGRESS = 0.05


class ImportPrior(Protocol):
    """Copies a file or folder to where priors lie; ``on_bytes`` (done, total) may raise to stop."""

    def __call__(
        self, source: Path, *, on_bytes: Callable[[int, int], None]
    ) -> PriorInfo: ...


class _Worker(QObject):
    """Lives in the shelf's thread."""

    listed = Signal(object)
    imported = Signal(object)
    progressed = Signal(float)
    failed = Signal(str)

    def __init__(
        self, list_priors: Callable[[], Sequence[PriorInfo]], import_prior: ImportPrior
    ) -> None:
        super().__init__()
        self.token = CancelToken()
        self._list_priors, self._import_prior = list_priors, import_prior
        self._next = 0.0

    @Slot(object)
    def take_in(self, source: Path) -> None:
        try:
            info = self._import_prior(source, on_bytes=self._on_bytes)
            self.listed.emit(list(self._list_priors()))
            self.imported.emit(info)
        except Cancelled:
            pass
        except Exception as error:
            self.failed.emit(str(error) or type(error).__name__)

    def _on_bytes(self, done: int, total: int) -> None:
        self.token.raise_if_cancelled()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_PROGRESS
            self.progressed.emit(done / max(1, total))


class PriorShelf(QObject):
    """Lives in the GUI thread; ``priors`` are those that were last listed, the default first."""

    changed = Signal()
    imported = Signal(object)
    progressed = Signal(float)
    failed = Signal(str)
    _asked = Signal(object)

    def __init__(
        self,
        list_priors: Callable[[], Sequence[PriorInfo]],
        import_prior: ImportPrior,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.priors = tuple(list_priors())
        self._worker = _Worker(list_priors, import_prior)
        self._thread = QThread()
        self._worker.moveToThread(self._thread)
        self._asked.connect(self._worker.take_in)
        self._worker.listed.connect(self._on_listed)
        self._worker.imported.connect(self._on_imported)
        self._worker.progressed.connect(self._on_progressed)
        self._worker.failed.connect(self._on_failed)
        self._thread.start()

    def take_in(self, source: Path) -> None:
        """Check a weights file, or a folder of the diffusers kind, and copy it."""
        self._asked.emit(source)

    def shutdown(self, milliseconds: int = 5000) -> bool:
        """Stops in mid-copy, which leaves nothing behind."""
        self._worker.token.cancel()
        return stop_thread(self._thread, milliseconds)

    @Slot(object)
    def _on_listed(self, priors: list[PriorInfo]) -> None:
        self.priors = tuple(priors)
        self.changed.emit()

    @Slot(object)
    def _on_imported(self, info: PriorInfo) -> None:
        self.imported.emit(info)

    @Slot(float)
    def _on_progressed(self, share: float) -> None:
        self.progressed.emit(share)

    @Slot(str)
    def _on_failed(self, sentence: str) -> None:
        self.failed.emit(sentence)
