"""The priors at hand: what each is, on which terms it may be used, and taking in another."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

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
        self._bar = QProgressBar(textVisible=False, maximum=PARTS)
        self._said = QLabel(wordWrap=True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._file = self._button("Import file…", "Take in a file of weights")
        self._folder = self._button("Import folder…", "Take in a folder of the diffusers kind")
        self._lay_out()
        self._file.clicked.connect(self._ask_file)
        self._folder.clicked.connect(self._ask_folder)
        self._buttons.rejected.connect(self.reject)
        self._list.currentItemChanged.connect(self._describe)
        shelf.changed.connect(self._renew)
        shelf.imported.connect(self._on_imported)
        shelf.progressed.connect(self._on_progressed)
        shelf.failed.connect(self._on_failed)
        self._renew()

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
        self._bar.setAccessibleName("Import")
        self._bar.hide()
        self._said.hide()
        column = QVBoxLayout(self)
        column.addWidget(self._list, 1)
        for widget in (self._about, self._bar, self._said, self._buttons):
            column.addWidget(widget)

    def _renew(self) -> None:
        self._list.clear()
        for prior in self._shelf.priors:
            facts = (f"{prior.parameters / 1e6:.1f} million", file_size(prior.bytes),
                     prior.licence or "not stated")
            item = QTreeWidgetItem([prior.name, *facts])
            item.setToolTip(0, prior.path)
            self._list.addTopLevelItem(item)
        if first := self._list.topLevelItem(0):
            self._list.setCurrentItem(first)

    def _describe(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self._about.setText(_about(self._shelf.priors[self._list.indexOfTopLevelItem(item)]))

    def _ask_file(self) -> None:
        ask_file(self, "Weights", None, self._take_in, WEIGHTS_SUFFIXES)

    def _ask_folder(self) -> None:
        ask_folder(self, "Import a folder of the diffusers kind", Path.home(), self._take_in)

    def _take_in(self, paths: list[Path]) -> None:
        self._enable(False)
        self._bar.setRange(0, 0)
        self._say(f"Looking at {paths[0].name}…")
        self._shelf.take_in(paths[0])

    def _on_progressed(self, share: float) -> None:
        self._bar.setRange(0, PARTS)
        self._bar.setValue(round(share * PARTS))

    def _on_imported(self, prior: PriorInfo) -> None:
        self._enable(True)
        self._say(f"{prior.name} can be chosen under Advanced now.")
        for item in self._list.findItems(prior.name, Qt.MatchFlag.MatchExactly):
            self._list.setCurrentItem(item)

    def _on_failed(self, sentence: str) -> None:
        self._enable(True)
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
        self._said.show()

    def _enable(self, enabled: bool) -> None:
        self._file.setEnabled(enabled)
        self._folder.setEnabled(enabled)
        self._bar.setVisible(not enabled)


def _about(prior: PriorInfo) -> str:
    sentences = [
        f"{prior.title}." if prior.title else "",
        "This is the default." if prior.is_default else "",
        prior.terms,
    ]
    return " ".join(sentence for sentence in sentences if sentence)
