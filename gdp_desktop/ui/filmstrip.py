"""The results of the open photo in a row below it; a click shows one."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem

from gdp_desktop.image.errors import shown
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks.param import FileParam, Option, Setting
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.variations import SHARPNESS, THUMBNAIL, Variation, Variations
from gdp_desktop.words import number_of

PADDING = QSize(20, 34)
MARGIN = 8


class Filmstrip(QListWidget):
    """Hidden until there is something to choose from."""

    chosen = Signal(object)
    recipe_wanted = Signal(object)

    def __init__(
        self, document: Document, variations: Variations, repertoire: Repertoire
    ) -> None:
        super().__init__()
        self._document, self._variations, self._repertoire = document, variations, repertoire
        self.setObjectName("filmstrip")
        self.setAccessibleName("Results of this photo")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setIconSize(THUMBNAIL)
        self.setGridSize(THUMBNAIL + PADDING)
        self.setSpacing(0)
        self.setViewportMargins(MARGIN, MARGIN, MARGIN, 0)
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(self.gridSize().height() + MARGIN + bar)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._take_over = QAction("Use these settings", self)
        self._take_over.triggered.connect(self._ask_for_recipe)
        self.addAction(self._take_over)
        self.currentRowChanged.connect(self._on_chosen)
        self.itemDoubleClicked.connect(self._ask_for_recipe)
        variations.changed.connect(self._renew)
        document.result_changed.connect(self._mark_shown)
        self.hide()

    def _renew(self) -> None:
        with QSignalBlocker(self):
            self.clear()
            for variation in self._variations.all:
                self.addItem(self._item(variation))
        self.setVisible(self.count() > 1)
        self._mark_shown()

    def _item(self, variation: Variation) -> QListWidgetItem:
        pixmap = QPixmap.fromImage(variation.thumbnail)
        pixmap.setDevicePixelRatio(SHARPNESS)
        icon = QIcon(pixmap)
        # Selected ones would else be tinted, and these are there to be compared.
        icon.addPixmap(pixmap, QIcon.Mode.Selected)
        recipe = variation.job.recipe
        item = QListWidgetItem(icon, f"Seed {recipe.seed} · {self._repertoire.task(recipe).title}")
        facts = facts_about(recipe, self._repertoire)
        item.setToolTip(f"{facts}\nDouble-click to use these settings again.")
        item.setData(Qt.ItemDataRole.AccessibleTextRole, facts)
        return item

    def _mark_shown(self) -> None:
        result = self._document.result
        shown = self._variations.of(result.photo) if result else None
        row = self._variations.all.index(shown) if shown else -1
        with QSignalBlocker(self):
            self.setCurrentRow(row)
            if row < 0:
                self.clearSelection()

    def _on_chosen(self, row: int) -> None:
        if row >= 0:
            self.chosen.emit(self._variations.all[row])

    def _ask_for_recipe(self) -> None:
        if self.currentRow() >= 0:
            self.recipe_wanted.emit(self._variations.all[self.currentRow()].job.recipe)


def facts_about(recipe: Recipe, repertoire: Repertoire) -> str:
    """What tells one recipe from another: the task, what was changed in it, and the seed."""
    task, method = repertoire.task(recipe), repertoire.method(recipe)
    facts = [task.title]
    for owner, values in ((task, recipe.params), (method, recipe.method_params)):
        facts += [
            f"{setting.label} {_shown(setting, values[setting.key])}"
            for setting in owner.params
            if values.get(setting.key, setting.default) != setting.default
        ]
    if recipe.method:
        facts.append(method.title)
    if recipe.steps:
        facts.append(number_of(recipe.steps, "step"))
    return " · ".join([*facts, f"seed {recipe.seed}"])


def _shown(setting: Setting, value: float | str) -> str:
    match setting:
        case Option():
            return f"“{dict(setting.choices)[str(value)]}”"
        case FileParam():
            return shown(str(value))
    return f"{value:g}"
