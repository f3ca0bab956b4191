"""What an empty canvas says: what to do first."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from gdp_desktop.image.formats import OPENED_TITLES
from gdp_desktop.ui.actions import keys_of
from gdp_desktop.ui.theme import icon

ICON_SIZE = QSize(48, 48)


class EmptyHint(QFrame):
    open_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("emptyHint")
        picture = QLabel()
        picture.setPixmap(icon("drop").pixmap(ICON_SIZE))
        title = QLabel("Drop a photo here", objectName="hintTitle")
        text = QLabel(f"Several photos or a folder go to the queue.\n{OPENED_TITLES}",
                      objectName="hintText")
        button = QPushButton("Open photo…", toolTip=f"Open a photo ({keys_of('open_photo')})")
        button.setAccessibleName("Open photo")
        button.clicked.connect(self.open_asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(56, 36, 56, 36)
        column.setSpacing(12)
        for widget in (picture, title, text, button):
            if isinstance(widget, QLabel):
                widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
