"""What a restoration will cost, before it is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from by_hand import paint
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Rect
from gdp_desktop.restoration.job import Job, Recipe
from gdp_desktop.ui.forecast import MILLISECONDS_OF_REST
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.run_bar import RunBar
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.settings import Settings
from gdp_desktop.ui.wording import cost_in_words

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]


def hint(window: MainWindow) -> str:
    label = window.findChild(RunBar).findChild(QLabel)
    return label.text() if label.isVisible() else ""


def test_it_stands_above_the_button_and_follows_the_settings(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    assert hint(window) == ""
    open_photo()
    qtbot.waitUntil(lambda: hint(window) == "About 1 s, 1.0 GB", timeout=5000)
    window.panel(TaskPanel).set_recipe(Recipe("denoise", steps=120))
    assert hint(window) == ""
    qtbot.waitUntil(lambda: hint(window) == "About 2 min, 1.0 GB", timeout=5000)


def test_it_is_told_anew_when_something_was_painted(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    qtbot.waitUntil(lambda: hint(window).startswith("About"), timeout=5000)
    paint(window, Rect(10, 10, 10, 10))
    assert hint(window) == ""
    qtbot.waitUntil(lambda: hint(window).startswith("About"), timeout=5000)


def test_it_gives_way_to_the_progress_and_to_what_is_missing(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    qtbot.waitUntil(lambda: hint(window).startswith("About"), timeout=5000)
    engine.pause = 0.05
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
        assert not hint(window).startswith("About")
    window.panel(TaskPanel).choose_task("bracket")
    assert hint(window) == "Add 1 more photo of the same scene."


def test_nothing_is_worked_out_beside_a_job_of_another_photo(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto,
    make_photo: MakePhoto,
) -> None:
    engine.steps, engine.pause = 1000, 0.01
    open_photo()
    qtbot.waitUntil(lambda: hint(window).startswith("About"), timeout=5000)
    window.queue.add(Job(make_photo("other.png"), Recipe("denoise")))
    assert hint(window).startswith("About")
    with qtbot.waitSignal(window.queue.job_started, timeout=5000):
        window.queue.start()
    assert hint(window) == ""
    window.panel(TaskPanel).set_recipe(Recipe("denoise", steps=120))
    qtbot.wait(2 * MILLISECONDS_OF_REST)
    assert hint(window) == ""
    window.queue.stop()
    qtbot.waitUntil(lambda: hint(window) == "About 2 min, 1.0 GB", timeout=5000)


@pytest.mark.parametrize(
    ("seconds", "peak", "words"),
    [(0.2, 2.5e8, "About 1 s, 0.2 GB"), (7300, 3e7, "About 2 h 02 min, 30 MB")],
)
def test_costs_are_said_in_round_numbers(seconds: float, peak: int, words: str) -> None:
    assert cost_in_words(seconds, peak) == words


def test_a_memory_limit_goes_with_every_job_and_is_remembered(
    window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    job = window.workbench.job()
    assert job and job.memory_limit is None
    window.panel(TaskPanel).set_memory_limit(1.5)
    job = window.workbench.job()
    assert job and job.memory_limit == 1_500_000_000
    assert Settings().memory_limit == 1.5
    window.panel(TaskPanel).set_memory_limit(0)
    job = window.workbench.job()
    assert job and job.memory_limit is None
