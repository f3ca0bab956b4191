"""What every panel of the window is and gets to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from gdp_desktop.ui.document import Document
from gdp_desktop.ui.forecast import Forecast
from gdp_desktop.ui.mask_brush import MaskBrush
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.workbench import Workbench
from gdp_desktop.worker.queue import JobQueue


@dataclass(frozen=True)
class Surroundings:
    """What a panel may look at and talk to; ``actions`` are the window's, by id."""

    document: Document
    queue: JobQueue
    workbench: Workbench
    brush: MaskBrush
    repertoire: Repertoire
    forecast: Forecast
    actions: Mapping[str, QAction]


class Panel(QWidget):
    """The window puts each into a dock of this title, at this side."""

    title: ClassVar[str]
    area: ClassVar[Qt.DockWidgetArea]

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self.setAccessibleName(self.title)
