"""One sentence above the canvas instead of a dialog, with a button or two if there is a choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from gdp_desktop.ui.theme import icon

SECONDS_TO_READ = 8


@dataclass(frozen=True)
class Offer:
    """A button of a message: its text and what it does."""

    text: str
    accept: Callable[[], object]


class MessageBar(QFrame):
    """Hidden while there is nothing to say; good news goes away by itself."""

    declined = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._has_offers = False
        self._label = QLabel(wordWrap=True)
        self._buttons = QHBoxLayout()
        self._timer = QTimer(self, singleShot=True, interval=1000 * SECONDS_TO_READ)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._label, 1)
        row.addLayout(self._buttons)
        row.addWidget(self._closer())
        self.hide()

    @property
    def text(self) -> str:
        """What is being said; empty when the bar is hidden."""
        return "" if self.isHidden() else self._label.text()

    def inform(self, sentence: str, *offers: Offer) -> None:
        """With offers it stays until one is taken or the bar is closed."""
        self._show(sentence, offers, failure=False)
        if not offers:
            self._timer.start()

    def warn(self, sentence: str, *offers: Offer) -> None:
        self._show(sentence, offers, failure=True)

    def dismiss(self) -> None:
        """Something else goes on now; an offer that still stands is not taken away."""
        if not self._has_offers:
            self.hide()

    def _show(self, sentence: str, offers: tuple[Offer, ...], *, failure: bool) -> None:
        self._timer.stop()
        self._label.setText(sentence)
        self.setAccessibleName(sentence)
        self._has_offers = bool(offers)
        self._replace_buttons(offers)
        self.setProperty("failure", failure)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _replace_buttons(self, offers: tuple[Offer, ...]) -> None:
        while item := self._buttons.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for offer in offers:
            button = QPushButton(offer.text, accessibleName=offer.text)
            button.clicked.connect(self.hide)
            button.clicked.connect(offer.accept)
            self._buttons.addWidget(button)

    def _closer(self) -> QToolButton:
        closer = QToolButton(autoRaise=True, toolTip="Close this message")
        closer.setAccessibleName("Close message")
        closer.setIcon(icon("cancel"))
        closer.clicked.connect(self.hide)
        closer.clicked.connect(self.declined)
        return closer
