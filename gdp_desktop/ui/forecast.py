"""What a restoration will cost, worked out shortly after something that matters has changed."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from gdp_desktop.ui.document import Document
from gdp_desktop.ui.wording import cost_in_words
from gdp_desktop.ui.workbench import Workbench
from gdp_desktop.worker.pricer import Priced, Pricer
from gdp_desktop.worker.queue import JobQueue

# Not while a slider is still being dragged.
MILLISECONDS_OF_REST = 300


class Forecast(QObject):
    """``changed`` brings a sentence, "" while nothing can be told."""

    changed = Signal(str)

    def __init__(
        self, document: Document, workbench: Workbench, queue: JobQueue, pricer: Pricer,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workbench, self._queue, self._pricer = workbench, queue, pricer
        self._is_busy = False
        self._timer = QTimer(self, singleShot=True, interval=MILLISECONDS_OF_REST)
        self._timer.timeout.connect(self._ask)
        pricer.priced.connect(self._on_priced)
        for signal in (document.opened, document.mask_changed, document.others_changed,
                       workbench.recipe_changed, workbench.running_changed):
            signal.connect(self._forget)
        queue.changed.connect(self._on_queue_changed)

    def _on_queue_changed(self) -> None:
        """A prior that is timed beside a job, of whatever photo, would seem slow for good."""
        is_busy = self._queue.running_job is not None
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._forget()

    def _forget(self) -> None:
        """An answer to an old question is of no use, and the job that begins needs the cores."""
        self._pricer.give_up()
        self.changed.emit("")
        self._timer.start()

    def _ask(self) -> None:
        bench = self._workbench
        job = None if self._is_busy or bench.is_running or bench.hindrance else bench.job()
        if job:
            self._pricer.ask(job)

    def _on_priced(self, priced: Priced) -> None:
        self.changed.emit(cost_in_words(priced.cost.seconds, priced.cost.bytes))
