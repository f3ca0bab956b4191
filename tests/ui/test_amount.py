"""The amount of a result: chosen once it is there, and that is what is seen and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from by_hand import message, restore, take_offer
from pytestqt.qtbot import QtBot

from gdp_desktop.image.photo import load_photo
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.task_panel import TaskPanel

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]


def choose(window: MainWindow, percent: float) -> None:
    window.panel(TaskPanel).set_amount(percent / 100)


def brightness(window: MainWindow) -> float:
    """Of the middle of the canvas."""
    image = window.canvas.grab().toImage()
    x, y = image.width() // 2, image.height() // 2
    colours = [image.pixelColor(x + dx, y + dy) for dx in range(-20, 21) for dy in range(-20, 21)]
    return sum(colour.green() for colour in colours) / len(colours)


def save(qtbot: QtBot, window: MainWindow, name: str) -> None:
    window.actions_by_id["save_result"].trigger()
    qtbot.waitUntil(lambda: f"Saved as {name}" in message(window), timeout=5000)


@pytest.fixture
def restored(qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto) -> Path:
    """A photo whose result is on the canvas."""
    path = open_photo("a.png")
    restore(qtbot, window)
    return path


def test_half_of_it_is_seen_at_once(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, restored: Path
) -> None:
    seen = {}
    for percent in (100, 50, 0):
        choose(window, percent)
        seen[percent] = brightness(window)
    assert seen[100] > seen[0] + 20
    assert seen[50] == pytest.approx((seen[0] + seen[100]) / 2, abs=1.5)
    assert len(engine.jobs) == 1


def test_what_emerges_is_seen_as_much(
    window: MainWindow, qtbot: QtBot, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo("a.png")
    before = brightness(window)
    choose(window, 0)
    engine.pause = 0.1
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert brightness(window) == pytest.approx(before, abs=0.5)
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=5000)


def test_as_much_is_saved(qtbot: QtBot, window: MainWindow, restored: Path) -> None:
    result = window.document.result
    assert result
    choose(window, 30)
    save(qtbot, window, "a-restored.png")
    expected = Mix(0.3, load_photo(restored)).of(result.photo)
    assert np.array_equal(
        load_photo(restored.with_name("a-restored.png")).pixels, expected.pixels
    )


def test_another_amount_is_not_saved_yet(qtbot: QtBot, window: MainWindow, restored: Path) -> None:
    choose(window, 30)
    assert window.isWindowModified()
    save(qtbot, window, "a-restored.png")
    assert not window.isWindowModified()
    choose(window, 60)
    assert window.isWindowModified()
    choose(window, 30)
    assert not window.isWindowModified()
    choose(window, 60)
    save(qtbot, window, "a-restored-2.png")
    assert not window.isWindowModified()


def test_a_result_that_was_left_keeps_its_amount(
    qtbot: QtBot, window: MainWindow, restored: Path, open_photo: OpenPhoto
) -> None:
    result = window.document.result
    assert result
    choose(window, 40)
    open_photo("b.png")
    choose(window, 90)
    take_offer(qtbot, window, "Save it")
    qtbot.waitUntil(lambda: "Saved as a-restored.png" in message(window), timeout=5000)
    expected = Mix(0.4, load_photo(restored)).of(result.photo)
    assert np.array_equal(
        load_photo(restored.with_name("a-restored.png")).pixels, expected.pixels
    )


def test_a_photo_that_was_left_at_work_keeps_its_amount(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.pause = 0.1
    left = open_photo("a.png")
    choose(window, 0)
    window.actions_by_id["run"].trigger()
    open_photo("b.png")
    choose(window, 100)
    take_offer(qtbot, window, "Save it")
    qtbot.waitUntil(lambda: "Saved as a-restored.png" in message(window), timeout=5000)
    saved = load_photo(left.with_name("a-restored.png"))
    assert np.array_equal(saved.pixels, load_photo(left).pixels)


def test_photos_in_the_queue_are_given_it(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    choose(window, 70)
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        window.files.enqueue([make_photo("c.png")])
    choose(window, 80)
    assert [row.job.recipe.amount for row in window.queue.rows] == [0.7]
    window.workbench.revise_waiting()
    assert [row.job.recipe.amount for row in window.queue.rows] == [0.8]


def test_the_same_settings_take_the_place_of_their_result_whatever_the_amount(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, restored: Path
) -> None:
    choose(window, 70)
    restore(qtbot, window)
    assert len(window.workbench.variations.all) == 1
    assert [job.recipe.amount for job in engine.jobs] == [1.0, 1.0]
