"""One job at a time on one long-lived thread; everything else talks to the Runner only.

Slots of the worker thread are reached by queued signals. A job is cancelled through its own token,
because a slot of a busy thread would not run before the job ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, QThread, Signal, Slot

from gdp_desktop.image.errors import shown
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import (
    Cancelled,
    CancelToken,
    Event,
    Finished,
    Job,
    Preview,
    Progress,
    Started,
    Status,
)
from gdp_desktop.restoration.throttle import Throttle
from gdp_desktop.worker.mailbox import Mailbox
from gdp_desktop.worker.threads import stop_thread

# The third argument hears of the progress between two events, from the same thread.
Restore = Callable[[Job, CancelToken, Callable[[Progress], None]], Iterator[Event]]

SECONDS_BETWEEN_PROGRESS = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a result, or with one sentence, or neither when it was cancelled."""

    job: Job
    status: Status
    finished: Finished | None = None
    error: str = ""


class _Worker(QObject):
    """Lives in the worker thread."""

    started = Signal(object)
    progress = Signal(object)
    preview_waiting = Signal()
    ended = Signal(object)

    def __init__(self, restore: Restore) -> None:
        super().__init__()
        self.previews: Mailbox[Preview] = Mailbox()
        self._restore = restore
        self._throttle = Throttle(SECONDS_BETWEEN_PROGRESS)

    @Slot(object, object)
    def run(self, job: Job, token: CancelToken) -> None:
        self.ended.emit(self._outcome(job, token))

    def _outcome(self, job: Job, token: CancelToken) -> Outcome:
        try:
            token.raise_if_cancelled()
            finished = self._follow(self._restore(job, token, self._report))
        except Cancelled:
            return Outcome(job, "cancelled")
        except Exception as error:
            return Outcome(job, "failed", error=sentence_of(error, shown(job.source)))
        if finished is None:
            return Outcome(job, "failed", error="The restoration ended without a result.")
        return Outcome(job, "done", finished)

    def _follow(self, events: Iterator[Event]) -> Finished | None:
        finished = None
        for event in events:
            match event:
                case Preview():
                    self._post(event)
                case Progress():
                    self._report(event)
                case Started():
                    self.started.emit(event)
                case Finished():
                    finished = event
        return finished

    def _post(self, preview: Preview) -> None:
        preview.pixels.flags.writeable = False
        if self.previews.put(preview):
            self.preview_waiting.emit()

    def _report(self, progress: Progress) -> None:
        if self._throttle.is_open() or progress.done >= progress.total:
            self.progress.emit(progress)


class Runner(QObject):
    """Lives in the GUI thread and starts jobs; ``ended`` comes exactly once for each."""

    started = Signal(object)
    progress = Signal(object)
    preview = Signal(object)
    ended = Signal(object)
    _submitted = Signal(object, object)

    def __init__(self, restore: Restore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._token: CancelToken | None = None
        self._worker = _Worker(restore)
        self._thread = QThread()
        self._worker.moveToThread(self._thread)
        self._submitted.connect(self._worker.run)
        self._worker.started.connect(self._hand_on_start)
        self._worker.progress.connect(self._hand_on_progress)
        self._worker.preview_waiting.connect(self._hand_on_preview)
        self._worker.ended.connect(self._hand_on_end)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._token is not None

    def start(self, job: Job) -> None:
        """Only when no job runs; the queue sees to that."""
        if self.is_busy:
            raise RuntimeError("a job is already running")
        self._token = CancelToken()
        self._submitted.emit(job, self._token)

    def cancel(self) -> None:
        if self._token:
            self._token.cancel()

    def shutdown(self, milliseconds: int = 5000) -> bool:
        """Cancel and wait; False if the job did not let go of the thread in that time."""
        self.cancel()
        return stop_thread(self._thread, milliseconds)

    @Slot(object)
    def _hand_on_start(self, started: Started) -> None:
        self.started.emit(started)

    @Slot(object)
    def _hand_on_progress(self, progress: Progress) -> None:
        self.progress.emit(progress)

    @Slot()
    def _hand_on_preview(self) -> None:
        if (preview := self._worker.previews.take()) is not None:
            self.preview.emit(preview)

    @Slot(object)
    def _hand_on_end(self, outcome: Outcome) -> None:
        self._token = None
        self.ended.emit(outcome)
