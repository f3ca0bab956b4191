"""What hardly anybody needs to change: steps, variation, prior, device."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)

from gdp_desktop.ui.panels.slider_row import guard_wheel
from gdp_desktop.ui.theme import icon

MAX_STEPS = 1000
MAX_SEED = 2**31 - 1
DEVICES = (("Automatic", "auto"), ("Processor", "cpu"), ("Graphics card", "cuda"))


class AdvancedGroup(QWidget):
    changed = Signal()

    def __init__(self, priors: Sequence[str]) -> None:
        super().__init__()
        self._default_steps = 1
        self._steps = QSpinBox(minimum=1, maximum=MAX_STEPS)
        self._seed = QSpinBox(minimum=0, maximum=MAX_SEED)
        self._prior = QComboBox()
        self._device = QComboBox()
        for name in priors:
            self._prior.addItem(name, name)
        for title, device in DEVICES:
            self._device.addItem(title, device)
        self._lay_out()
        self._steps.valueChanged.connect(self.changed)
        self._seed.valueChanged.connect(self.changed)
        self._prior.currentIndexChanged.connect(self.changed)
        self._device.currentIndexChanged.connect(self.changed)

    @property
    def steps(self) -> int | None:
        """None for as many as the task takes by itself."""
        return None if self._steps.value() == self._default_steps else self._steps.value()

    def set_steps(self, steps: int | None, default: int) -> None:
        self._default_steps = default
        self._steps.setValue(steps or default)

    @property
    def seed(self) -> int:
        return self._seed.value()

    def set_seed(self, seed: int) -> None:
        self._seed.setValue(seed)

    @property
    def prior(self) -> str:
        """The first in the list is the default."""
        return self._prior.currentData() if self._prior.currentIndex() > 0 else ""

    def set_prior(self, prior: str) -> None:
        self._prior.setCurrentIndex(max(0, self._prior.findData(prior)))

    @property
    def device(self) -> str:
        return self._device.currentData()

    def set_device(self, device: str) -> None:
        self._device.setCurrentIndex(max(0, self._device.findData(device)))

    def throw_dice(self) -> None:
        self._seed.setValue(secrets.randbelow(MAX_SEED))

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        seed = QHBoxLayout()
        seed.addWidget(self._seed, 1)
        seed.addWidget(self._dice())
        form.addRow(_label(self._steps, "Steps", "More steps take longer and find more detail."),
                    self._steps)
        form.addRow(_label(self._seed, "Seed",
                           "The same seed gives the same result, another one a variation."), seed)
        form.addRow(_label(self._prior, "Prior", "What the program learned photos from."),
                    self._prior)
        form.addRow(_label(self._device, "Compute on", "Automatic prefers a graphics card."),
                    self._device)

    def _dice(self) -> QToolButton:
        dice = QToolButton(autoRaise=True, toolTip="Another variation", iconSize=QSize(20, 20))
        dice.setIcon(icon("dice"))
        dice.setAccessibleName("Another variation")
        dice.clicked.connect(self.throw_dice)
        return dice


def _label(field: QWidget, name: str, help_text: str) -> QLabel:
    label = QLabel(name, toolTip=help_text)
    field.setAccessibleName(name)
    field.setToolTip(help_text)
    guard_wheel(field)
    return label
