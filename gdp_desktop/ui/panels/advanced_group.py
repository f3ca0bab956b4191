"""What hardly anybody needs to change: method, steps, variation, prior, device, memory."""

from __future__ import annotations

import secrets
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)

from gdp_desktop.restoration.job import MAX_STEPS, Recipe
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.panels.method_choice import MethodChoice
from gdp_desktop.ui.panels.slider_row import guard_wheel
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.theme import icon

MAX_SEED = 2**31 - 1
MOST_MEMORY = 4096.0  # GB
DEVICES = (("Automatic", "auto"), ("Processor", "cpu"), ("Graphics card", "cuda"))


class AdvancedGroup(QWidget):
    """The part of a recipe that is not the task's, and how much memory a job may take, which is a
    matter of the machine."""

    changed = Signal()
    memory_limit_changed = Signal()

    def __init__(self, repertoire: Repertoire) -> None:
        super().__init__()
        self._repertoire = repertoire
        self._task = next(iter(repertoire.tasks.values()))
        self._method = MethodChoice(repertoire.methods)
        self._steps = QSpinBox(minimum=1, maximum=MAX_STEPS)
        self._seed = QSpinBox(minimum=0, maximum=MAX_SEED)
        self._prior = QComboBox()
        # May be the name of a prior that is not listed yet.
        self._wanted_prior = ""
        self._device = QComboBox()
        self._memory = QDoubleSpinBox(
            minimum=0, maximum=MOST_MEMORY, singleStep=0.5, decimals=1, suffix=" GB",
            specialValueText="What is free",
        )
        for title, device in DEVICES:
            self._device.addItem(title, device)
        self._fill_priors()
        self._lay_out()
        repertoire.shelf.changed.connect(self._fill_priors)
        self._method.box.currentIndexChanged.connect(self._reset_steps)
        self._method.changed.connect(self.changed)
        self._steps.valueChanged.connect(self.changed)
        self._seed.valueChanged.connect(self.changed)
        self._prior.currentIndexChanged.connect(self._choose_prior)
        self._device.currentIndexChanged.connect(self.changed)
        self._memory.valueChanged.connect(self.memory_limit_changed)

    def set_task(self, task: Task) -> None:
        """Steps, and what an automatic method means, go by the task."""
        self._task = task
        self._method.set_task(task)
        self._reset_steps()

    @property
    def method(self) -> str:
        return self._method.method

    @property
    def method_params(self) -> dict[str, Any]:
        return self._method.values

    @property
    def steps(self) -> int | None:
        """None for as many as the method or the task takes by itself."""
        return None if self._steps.value() == self._default_steps else self._steps.value()

    def set_recipe(self, recipe: Recipe) -> None:
        """Shows all of a recipe but the task, which is set before."""
        self._method.set_method(recipe.method, recipe.method_params)
        self._reset_steps()
        if recipe.steps:
            self._steps.setValue(recipe.steps)
        self._seed.setValue(recipe.seed)
        self._wanted_prior = recipe.prior
        self._show_wanted_prior()
        self._device.setCurrentIndex(max(0, self._device.findData(recipe.device)))
        # A method that has no settings says nothing by itself.
        self.changed.emit()

    @property
    def _default_steps(self) -> int:
        return self._repertoire.default_steps(self._plain_recipe)

    @property
    def _plain_recipe(self) -> Recipe:
        return Recipe(self._task.id, method=self.method)

    def _reset_steps(self) -> None:
        self._steps.setMinimum(self._repertoire.method(self._plain_recipe).least_steps)
        self._steps.setValue(self._default_steps)

    @property
    def seed(self) -> int:
        return self._seed.value()

    @property
    def prior(self) -> str:
        """"" for the default."""
        return self._prior.currentData() if self._prior.count() else self._wanted_prior

    @property
    def device(self) -> str:
        return self._device.currentData()

    @property
    def memory_limit(self) -> float:
        """In gigabytes; 0 for what is free."""
        return self._memory.value()

    def set_memory_limit(self, gigabytes: float) -> None:
        self._memory.setValue(gigabytes)

    def _fill_priors(self) -> None:
        """The choice stays when there are others to choose from."""
        with QSignalBlocker(self._prior):
            self._prior.clear()
            for prior in self._repertoire.shelf.priors:
                self._prior.addItem(prior.name, "" if prior.is_default else prior.name)
            self._show_wanted_prior()

    def _show_wanted_prior(self) -> None:
        self._prior.setCurrentIndex(max(0, self._prior.findData(self._wanted_prior)))

    def _choose_prior(self) -> None:
        self._wanted_prior = self.prior
        self.changed.emit()

    def throw_dice(self) -> None:
        self._seed.setValue(secrets.randbelow(MAX_SEED))

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        seed = QHBoxLayout()
        seed.addWidget(self._seed, 1)
        seed.addWidget(self._dice())
        form.addRow(_label(self._method.box, "Method"), self._method.box)
        form.addRow(self._method)
        form.addRow(_label(self._steps, "Steps", "More steps take longer; they help where "
                    "something has to be invented."),
                    self._steps)
        form.addRow(_label(self._seed, "Seed",
                           "The same seed gives the same result, another one a variation."), seed)
        form.addRow(_label(self._prior, "Prior", "What the program learned photos from."),
                    self._prior)
        form.addRow(_label(self._device, "Compute on", "Automatic prefers a graphics card."),
                    self._device)
        form.addRow(_label(self._memory, "Memory", "A photo that would take more is refused before "
                           "the work."), self._memory)

    def _dice(self) -> QToolButton:
        dice = QToolButton(autoRaise=True, toolTip="Another variation", iconSize=QSize(20, 20))
        dice.setIcon(icon("dice"))
        dice.setAccessibleName("Another variation")
        dice.clicked.connect(self.throw_dice)
        return dice


def _label(field: QWidget, name: str, help_text: str = "") -> QLabel:
    label = QLabel(name, toolTip=help_text)
    field.setAccessibleName(name)
    field.setToolTip(help_text or field.toolTip())
    guard_wheel(field)
    return label
