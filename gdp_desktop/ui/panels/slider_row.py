"""A number with its name, a slider and a field to type it in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSlider,
    QWidget,
)

from gdp_desktop.tasks.param import Param

TICKS_OF_LOG_SLIDER = 200
FIELD_WIDTH = 92


class ResetLabel(QLabel):
    """A name that asks for the default when it is double-clicked."""

    reset_asked = Signal()

    def __init__(self, text: str, help_text: str) -> None:
        super().__init__(text)
        self.setToolTip(f"{help_text}\nDouble-click for the default.".strip())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.reset_asked.emit()


class WheelGuard(QObject):
    """The wheel scrolls the panel; it changes a number only where the keyboard is."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is not QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


def guard_wheel(widget: QWidget) -> None:
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if isinstance(widget, QAbstractSpinBox):
        # Once a number is typed the keys are the photo's again.
        widget.lineEdit().returnPressed.connect(widget.clearFocus)
    widget.installEventFilter(WheelGuard(widget))


@dataclass(frozen=True)
class Ticks:
    """Values on the whole numbers of a slider, evenly or in equal ratios."""

    minimum: float
    maximum: float
    step: float
    logarithmic: bool = False

    @property
    def count(self) -> int:
        if self.logarithmic:
            return TICKS_OF_LOG_SLIDER
        return max(1, round((self.maximum - self.minimum) / self.step))

    def at(self, tick: int) -> float:
        share = tick / self.count
        if self.logarithmic:
            return self.minimum * (self.maximum / self.minimum) ** share
        return self.minimum + (self.maximum - self.minimum) * share

    def nearest(self, value: float) -> int:
        value = min(max(value, self.minimum), self.maximum)
        if self.logarithmic:
            ratio = math.log(self.maximum / self.minimum)
            return round(math.log(value / self.minimum) / ratio * self.count)
        return round((value - self.minimum) / (self.maximum - self.minimum) * self.count)


class SliderRow(QWidget):
    """Keeps a value that was set exactly as it is, however coarse slider and field are."""

    changed = Signal(float)

    def __init__(self, param: Param, *, logarithmic: bool = False) -> None:
        super().__init__()
        self._param = param
        self._value = self._last_chosen = param.default
        self._ticks = Ticks(_lowest(param), param.maximum, param.step, logarithmic)
        self._label = ResetLabel(param.label, param.help)
        self._slider = QSlider(Qt.Orientation.Horizontal, maximum=self._ticks.count)
        self._field = QDoubleSpinBox()
        self._auto = QCheckBox("Auto")
        self._set_up_widgets()
        self._lay_out()
        self._listen()
        self.set_value(param.default)

    @property
    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        self._value = value
        self._show()
        self.changed.emit(value)

    def reset(self) -> None:
        self.set_value(self._param.default)

    def _set_up_widgets(self) -> None:
        param = self._param
        self._field.setDecimals(_decimals(param))
        self._field.setRange(self._ticks.minimum, self._ticks.maximum)
        self._field.setSingleStep(param.step)
        self._field.setSuffix(f" {param.unit}" if param.unit else "")
        self._field.setFixedWidth(FIELD_WIDTH)
        self._field.setKeyboardTracking(False)
        self._label.setBuddy(self._field)
        for widget, name in ((self._slider, f"{param.label} slider"), (self._field, param.label),
                             (self._auto, f"{param.label} automatic")):
            widget.setAccessibleName(name)
            widget.setToolTip(param.help)
        self._auto.setToolTip(f"Work out “{param.label}” from the photo")
        self._auto.setVisible(param.auto is not None)
        guard_wheel(self._slider)
        guard_wheel(self._field)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.addWidget(self._label, 0, 0)
        grid.addWidget(self._auto, 0, 1)
        grid.addWidget(self._field, 0, 2)
        grid.addWidget(self._slider, 1, 0, 1, 3)
        grid.setColumnStretch(0, 1)

    def _listen(self) -> None:
        self._slider.valueChanged.connect(self._on_slider)
        self._field.valueChanged.connect(self.set_value)
        self._auto.toggled.connect(self._on_auto)
        self._label.reset_asked.connect(self.reset)

    def _on_slider(self, tick: int) -> None:
        self.set_value(round(self._ticks.at(tick), _decimals(self._param)))

    def _on_auto(self, on: bool) -> None:
        if on and self._param.auto is not None:
            self.set_value(self._param.auto)
        else:
            self.set_value(self._last_chosen)

    def _show(self) -> None:
        is_auto = self._value == self._param.auto
        if is_auto and self._last_chosen == self._param.auto:
            tenth = self._ticks.at(self._ticks.count // 10)
            self._last_chosen = round(tenth, _decimals(self._param))
        if not is_auto:
            self._last_chosen = self._value
        with QSignalBlocker(self._slider), QSignalBlocker(self._field), QSignalBlocker(self._auto):
            self._slider.setValue(self._ticks.nearest(self._last_chosen))
            self._field.setValue(self._last_chosen)
            self._auto.setChecked(is_auto)
        self._slider.setEnabled(not is_auto)
        self._field.setEnabled(not is_auto)


def _lowest(param: Param) -> float:
    """The automatic value cannot be chosen by hand when it is the lowest."""
    return param.minimum + param.step if param.auto == param.minimum else param.minimum


def _decimals(param: Param) -> int:
    texts = (f"{number:.6f}".rstrip("0") for number in (param.step, param.default, param.minimum))
    return max(len(text.partition(".")[2]) for text in texts)
