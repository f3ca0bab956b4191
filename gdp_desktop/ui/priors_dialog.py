"""The priors at hand: what each is, on which terms it may be used, and taking in another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gdp_desktop.priors.catalogue import Known
from gdp_desktop.priors.shelf import PriorInfo
from gdp_desktop.priors.weights import WEIGHTS_SUFFIXES
from gdp_desktop.ui.dialogs import ask_file, ask_folder
from gdp_desktop.ui.wording import file_size
from gdp_desktop.worker.prior_shelf import PriorShelf

COLUMNS = ("Name", "Parameters", "Size", "Licence")
PARTS = 1000
NARROWEST = 110


class PriorsDialog(QDialog):
    def __init__(self, shelf: PriorShelf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Priors")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 380)
        self._shelf = shelf
        self._list = QTreeWidget(rootIsDecorated=False)
        self._about = QLabel(wordWrap=True, objectName="help")
        self._problems = QLabel(wordWrap=True)
        self._bar = QProgressBar(textVisible=False, maximum=PARTS)
        self._said = QLabel(wordWrap=True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._file = self._button("Import file…", "Take in a file of weights")
        self._folder = self._button("Import folder…", "Take in a folder of the diffusers kind")
        self._download = self._button("Download", "Fetch a published prior")
        self._download.setMenu(QMenu(self._download))
        self._stop = self._button("Stop", "Stop taking in this prior")
        self._lay_out()
        self._file.clicked.connect(self._ask_file)
        self._folder.clicked.connect(self._ask_folder)
        self._stop.clicked.connect(shelf.stop)
        self._buttons.rejected.connect(self.reject)
        self._list.currentItemChanged.connect(self._describe)
        shelf.changed.connect(self._renew)
        shelf.progressed.connect(self._on_progressed)
        shelf.imported.connect(self._on_imported)
        shelf.stopped.connect(self._on_stopped)
        shelf.failed.connect(self._say)
        self._renew()
        self._show_state()

    def _button(self, text: str, tip: str) -> QPushButton:
        button = self._buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setAccessibleName(text.rstrip("…"))
        button.setToolTip(tip)
        return button

    def _lay_out(self) -> None:
        self._list.setAccessibleName("Priors")
        self._list.setHeaderLabels(COLUMNS)
        header = self._list.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(NARROWEST)
        self._bar.setAccessibleName("Taking in a prior")
        self._said.hide()
        column = QVBoxLayout(self)
        column.addWidget(self._list, 1)
        for widget in (self._about, self._problems, self._bar, self._said, self._buttons):
            column.addWidget(widget)

    def _renew(self) -> None:
        self._list.clear()
        for prior in self._shelf.priors:
            facts = (f"{prior.parameters / 1e6:.1f} million", file_size(prior.bytes),
                     prior.licence or "not stated")
            item = QTreeWidgetItem([prior.name, *facts])
            item.setToolTip(0, prior.path)
            self._list.addTopLevelItem(item)
        self._problems.setText("\n".join(self._shelf.problems))
        self._problems.setVisible(bool(self._shelf.problems))
        if first := self._list.topLevelItem(0):
            self._list.setCurrentItem(first)
        menu = self._download.menu()
        menu.clear()
        for known in self._shelf.offers:
            text = f"{known.name}, {file_size(known.bytes)}…"
            menu.addAction(text, partial(self._ask_terms, known))

    def _describe(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self._about.setText(_about(self._shelf.priors[self._list.indexOfTopLevelItem(item)]))

    def _ask_file(self) -> None:
        ask_file(self, "Weights", None, self._take_in, WEIGHTS_SUFFIXES)

    def _ask_folder(self) -> None:
        ask_folder(self, "Import a folder of the diffusers kind", Path.home(), self._take_in)

    def _ask_terms(self, known: Known) -> None:
        box = QMessageBox(QMessageBox.Icon.Question, f"Download {known.name}", f"{known.title}.")
        box.setParent(self, Qt.WindowType.Dialog)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setInformativeText(
            f"{known.terms}\n\n{file_size(known.bytes)} from {urlsplit(known.url).hostname}. A "
            f"network of {known.parameters / 1e6:.0f} million parameters; without a graphics card "
            "a photo takes hours."
        )
        agree = box.addButton("Agree and download", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        agree.clicked.connect(partial(self._fetch, known))
        box.open()

    def _fetch(self, known: Known) -> None:
        self._shelf.download(known)
        self._begin(f"Asking for {known.file}…")

    def _take_in(self, paths: list[Path]) -> None:
        self._shelf.take_in(paths[0])
        self._begin(f"Looking at {paths[0].name}…")

    def _begin(self, sentence: str) -> None:
        self._bar.setRange(0, 0)
        self._say(sentence)

    def _on_progressed(self, done: float, total: float) -> None:
        self._bar.setRange(0, PARTS)
        self._bar.setValue(round(done / max(1, total) * PARTS))
        self._say(f"{file_size(int(done))} of {file_size(int(total))}")

    def _on_imported(self, prior: PriorInfo) -> None:
        self._say(f"{prior.name} can be chosen under Advanced now.")
        for item in self._list.findItems(prior.name, Qt.MatchFlag.MatchExactly):
            self._list.setCurrentItem(item)

    def _on_stopped(self) -> None:
        self._say(
            "Stopped. A download goes on from there the next time; of an import nothing is left."
        )

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
        self._said.show()
        self._show_state()

    def _show_state(self) -> None:
        """What can be done now: one prior is taken in at a time."""
        busy = self._shelf.is_busy
        for button in (self._file, self._folder):
            button.setEnabled(not busy)
        self._download.setEnabled(not busy and bool(self._shelf.offers))
        self._stop.setVisible(busy)
        self._bar.setVisible(busy)


def _about(prior: PriorInfo) -> str:
    sentences = [
        f"{prior.title}." if prior.title else "",
        "This is the default." if prior.is_default else "",
        prior.terms,
    ]
    return " ".join(sentence for sentence in sentences if sentence)
