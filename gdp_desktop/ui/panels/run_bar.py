"""The one primary button, what it will cost, and how far the restoration has come."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from gdp_desktop.restoration.job import Progress
from gdp_desktop.ui.actions import keys_of
from gdp_desktop.ui.theme import icon
from gdp_desktop.ui.wording import percent, time_left

PARTS = 1000
GETTING_READY = "Getting ready…"


class RunBar(QWidget):
    run_asked = Signal()
    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._is_running = self._is_stopping = self._is_allowed = False
        self._hint = ""
        self._button = QPushButton(objectName="primary")
        self._bar = QProgressBar(textVisible=False)
        self._bar.setAccessibleName("Progress")
        self._text = QLabel(objectName="help", wordWrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 12)
        column.addWidget(self._text)
        column.addWidget(self._bar)
        column.addWidget(self._button)
        self._button.clicked.connect(self._on_clicked)
        self.set_running(False)

    def set_running(self, running: bool) -> None:
        self._is_running, self._is_stopping = running, False
        text = "Cancel" if running else "Restore photo"
        tip = (
            f"Stop restoring ({keys_of('cancel')})" if running
            else f"Restore the open photo ({keys_of('run')})"
        )
        self._button.setText(text)
        self._button.setAccessibleName(text)
        self._button.setToolTip(tip)
        self._button.setIcon(icon("cancel" if running else "run"))
        self._button.setProperty("running", running)
        self._button.style().polish(self._button)
        self._bar.setVisible(running)
        self.show_begun()
        self._show_idle()

    def allow(self, allowed: bool) -> None:
        """Whether there is a photo that can be restored."""
        self._is_allowed = allowed
        self._show_idle()

    def show_hint(self, text: str) -> None:
        """What it will cost, or why it cannot be; seen while nothing runs."""
        self._hint = text
        self._show_idle()

    def show_stopping(self) -> None:
        self._is_stopping = True
        self._button.setEnabled(False)
        self.wait("Stopping…")

    def show_begun(self) -> None:
        """Nothing is waited for any more, and no step has been taken."""
        if self._is_running and not self._is_stopping:
            self.wait(GETTING_READY)

    def wait(self, text: str) -> None:
        """Something goes on, and nobody knows how long."""
        self._text.setText(text)
        self._bar.setRange(0, 0)

    def show_progress(self, progress: Progress) -> None:
        if self._is_stopping:
            return
        share = progress.done / max(1, progress.total)
        self._bar.setRange(0, PARTS)
        self._bar.setValue(round(share * PARTS))
        parts = [percent(share), time_left(progress.seconds_left)]
        self._text.setText(" · ".join(part for part in parts if part))

    def _show_idle(self) -> None:
        self._text.setVisible(self._is_running or bool(self._hint))
        if self._is_running:
            self._button.setEnabled(not self._is_stopping)
        else:
            self._text.setText(self._hint)
            self._button.setEnabled(self._is_allowed)

    def _on_clicked(self) -> None:
        (self.cancel_asked if self._is_running else self.run_asked).emit()
