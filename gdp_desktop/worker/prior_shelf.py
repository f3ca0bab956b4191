"""The priors at hand, listed and added to on a thread of their own: some are gigabytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QThread, Signal, Slot

from gdp_desktop.priors.catalogue import Known
from gdp_desktop.priors.importing import OnBytes
from gdp_desktop.priors.shelf import PriorInfo, Survey
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import Cancelled, CancelToken
from gdp_desktop.restoration.throttle import Throttle
from gdp_desktop.worker.threads import stop_thread

SECONDS_BETWEEN_PROGRESS = 0.05

Taking = Callable[[OnBytes], PriorInfo]


class ImportPrior(Protocol):
    """Copies a file or folder to where priors lie."""

    def __call__(self, source: Path, *, on_bytes: OnBytes) -> PriorInfo: ...


class DownloadPrior(Protocol):
    """Fetches a published prior to where priors lie, or goes on with it."""

    def __call__(self, known: Known, *, on_bytes: OnBytes) -> PriorInfo: ...


class _Worker(QObject):
    """Lives in the shelf's thread."""

    listed = Signal(object)
    imported = Signal(object)
    progressed = Signal(float, float)
    stopped = Signal()
    failed = Signal(str)

    def __init__(self, survey: Callable[[], Survey]) -> None:
        super().__init__()
        self._survey = survey
        self._throttle = Throttle(SECONDS_BETWEEN_PROGRESS)

    @Slot()
    def look(self) -> None:
        try:
            self.listed.emit(self._survey())
        except Exception as error:
            self.failed.emit(sentence_of(error, "Listing the priors"))

    @Slot(object, object)
    def take(self, taking: Taking, token: CancelToken) -> None:
        def on_bytes(done: int, total: int) -> None:
            token.raise_if_cancelled()
            if self._throttle.is_open():
                self.progressed.emit(done, total)

        try:
            info = taking(on_bytes)
            self.listed.emit(self._survey())
            self.imported.emit(info)
        except Cancelled:
            self.stopped.emit()
        except Exception as error:
            self.failed.emit(sentence_of(error, "Taking in the prior"))


class PriorShelf(QObject):
    """Lives in the GUI thread; ``priors`` are those that were last listed, the default first,
    ``problems`` a sentence for each that cannot be used, and ``offers`` the published ones that can
    be downloaded.  ``changed`` is heard when the first list is there, and of every later one.

    One prior is taken in at a time: ``progressed`` (bytes done, of all) is heard of it, and then
    ``imported``, ``stopped`` or ``failed``.
    """

    changed = Signal()
    imported = Signal(object)
    progressed = Signal(float, float)
    stopped = Signal()
    failed = Signal(str)
    _asked = Signal(object, object)
    _asked_to_look = Signal()

    def __init__(
        self,
        survey: Callable[[], Survey],
        import_prior: ImportPrior,
        download: DownloadPrior,
        offers: Sequence[Known],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.priors: tuple[PriorInfo, ...] = ()
        self.problems: tuple[str, ...] = ()
        self._import_prior, self._download, self._offers = import_prior, download, offers
        self._token: CancelToken | None = None
        self._worker = _Worker(survey)
        self._thread = QThread()
        self._worker.moveToThread(self._thread)
        self._asked.connect(self._worker.take)
        self._asked_to_look.connect(self._worker.look)
        self._worker.listed.connect(self._on_listed)
        self._worker.progressed.connect(self._on_progressed)
        self._worker.imported.connect(self._on_imported)
        self._worker.stopped.connect(self._on_stopped)
        self._worker.failed.connect(self._on_failed)
        self._thread.start()
        self._asked_to_look.emit()

    @property
    def is_busy(self) -> bool:
        return self._token is not None

    @property
    def offers(self) -> tuple[Known, ...]:
        """The published priors that are not here yet."""
        here = {prior.name for prior in self.priors}
        return tuple(known for known in self._offers if known.name not in here)

    def take_in(self, source: Path) -> None:
        """Check a weights file, or a folder of the diffusers kind, and copy it."""
        self._begin(lambda on_bytes: self._import_prior(source, on_bytes=on_bytes))

    def download(self, known: Known) -> None:
        """Fetch a published prior, or the rest of it; the user has agreed to its terms."""

        def taking(on_bytes: OnBytes) -> PriorInfo:
            return self._download(
                known, on_bytes=lambda done, total: on_bytes(done, total or known.bytes)
            )

        self._begin(taking)

    def stop(self) -> None:
        """What is copied leaves nothing behind; what is downloaded goes on the next time."""
        if self._token is not None:
            self._token.cancel()

    def shutdown(self, milliseconds: int = 5000) -> bool:
        self.stop()
        return stop_thread(self._thread, milliseconds)

    def _begin(self, taking: Taking) -> None:
        self._token = CancelToken()
        self._asked.emit(taking, self._token)

    @Slot(object)
    def _on_listed(self, found: Survey) -> None:
        self.priors, self.problems = tuple(found.priors), tuple(found.problems)
        self.changed.emit()

    @Slot(float, float)
    def _on_progressed(self, done: float, total: float) -> None:
        self.progressed.emit(done, total)

    @Slot(object)
    def _on_imported(self, info: PriorInfo) -> None:
        self._token = None
        self.imported.emit(info)

    @Slot()
    def _on_stopped(self) -> None:
        self._token = None
        self.stopped.emit()

    @Slot(str)
    def _on_failed(self, sentence: str) -> None:
        self._token = None
        self.failed.emit(sentence)
