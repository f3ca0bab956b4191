"""Results of photos that are no longer open: on offer until they are saved or declined."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import Finished
from gdp_desktop.ui.dialogs import ask_folder
from gdp_desktop.ui.message_bar import Message, MessageBar, Offer
from gdp_desktop.ui.workbench import Workbench

MOST_KEPT = 4
TOPIC = "unsaved results"


class UnsavedResults(QObject):
    """The last few of those results; each goes when it lies in a file, and not before."""

    def __init__(self, window: QWidget, workbench: Workbench, bar: MessageBar) -> None:
        super().__init__(window)
        self._window, self._workbench, self._bar = window, workbench, bar
        self._kept: list[tuple[Finished, Mix, Path]] = []
        # Why the last one could not be saved, or kept.
        self._reason = ""

    @property
    def is_empty(self) -> bool:
        return not self._kept

    def add(self, result: Finished, mix: Mix, source: Path) -> None:
        if len(self._kept) == MOST_KEPT:
            (*_, gone), *self._kept = self._kept
            self._reason = f"That of {gone.name} had to go: no more than {MOST_KEPT} are kept."
        self._kept.append((result, mix, source))
        self.offer()

    def note_saved(self, photo: Photo) -> None:
        self._kept = [kept for kept in self._kept if kept[0].photo is not photo]
        if self.is_empty:
            self._bar.withdraw(TOPIC)
        else:
            self._bar.revise(self._offer())

    def note_failed(self, photo: Photo, reason: str) -> bool:
        """``photo`` could not be saved; False if it is none of these."""
        is_one = any(result.photo is photo for result, *_ in self._kept)
        if is_one:
            self._reason = reason
            self.offer()
        return is_one

    def offer(self, *others: Offer) -> None:
        """Says what is not saved yet, with ``others`` beside the choice of saving it."""
        self._bar.say(self._offer(*others))

    def _offer(self, *others: Offer) -> Message:
        counts = Counter(source.name for *_, source in self._kept)
        names = ", ".join(name if n == 1 else f"{n} of {name}" for name, n in counts.items())
        sentence, it = f"{counts.total()} results were not saved: {names}.", "them"
        if counts.total() == 1:
            sentence, it = f"The result of {next(iter(counts))} was not saved.", "it"
        return Message(
            f"{sentence} {self._reason}".strip(),
            (Offer(f"Save {it}", self._save), Offer("Save in a folder…", self._ask_where), *others),
            is_failure=bool(self._reason), topic=TOPIC, declined=self._forget,
        )

    def _save(self, folder: Path | None = None) -> None:
        """Beside their photos, or all in one folder."""
        self._reason = ""
        for result, mix, source in self._kept:
            self._workbench.save_beside(result, mix, source, folder)

    def _ask_where(self) -> None:
        # Who thinks better of it in the dialog still has the choice.
        self.offer()
        ask_folder(self._window, "Save in a folder", self._kept[0][-1].parent, self._save_in)

    def _save_in(self, folders: list[Path]) -> None:
        self._bar.withdraw(TOPIC)
        self._save(folders[0])

    def _forget(self) -> None:
        self._kept, self._reason = [], ""
