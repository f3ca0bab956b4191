"""File dialogs that do not block: each calls back with what was chosen, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from gdp_desktop.image.files import PHOTO_SUFFIXES

PHOTOS = "Photos ({})".format(" ".join(sorted(f"*{suffix}" for suffix in PHOTO_SUFFIXES)))
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
    """Asks by itself before an existing file is chosen."""
    dialog = _dialog(parent, title, proposal.parent, then)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(filters)
    dialog.setDefaultSuffix(proposal.suffix.lstrip("."))
    dialog.selectFile(proposal.name)
    dialog.open()


def _dialog(parent: QWidget, title: str, folder: Path | None, then: Then) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(folder) if folder else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(lambda names: then([Path(name) for name in names]))
    return dialog
