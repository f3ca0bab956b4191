"""What is dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

from gdp_desktop.image.files import PHOTO_SUFFIXES


def dropped_paths(data: QMimeData) -> list[Path]:
    """Folders and files in the order in which they came; of several only those that may be photos.

    A single file is taken whatever it is, so that the user is told why it cannot be opened.
    """
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    if len(paths) == 1:
        return paths
    return [path for path in paths if path.is_dir() or path.suffix.lower() in PHOTO_SUFFIXES]
