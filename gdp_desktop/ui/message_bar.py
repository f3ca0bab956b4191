"""One sentence above the canvas instead of a dialog, with a button or two if there is a choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from gdp_desktop.ui.theme import icon

SECONDS_TO_READ = 8


@dataclass(frozen=True)
class Offer:
    """A button of a message: its text and what it does."""

    text: str
    accept: Callable[[], object]


@dataclass(frozen=True, eq=False)
class Message:
    """A sentence; with offers it stays until one of them is taken, or it is ``declined``.

    Of several with the same ``topic`` only the last one counts.
    """

    sentence: str
    offers: tuple[Offer, ...] = ()
    is_failure: bool = False
    topic: str = ""
    declined: Callable[[], object] = lambda: None

    @property
    def stays(self) -> bool:
        """Good news without a choice goes away by itself."""
        return bool(self.offers) or self.is_failure


class MessageBar(QFrame):
    """Hidden while there is nothing to say.

    What was said last is seen.  What stays and was covered by it is seen again afterwards.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._staying: list[Message] = []
        self._passing: Message | None = None
        self._shown: Message | None = None
        self._label = QLabel(wordWrap=True)
        self._buttons = QHBoxLayout()
        self._timer = QTimer(self, singleShot=True, interval=1000 * SECONDS_TO_READ)
        self._timer.timeout.connect(self._pass)
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

    def inform(self, sentence: str) -> None:
        self.say(Message(sentence))

    def warn(self, sentence: str) -> None:
        """It stays until it is closed, or something else goes on or goes wrong."""
        self._forget_failures()
        self.say(Message(sentence, is_failure=True))

    def say(self, message: Message) -> None:
        self._timer.stop()
        self._passing = None
        if message.stays:
            self._staying = [m for m in self._staying if not m.topic or m.topic != message.topic]
            self._staying.append(message)
        else:
            self._passing = message
            self._timer.start()
        self._show_last()

    def revise(self, message: Message) -> None:
        """Replaces the message of the same topic, if there is one, without saying it again."""
        self._staying = [message if m.topic == message.topic else m for m in self._staying]
        self._show_last()

    def withdraw(self, topic: str) -> None:
        """Takes a message away, as the choice it offers was made elsewhere."""
        self._staying = [m for m in self._staying if m.topic != topic]
        self._show_last()

    def dismiss(self) -> None:
        """Something else goes on now; an offer that still stands is not taken away."""
        self._passing = None
        self._forget_failures()
        self._show_last()

    def _forget_failures(self) -> None:
        self._staying = [message for message in self._staying if message.offers]

    def _pass(self) -> None:
        self._passing = None
        self._show_last()

    def _close(self) -> None:
        message = self._shown
        self._take_away(message)
        if message:
            message.declined()

    def _accept(self, message: Message, offer: Offer) -> None:
        self._take_away(message)
        offer.accept()

    def _take_away(self, message: Message | None) -> None:
        self._staying = [m for m in self._staying if m is not message]
        self._pass()

    def _show_last(self) -> None:
        message = self._passing or (self._staying[-1] if self._staying else None)
        if message is self._shown:
            return
        self._shown = message
        if message is None:
            self.hide()
            return
        self._label.setText(message.sentence)
        self.setAccessibleName(message.sentence)
        self._replace_buttons(message)
        self.setProperty("failure", message.is_failure)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _replace_buttons(self, message: Message) -> None:
        while item := self._buttons.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for offer in message.offers:
            button = QPushButton(offer.text, accessibleName=offer.text)
            button.clicked.connect(partial(self._accept, message, offer))
            self._buttons.addWidget(button)

    def _closer(self) -> QToolButton:
        closer = QToolButton(autoRaise=True, toolTip="Close this message")
        closer.setAccessibleName("Close message")
        closer.setIcon(icon("cancel"))
        closer.clicked.connect(self._close)
        return closer
