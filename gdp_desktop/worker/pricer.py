"""What a job will cost, worked out on a thread of its own: photos are read and laid over each other
for it, and nobody who opens or saves one should wait for that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QThread, Signal, Slot

from gdp_desktop.restoration.job import Cancelled, CancelToken, Cost, Job
from gdp_desktop.worker.threads import stop_thread

log = logging.getLogger(__name__)


# None: nothing can be told.  May raise Cancelled.
Price = Callable[[Job, CancelToken], Cost | None]


@dataclass(frozen=True, eq=False)
class Priced:
    """What a job will cost."""

    job: Job
    cost: Cost


class _Worker(QObject):
    """Lives in the pricer's thread."""

    ended = Signal(object)

    def __init__(self, price: Price) -> None:
        super().__init__()
        self._price = price

    @Slot(object, object)
    def tell(self, job: Job, cancel: CancelToken) -> None:
        try:
            cancel.raise_if_cancelled()
            cost = self._price(job, cancel)
        except Cancelled:
            return
        except Exception:
            log.exception("The cost of %s cannot be told.", job.source)
            return
        if cost:
            self.ended.emit(Priced(job, cost))


class Pricer(QObject):
    """Lives in the GUI thread.  Only the job that was asked about last is worked on and announced,
    if anything can be told of it; without a ``price`` nothing ever is."""

    priced = Signal(object)
    _asked = Signal(object, object)

    def __init__(self, price: Price | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._cancel = CancelToken()
        self._thread = QThread()
        if price:
            self._worker = _Worker(price)
            self._worker.moveToThread(self._thread)
            self._asked.connect(self._worker.tell)
            self._worker.ended.connect(self._hand_on)
        self._thread.start()

    def ask(self, job: Job) -> None:
        self.give_up()
        self._job, self._cancel = job, CancelToken()
        self._asked.emit(job, self._cancel)

    def give_up(self) -> None:
        """Nobody wants to know any more."""
        self._cancel.cancel()
        self._job = None

    def shutdown(self, milliseconds: int = 10_000) -> bool:
        """Nothing is lost by not waiting; False if it took longer."""
        self.give_up()
        return stop_thread(self._thread, milliseconds)

    @Slot(object)
    def _hand_on(self, priced: Priced) -> None:
        if priced.job is self._job:
            self.priced.emit(priced)
