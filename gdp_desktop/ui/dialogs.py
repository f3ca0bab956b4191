"""File dialogs that do not block: each calls back with what was chosen, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from gdp_desktop.image.formats import OPENED_SUFFIXES, SAVED_SUFFIXES

PHOTOS, RESULTS = (
    "Photos ({})".format(" ".join(sorted(f"*{suffix}" for suffix in suffixes)))
    for suffixes in (OPENED_SUFFIXES, SAVED_SUFFIXES)
)
EVERYTHING = "All files (*)"
MASKS = "PNG picture (*.png)"

Then = Callable[[list[Path]], None]


def ask_photos(parent: QWidget, title: str, folder: Path, then: Then, *, several: bool) -> None:
    dialog = _dialog(parent, title, folder, then)
    mode = QFileDialog.FileMode
    dialog.setFileMode(mode.ExistingFiles if several else mode.ExistingFile)
    dialog.setNameFilters([PHOTOS, EVERYTHING])
    dialog.open()


def ask_file(
    parent: QWidget, title: str, folder: Path | None, then: Then, suffixes: Sequence[str]
) -> None:
    """Without a folder it begins where the last dialog ended."""
    dialog = _dialog(parent, f"Choose “{title}”", folder, then)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    kinds = " ".join(f"*{suffix}" for suffix in sorted(suffixes))
    dialog.setNameFilters([f"{title} ({kinds})", EVERYTHING])
    dialog.open()


def ask_folder(parent: QWidget, title: str, folder: Path, then: Then) -> None:
    dialog = _dialog(parent, title, folder, then)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.open()


def ask_target(parent: QWidget, title: str, proposal: Path, then: Then, filters: str) -> None:
    """Asks before an existing file is chosen: here, as a system's own dialog asks about the name as
    it was typed, before its ending is added."""
    dialog = _dialog(parent, title, proposal.parent, partial(_agreed, parent, then))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.setNameFilter(filters)
    dialog.setDefaultSuffix(proposal.suffix.lstrip("."))
    dialog.selectFile(proposal.name)
    dialog.open()


def _agreed(parent: QWidget, then: Then, chosen: list[Path]) -> None:
    """Goes on where nothing is there yet, or the user says that it may be replaced."""
    there = [path.name for path in chosen if path.exists()]
    if not there:
        then(chosen)
        return
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(f"{there[0]} is there already.")
    box.setInformativeText("Its content will be lost if it is replaced.")
    replace = box.addButton("Replace it", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    replace.clicked.connect(lambda: then(chosen))
    box.open()


def _dialog(parent: QWidget, title: str, folder: Path | None, then: Then) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(folder) if folder else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(lambda names: then([Path(name) for name in names]))
    return dialog
