"""What is dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QDropEvent

from gdp_desktop.image.formats import OPENED_SUFFIXES


def accept_as_copy(event: QDropEvent) -> None:
    """With Shift a drop is meant to move what was dropped: accepted as that, a file manager would
    delete the photo."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def dropped_paths(data: QMimeData) -> list[Path]:
    """Folders and files in the order in which they came; of several only those that may be photos.

    A single file is taken whatever it is, so that the user is told why it cannot be opened.
    """
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    if len(paths) == 1:
        return paths
    # The disk is asked only about what has no ending of photos.
    return [path for path in paths if path.suffix.lower() in OPENED_SUFFIXES or path.is_dir()]
