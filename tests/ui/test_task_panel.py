from __future__ import annotations

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSlider
from pytestqt.qtbot import QtBot

from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Param, Task
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.choice_row import ChoiceRow, row_for
from gdp_desktop.ui.panels.slider_row import ResetLabel, SliderRow
from gdp_desktop.ui.panels.task_panel import TaskPanel

PARAMS = [param for task in TASKS.values() for param in task.params]


@pytest.fixture
def panel(window: MainWindow) -> TaskPanel:
    return window.panel(TaskPanel)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_untouched_widgets_give_the_defaults(panel: TaskPanel, task: Task) -> None:
    panel.choose_task(task.id)
    recipe = panel.recipe()
    assert recipe == Recipe(task.id, params=task.values({}))
    assert panel._workbench.recipe == recipe


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_recipe_comes_back_as_it_went_in(panel: TaskPanel, task: Task) -> None:
    params = {param.key: other_value(param) for param in task.params}
    recipe = Recipe(task.id, params, steps=7, seed=2**31 - 1, prior="other", device="cpu")
    panel.set_recipe(recipe)
    assert panel.recipe() == recipe
    assert task.values(recipe.params) == params


@pytest.mark.parametrize("param", PARAMS, ids=lambda param: param.key)
def test_whatever_the_widgets_say_is_allowed(qtbot: QtBot, param: Param) -> None:
    row = row_for(param)
    qtbot.addWidget(row)
    for value in chosen_by_hand(row):
        assert param.check(value) == value


@pytest.mark.parametrize("param", PARAMS, ids=lambda param: param.key)
def test_double_clicking_the_name_resets(qtbot: QtBot, param: Param) -> None:
    row = row_for(param)
    qtbot.addWidget(row)
    row.set_value(other_value(param))
    row.findChild(ResetLabel).reset_asked.emit()
    assert row.value == param.default


def test_auto_is_a_checkbox_that_remembers_the_number(qtbot: QtBot) -> None:
    row = SliderRow(Param("noise", "Noise", 0, 0, 50, 0.5, auto=0))
    qtbot.addWidget(row)
    auto, field = row.findChild(QCheckBox), row.findChild(QDoubleSpinBox)
    assert auto.isChecked() and not field.isEnabled() and row.value == 0
    auto.setChecked(False)
    field.setValue(12.5)
    assert row.value == 12.5
    auto.setChecked(True)
    assert row.value == 0
    auto.setChecked(False)
    assert row.value == 12.5


def test_slider_and_field_follow_each_other(qtbot: QtBot) -> None:
    row = SliderRow(Param("light", "Light", 0.2, 0, 1, 0.05))
    qtbot.addWidget(row)
    slider, field = row.findChild(QSlider), row.findChild(QDoubleSpinBox)
    slider.setValue(slider.maximum())
    assert field.value() == row.value == 1
    field.setValue(0.5)
    assert slider.value() * 2 == slider.maximum()


def test_values_stay_while_another_task_is_looked_at(panel: TaskPanel) -> None:
    panel.set_recipe(Recipe("low-light", {"exposure": 0.6}))
    panel.choose_task("denoise")
    panel.choose_task("low-light")
    assert panel.recipe().params["exposure"] == 0.6


def other_value(param: Param) -> float:
    if param.choices:
        return next(choice for choice in param.choices if choice != param.default)
    return param.maximum if param.default != param.maximum else param.minimum


def chosen_by_hand(row: SliderRow | ChoiceRow) -> list[float]:
    values = []
    if box := row.findChild(QComboBox):
        for index in range(box.count()):
            box.setCurrentIndex(index)
            values.append(row.value)
        return values
    slider = row.findChild(QSlider)
    for tick in {0, 1, slider.maximum() // 3, slider.maximum()}:
        slider.setValue(tick)
        values.append(row.value)
    return values
