"""What is remembered from one start to the next; every key and default is here."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

ORGANIZATION = "gdp_desktop"
APPLICATION = "gdp_desktop"
# To be raised when docks or tool bars change their names.
STATE_VERSION = 1


class Settings:
    """Typed access to QSettings; nothing here decides what a restoration does."""

    def __init__(self) -> None:
        self._store = QSettings()

    @property
    def geometry(self) -> QByteArray:
        return self._bytes("window/geometry")

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("window/geometry", geometry)

    @property
    def window_state(self) -> QByteArray:
        return self._bytes(f"window/state-{STATE_VERSION}")

    @window_state.setter
    def window_state(self, state: QByteArray) -> None:
        self._store.setValue(f"window/state-{STATE_VERSION}", state)

    @property
    def folder(self) -> Path:
        """Where file dialogs begin."""
        return Path(self._text("files/folder", str(Path.home())))

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._store.setValue("files/folder", str(folder))

    @property
    def task(self) -> str:
        return self._text("recipe/task", "")

    @task.setter
    def task(self, task: str) -> None:
        self._store.setValue("recipe/task", task)

    @property
    def brush_hardness(self) -> float:
        return self._number("brush/hardness", 0.8)

    @brush_hardness.setter
    def brush_hardness(self, hardness: float) -> None:
        self._store.setValue("brush/hardness", str(hardness))

    @property
    def memory_limit(self) -> float:
        """In gigabytes; 0 for none."""
        return self._number("machine/memory_limit", 0.0)

    @memory_limit.setter
    def memory_limit(self, gigabytes: float) -> None:
        self._store.setValue("machine/memory_limit", str(gigabytes))

    def _text(self, key: str, default: str) -> str:
        return str(self._store.value(key, default))

    def _number(self, key: str, default: float) -> float:
        """The default, too, for what somebody has written there by hand and is no number."""
        # INI files hold text, so the type must be told.
        with contextlib.suppress(ValueError):
            value = float(str(self._store.value(key, default)))
            return value if math.isfinite(value) else default
        return default

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
