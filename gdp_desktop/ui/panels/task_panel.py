"""What to do to the photo: the task, its parameters, the mask, and the button that starts it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from gdp_desktop.restoration.amount import AMOUNT
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.panels.advanced_group import AdvancedGroup
from gdp_desktop.ui.panels.fold import Fold
from gdp_desktop.ui.panels.mask_group import MaskGroup
from gdp_desktop.ui.panels.panel import Panel, Surroundings
from gdp_desktop.ui.panels.param_page import ParamPage
from gdp_desktop.ui.panels.run_bar import RunBar
from gdp_desktop.ui.panels.scene_group import SceneGroup
from gdp_desktop.ui.panels.slider_row import SliderRow, guard_wheel

WIDTH = 300
AMOUNT_IN_PERCENT = Param(
    AMOUNT.key, AMOUNT.label, default=100, minimum=0, maximum=100, step=1, unit="%",
    help=f"{AMOUNT.help} Changes at once what is seen and saved; nothing is restored again.",
)
CHOICE_HEIGHT = 28


class TaskPanel(Panel):
    """Widgets for a Recipe; defaults come from the tasks alone."""

    title = "Restore"
    area = Qt.DockWidgetArea.RightDockWidgetArea
    recipe_changed = Signal()
    memory_limit_changed = Signal()

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._tasks = around.repertoire.tasks
        self._workbench, self._document = around.workbench, around.document
        self._choice = QComboBox()
        self._help = QLabel(wordWrap=True, objectName="help")
        self._pages = {task.id: ParamPage(task.params) for task in self._tasks.values()}
        self._mask_fold = Fold("Mask", MaskGroup(around.brush, around.actions), is_open=False)
        self._scene = SceneGroup(around.document)
        self._scene_fold = Fold("Further photos", self._scene, is_open=True)
        self._advanced = AdvancedGroup(around.repertoire)
        self._amount = SliderRow(AMOUNT_IN_PERCENT)
        self._run_bar = RunBar()
        self._fill_choice()
        self._lay_out()
        self._listen(around)
        self._show_task()

    @property
    def task(self) -> Task:
        return self._tasks[self._choice.currentData()]

    def choose_task(self, task_id: str) -> None:
        """An unknown one is passed over."""
        if task_id in self._tasks:
            self._choice.setCurrentIndex(self._choice.findData(task_id))

    def recipe(self) -> Recipe:
        return Recipe(
            task=self.task.id,
            params=self._pages[self.task.id].values,
            method=self._advanced.method,
            method_params=self._advanced.method_params,
            steps=self._advanced.steps,
            seed=self._advanced.seed,
            prior=self._advanced.prior,
            device=self._advanced.device,
        )

    def set_recipe(self, recipe: Recipe) -> None:
        self.choose_task(recipe.task)
        self._pages[recipe.task].set_values(recipe.params)
        self._advanced.set_recipe(recipe)

    def set_amount(self, amount: float) -> None:
        """In [0, 1]."""
        self._amount.set_value(100 * amount)

    @property
    def memory_limit(self) -> float:
        """In gigabytes; 0 for what is free."""
        return self._advanced.memory_limit

    def set_memory_limit(self, gigabytes: float) -> None:
        self._advanced.set_memory_limit(gigabytes)

    def _hand_over(self) -> None:
        self._workbench.set_recipe(self.recipe())

    def _fill_choice(self) -> None:
        self._choice.setAccessibleName("Task")
        self._choice.setToolTip("What to do to the photo")
        self._choice.setMinimumHeight(CHOICE_HEIGHT)
        guard_wheel(self._choice)
        for task in self._tasks.values():
            self._choice.addItem(task.title, task.id)

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(12)
        for widget in (self._choice, self._help, *self._pages.values(), self._scene_fold,
                       self._mask_fold, Fold("Advanced", self._for_experts(), is_open=False)):
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(_scrolling(content), 1)
        self._amount.setContentsMargins(12, 8, 12, 0)
        outer.addWidget(self._amount)
        outer.addWidget(self._run_bar)
        self.setMinimumWidth(WIDTH)

    def _for_experts(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (*(page.expert for page in self._pages.values()), self._advanced):
            column.addWidget(widget)
        return content

    def _listen(self, around: Surroundings) -> None:
        self._choice.currentIndexChanged.connect(self._show_task)
        for page in self._pages.values():
            page.changed.connect(self.recipe_changed)
        self._advanced.changed.connect(self.recipe_changed)
        self._advanced.memory_limit_changed.connect(self.memory_limit_changed)
        self._amount.changed.connect(lambda percent: self._document.set_amount(percent / 100))
        self._run_bar.run_asked.connect(around.workbench.run)
        self.recipe_changed.connect(self._hand_over)
        self._run_bar.cancel_asked.connect(around.workbench.cancel)
        self._scene.added.connect(around.workbench.add_others)
        self._scene.removed.connect(around.workbench.remove_others)
        around.forecast.changed.connect(self._show_forecast)
        for signal in (around.document.opened, around.document.others_changed,
                       around.workbench.recipe_changed):
            signal.connect(self._show_readiness)
        around.workbench.running_changed.connect(self._on_running)
        around.queue.job_started.connect(self._show_waiting)
        around.workbench.stopping.connect(self._run_bar.show_stopping)
        around.workbench.progressed.connect(self._run_bar.show_progress)

    def _show_readiness(self) -> None:
        hindrance = self._workbench.hindrance
        self._run_bar.allow(self._document.photo is not None and not hindrance)
        self._show_forecast("")

    def _show_forecast(self, sentence: str) -> None:
        self._run_bar.show_hint(self._workbench.hindrance or sentence)

    def _on_running(self, running: bool) -> None:
        self._run_bar.set_running(running)
        self._show_waiting()

    def _show_waiting(self) -> None:
        if before := self._workbench.waits_for:
            self._run_bar.wait(f"Waiting for {before.name}…")
        else:
            self._run_bar.show_begun()

    def _show_task(self) -> None:
        task = self.task
        self._help.setText(" ".join(task.help.split()))
        for task_id, page in self._pages.items():
            page.show_page(task_id == task.id)
        self._advanced.set_task(task)
        self._scene.set_task(task)
        self._scene_fold.setVisible(task.others[1] > 0)
        self._mask_fold.set_open(task.needs_mask)
        self.recipe_changed.emit()


def _scrolling(content: QWidget) -> QScrollArea:
    area = QScrollArea(widgetResizable=True, frameShape=QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
