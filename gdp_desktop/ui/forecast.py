"""What a restoration will cost, worked out shortly after something that matters has changed."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from gdp_desktop.ui.document import Document
from gdp_desktop.ui.wording import cost_in_words
from gdp_desktop.ui.workbench import Workbench
from gdp_desktop.worker.pricer import Priced, Pricer

# Not while a slider is still being dragged.
MILLISECONDS_OF_REST = 300


class Forecast(QObject):
    """``changed`` brings a sentence, "" while nothing can be told."""

    changed = Signal(str)

    def __init__(
        self, document: Document, workbench: Workbench, pricer: Pricer, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._workbench, self._pricer = workbench, pricer
        self._timer = QTimer(self, singleShot=True, interval=MILLISECONDS_OF_REST)
        self._timer.timeout.connect(self._ask)
        pricer.priced.connect(self._on_priced)
        for signal in (document.opened, document.mask_changed, document.others_changed,
                       workbench.recipe_changed, workbench.running_changed):
            signal.connect(self._forget)

    def _forget(self) -> None:
        """An answer to an old question is of no use, and the job that begins needs the cores."""
        self._pricer.give_up()
        self.changed.emit("")
        self._timer.start()

    def _ask(self) -> None:
        job = self._workbench.job()
        if job and not self._workbench.hindrance and not self._workbench.is_running:
            self._pricer.ask(job)

    def _on_priced(self, priced: Priced) -> None:
        self.changed.emit(cost_in_words(priced.cost.seconds, priced.cost.bytes))
