"""A file with its name: chosen in a dialog or dropped here, and taken away again."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from gdp_desktop.tasks.param import FileParam
from gdp_desktop.ui.dialogs import ask_file
from gdp_desktop.ui.drops import accept_as_copy
from gdp_desktop.ui.panels.slider_row import ResetLabel
from gdp_desktop.ui.theme import icon

NO_FILE = "None"


class FileRow(QWidget):
    """Its value is the path as text, "" for none; whether the file will do is the task's affair."""

    changed = Signal(object)

    def __init__(self, setting: FileParam) -> None:
        super().__init__()
        self._setting = setting
        self._value = ""
        self._label = ResetLabel(setting.label, setting.help)
        self._name = ElidedLabel()
        self._choose = QPushButton("Choose…", toolTip=f"Choose a file for “{setting.label}”")
        self._choose.setAccessibleName(f"Choose {setting.label}")
        self._clear = QToolButton(autoRaise=True, iconSize=QSize(16, 16))
        self._clear.setIcon(icon("cancel"))
        self._clear.setToolTip("Take no file")
        self._clear.setAccessibleName(f"Clear {setting.label}")
        self.setAcceptDrops(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.addWidget(self._label, 0, 0, 1, 2)
        grid.addWidget(self._choose, 0, 2)
        grid.addWidget(self._name, 1, 0, 1, 2)
        grid.addWidget(self._clear, 1, 2, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(0, 1)
        self._choose.clicked.connect(self._ask)
        self._clear.clicked.connect(self.clear)
        self._label.reset_asked.connect(self.reset)
        self.reset()

    @property
    def value(self) -> str:
        return self._value

    def set_value(self, value: str) -> None:
        self._value = value
        self._name.set_text(Path(value).name if value else NO_FILE)
        self._name.setToolTip(value)
        self._name.setAccessibleName(f"{self._setting.label}: {value or NO_FILE}")
        self._clear.setEnabled(bool(value))
        self.changed.emit(value)

    def reset(self) -> None:
        self.set_value(self._setting.default)

    def clear(self) -> None:
        self.set_value("")

    def _ask(self) -> None:
        folder = Path(self._value).parent if self._value else None
        ask_file(self, self._setting.label, folder, self._take, self._setting.suffixes)

    def _take(self, paths: list[Path]) -> None:
        self.set_value(str(paths[0]))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Any other file goes on to the window."""
        if self._suitable(event.mimeData()):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if path := self._suitable(event.mimeData()):
            accept_as_copy(event)
            self.set_value(str(path))

    def _suitable(self, data: QMimeData) -> Path | None:
        urls = data.urls()
        path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
        return path if path and path.suffix.lower() in self._setting.suffixes else None


class ElidedLabel(QLabel):
    """A long name is cut in the middle, where it says the least."""

    def __init__(self) -> None:
        super().__init__(objectName="help")
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_text(self, text: str) -> None:
        self._whole = text
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        middle = Qt.TextElideMode.ElideMiddle
        self.setText(self.fontMetrics().elidedText(self._whole, middle, self.width()))
