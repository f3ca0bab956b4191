from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from by_hand import paint
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListView, QPushButton
from pytestqt.qtbot import QtBot

from gdp_desktop.image.files import result_path
from gdp_desktop.image.geometry import Rect
from gdp_desktop.restoration.job import Job, Recipe, Report
from gdp_desktop.tasks import TASKS
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.queue_delegate import QueueDelegate
from gdp_desktop.ui.panels.queue_panel import QueuePanel
from gdp_desktop.worker.queue import JobState, Row

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

RECIPE = Recipe("low-light")


@pytest.fixture
def panel(window: MainWindow, make_photo: MakePhoto) -> QueuePanel:
    """Three photos wait."""
    for name in ("a.png", "b.png", "c.png"):
        path = make_photo(name)
        window.queue.add(Job(path, RECIPE, output=result_path(path)))
    window.workbench.enqueued.emit()
    return window.panel(QueuePanel)


def button(panel: QueuePanel, text: str) -> QPushButton:
    return next(b for b in panel.findChildren(QPushButton) if b.text() == text)


def select(panel: QueuePanel, number: int) -> QListView:
    view = panel.findChild(QListView)
    view.setCurrentIndex(view.model().index(number, 0))
    return view


def test_start_becomes_stop(
    qtbot: QtBot, window: MainWindow, panel: QueuePanel, engine: FakeEngine
) -> None:
    engine.pause = 0.02
    button(panel, "Start").click()
    with qtbot.waitSignal(window.queue.batch_ended, timeout=5000):
        assert button(panel, "Stop").isEnabled()
    assert not button(panel, "Start").isEnabled()
    button(panel, "Clear finished").click()
    assert window.queue.rowCount() == 0


def test_waiting_photos_take_the_current_settings(
    window: MainWindow, panel: QueuePanel
) -> None:
    window.workbench.set_recipe(Recipe("denoise", seed=4))
    button(panel, "Use current settings").click()
    assert [row.job.recipe.task for row in window.queue.rows] == ["denoise"] * 3


@pytest.mark.parametrize(("task", "is_given"), [("denoise", False), ("inpainting", True)])
def test_other_photos_get_the_mask_only_for_a_task_that_cannot_do_without(
    task: str, is_given: bool, qtbot: QtBot, window: MainWindow,
    open_photo: Callable[..., Path], make_photo: MakePhoto,
) -> None:
    open_photo()
    paint(window, Rect(10, 10, 10, 10))
    window.workbench.set_recipe(Recipe(task))
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        window.workbench.enqueue([make_photo("other.png")])
    assert (window.queue.rows[0].job.mask is not None) == is_given


def test_what_counts_are_the_settings_at_the_moment_of_the_drop(
    qtbot: QtBot, window: MainWindow, open_photo: Callable[..., Path], make_photo: MakePhoto
) -> None:
    """Not those at the end of a search, which may take a while."""
    open_photo()
    paint(window, Rect(10, 10, 10, 10))
    window.workbench.set_recipe(Recipe("inpainting", seed=4))
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        window.workbench.enqueue([make_photo("other.png")])
        window.workbench.clear_mask()
        window.workbench.set_recipe(Recipe("bracket"))
    job = window.queue.rows[0].job
    assert job.recipe == Recipe("inpainting", seed=4) and job.mask and not job.mask.is_empty


def test_delete_removes_what_is_selected(
    qtbot: QtBot, window: MainWindow, panel: QueuePanel
) -> None:
    view = select(panel, 1)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert [row.job.source.name for row in window.queue.rows] == ["a.png", "c.png"]


def test_the_menu_offers_what_is_possible(panel: QueuePanel) -> None:
    select(panel, 0)
    menu = panel._menu()
    possible = {action.text(): action.isEnabled() for action in menu.actions()}
    assert possible == {"Open": True, "Show result in folder": False, "Cancel": True,
                        "Try again": False, "Remove": True}


def test_double_clicking_opens_the_photo(
    qtbot: QtBot, window: MainWindow, panel: QueuePanel
) -> None:
    view = select(panel, 1)
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        view.doubleClicked.emit(view.currentIndex())
    assert window.document.path.name == "b.png"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Low light · waiting"),
        ({"state": JobState.RUNNING, "fraction": 0.25, "seconds_left": 90.0},
         "Low light · 25 % · 2 min left"),
        ({"state": JobState.FAILED, "error": "The disk is full."}, "The disk is full."),
        ({"state": JobState.DONE, "report": Report("a.png", "/x/a-2.png", "done", "low-light")},
         "Low light · saved as a-2.png"),
    ],
)
def test_a_row_says_what_has_become_of_it(
    qtbot: QtBot, make_photo: MakePhoto, changes: dict, text: str
) -> None:
    view = QListView()
    qtbot.addWidget(view)
    row = Row(Job(make_photo(), RECIPE), **changes)
    assert QueueDelegate(TASKS, view).state_text(row) == text


def test_long_lists_are_not_measured_row_by_row(panel: QueuePanel) -> None:
    assert panel.findChild(QListView).uniformItemSizes()


def test_the_rows_are_painted(window: MainWindow, panel: QueuePanel) -> None:
    shot = panel.findChild(QListView).grab().toImage()
    colours = {shot.pixelColor(x, y).rgb() for x in range(0, 200, 2) for y in range(0, 60, 2)}
    assert len(colours) > 5
