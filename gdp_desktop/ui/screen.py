"""What must be right before Qt may look for a screen."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def has_display() -> bool:
    """Without one Qt would abort the process instead of returning."""
    if not sys.platform.startswith("linux"):
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def drop_cv2_qt_paths() -> None:
    """OpenCV's Linux wheels point Qt to plugins of their own, older Qt (opencv-python#736).

    What the user has set is left alone.
    """
    spec = importlib.util.find_spec("cv2")
    folder = Path(spec.origin or "").parent if spec else Path()
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if folder in Path(os.environ.get(name, "")).parents:
            del os.environ[name]
