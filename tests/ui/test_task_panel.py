from __future__ import annotations

from pathlib import Path

import pytest
from drops import accepts, drop
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QSlider,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from gdp_desktop.methods import METHODS
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import FileParam, Option, Param, Setting, visible
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.file_row import FileRow
from gdp_desktop.ui.panels.param_page import ParamPage, Row, row_for
from gdp_desktop.ui.panels.slider_row import ResetLabel, SliderRow
from gdp_desktop.ui.panels.task_panel import TaskPanel

KIND = Option("kind", "Kind", "focus", (("focus", "Out of focus"), ("motion", "Motion")))
ANGLE = Param("angle", "Angle", 0, -90, 90, 1, "°", only_if=("kind", "motion"))
KERNEL = FileParam("kernel", "Kernel", (".png",), "The blur of one point of light.")
OWNERS = {**TASKS, **METHODS}
# One of each kind, whatever the tasks and methods happen to have.
SETTINGS = [KIND, ANGLE, KERNEL] + [s for owner in OWNERS.values() for s in owner.params]
all_settings = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)


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
    params = {setting.key: other_value(setting) for setting in task.params}
    recipe = Recipe(task.id, params, "slow", {"care": 0.25}, steps=7, seed=2**31 - 1,
                    prior="other", device="cpu")
    panel.set_recipe(recipe)
    assert panel.recipe() == recipe
    panel.set_recipe(Recipe(task.id, params))
    assert panel.recipe() == Recipe(task.id, params)


@all_settings
def test_whatever_the_widgets_say_is_allowed(qtbot: QtBot, setting: Setting) -> None:
    row = shown(qtbot, setting)
    assert row.value == setting.default
    for value in chosen_by_hand(row):
        assert setting.check(value) == value


@all_settings
def test_a_value_that_is_set_is_the_value(qtbot: QtBot, setting: Setting) -> None:
    row = shown(qtbot, setting)
    with qtbot.waitSignal(row.changed):
        row.set_value(other_value(setting))
    assert row.value == other_value(setting)


@all_settings
def test_double_clicking_the_name_resets(qtbot: QtBot, setting: Setting) -> None:
    row = shown(qtbot, setting)
    row.set_value(other_value(setting))
    row.findChild(ResetLabel).reset_asked.emit()
    assert row.value == setting.default


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_a_page_has_every_setting_and_shows_those_that_matter(
    qtbot: QtBot, owner: Task
) -> None:
    page = ParamPage(owner.params)
    qtbot.addWidget(page)
    assert page.values == owner.values({})
    for setting in owner.params:
        for value in every_value(setting):
            page.row(setting.key).set_value(value)
            for other in owner.params:
                is_shown = not page.row(other.key).isHidden()
                assert is_shown == visible(other, page.values), other.key


def test_a_row_that_does_not_matter_is_hidden_and_keeps_its_value(qtbot: QtBot) -> None:
    page = ParamPage((KIND, ANGLE))
    qtbot.addWidget(page)
    page.set_values({"kind": "motion", "angle": 30})
    assert not page.row("angle").isHidden()
    page.set_values({"kind": "focus", "angle": 30})
    assert page.row("angle").isHidden() and page.values["angle"] == 30


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_hardly_anybody_needs_is_under_advanced(panel: TaskPanel, task: Task) -> None:
    panel.choose_task(task.id)
    page = panel._pages[task.id]
    assert page.expert.isHidden() != any(setting.expert for setting in task.params)
    assert page.expert.parentWidget() is panel._advanced.parentWidget()
    for setting in task.params:
        assert page.expert.isAncestorOf(page.row(setting.key)) == setting.expert


def test_a_file_can_be_dropped_and_taken_away(qtbot: QtBot, tmp_path: Path) -> None:
    row = shown(qtbot, KERNEL)
    drop(row, tmp_path / "kernel.png")
    assert row.value == str(tmp_path / "kernel.png")
    row.findChild(QToolButton).click()
    assert row.value == ""


def test_a_file_of_another_kind_is_left_to_the_window(qtbot: QtBot, tmp_path: Path) -> None:
    row = shown(qtbot, KERNEL)
    assert not accepts(row, tmp_path / "kernel.txt")
    assert not accepts(row, tmp_path / "a.png", tmp_path / "b.png")


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


def shown(qtbot: QtBot, setting: Setting) -> Row:
    row = row_for(setting)
    qtbot.addWidget(row)
    return row


def every_value(setting: Setting) -> list[float | str]:
    if isinstance(setting, Option):
        return [choice for choice, _ in setting.choices]
    return [setting.default, other_value(setting)]


def advanced(panel: TaskPanel, name: str) -> QWidget:
    return next(w for w in panel.findChildren(QWidget) if w.accessibleName() == name)


def test_methods_are_offered_with_their_help_and_settings(panel: TaskPanel) -> None:
    box = advanced(panel, "Method")
    titles = [box.itemText(index) for index in range(box.count())]
    assert titles[0].startswith("Automatic (") and "Slow (expert)" in titles
    box.setCurrentIndex(titles.index("Slow (expert)"))
    assert box.toolTip() == "Takes its time."
    recipe = panel.recipe()
    assert (recipe.method, recipe.method_params, recipe.steps) == ("slow", {"care": 0.5}, None)
    assert not advanced(panel, "Care").isHidden()


def test_steps_go_by_the_method_and_else_by_the_task(panel: TaskPanel) -> None:
    steps, task = advanced(panel, "Steps"), next(iter(TASKS.values()))
    panel.set_recipe(Recipe(task.id))
    own = METHODS[task.default_method].default_steps or task.default_steps
    assert steps.value() == own
    panel.set_recipe(Recipe(task.id, method="slow"))
    assert steps.value() == 33 and panel.recipe().steps is None
    steps.setValue(5)
    assert panel.recipe().steps == 5
    panel.set_recipe(Recipe(task.id))
    assert steps.value() == own


def test_no_fewer_steps_can_be_set_than_a_method_needs(panel: TaskPanel) -> None:
    steps, task = advanced(panel, "Steps"), next(iter(TASKS.values()))
    panel.set_recipe(Recipe(task.id, method="diffpir", steps=1))
    assert steps.minimum() == METHODS["diffpir"].least_steps == panel.recipe().steps == 2
    panel.set_recipe(Recipe(task.id, steps=1))
    assert steps.minimum() == panel.recipe().steps == 1


def other_value(setting: Setting) -> float | str:
    """One that is allowed and not the default."""
    if isinstance(setting, FileParam):
        return str(Path(__file__).with_suffix(setting.suffixes[0]))
    if isinstance(setting, Option):
        return next(choice for choice, _ in setting.choices if choice != setting.default)
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    return setting.maximum if setting.default != setting.maximum else setting.minimum


def chosen_by_hand(row: Row) -> list[float | str]:
    values = []
    if isinstance(row, FileRow):
        return values
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
