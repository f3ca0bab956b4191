"""The results of one photo: which are kept, and choosing among them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np
import pytest
from by_hand import paint
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.photo import Photo, load_photo
from gdp_desktop.image.pyramid import Pyramid
from gdp_desktop.restoration.job import Finished, Job, Recipe, Report
from gdp_desktop.ui import undo
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.filmstrip import Filmstrip, facts_about
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.undo import RESULTS_KEPT
from gdp_desktop.ui.variations import MOST, Variations
from gdp_desktop.worker import loader
from gdp_desktop.worker.loader import Result

if TYPE_CHECKING:
    from conftest import FakeEngine

OpenPhoto = Callable[..., Path]


@pytest.fixture
def strip(window: MainWindow, open_photo: OpenPhoto) -> Filmstrip:
    open_photo()
    return window.findChild(Filmstrip)


def restore(qtbot: QtBot, window: MainWindow, seed: int) -> None:
    window.panel(TaskPanel).set_recipe(Recipe("denoise", seed=seed))
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        window.actions_by_id["run"].trigger()


def shown_seed(window: MainWindow) -> int:
    return window.workbench.variations.of(window.document.result.photo).job.recipe.seed


def test_it_comes_when_there_is_something_to_choose(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip, open_photo: OpenPhoto
) -> None:
    restore(qtbot, window, 1)
    assert not strip.isVisible()
    restore(qtbot, window, 2)
    assert strip.isVisible() and strip.count() == 2 and strip.currentRow() == 1
    open_photo("another.png")
    assert not strip.isVisible() and strip.count() == 0


def test_a_click_shows_a_result_and_save_saves_it(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip, engine: FakeEngine
) -> None:
    for seed in (1, 2):
        restore(qtbot, window, seed)
    first = strip.visualItemRect(strip.item(0)).center()
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=first)
    assert shown_seed(window) == 1
    with qtbot.waitSignal(window.workbench.informed, timeout=5000):
        window.actions_by_id["save_result"].trigger()
    assert not window.isWindowModified()
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        strip.setCurrentRow(1)
    assert shown_seed(window) == 2 and window.isWindowModified()
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        strip.setCurrentRow(0)
    assert not window.isWindowModified()
    saved = load_photo(window.document.path.with_name("photo-restored.png"))
    assert (saved.pixels == window.document.result.photo.pixels).all()


def test_what_was_clicked_is_saved_before_it_is_drawn(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip
) -> None:
    for seed in (1, 2):
        restore(qtbot, window, seed)
    first = window.workbench.variations.all[0].finished.photo
    with qtbot.waitSignal(window._loader.saved, timeout=5000) as blocker:
        strip.setCurrentRow(0)
        window.actions_by_id["save_result"].trigger()
    assert blocker.args[0].photo is first


def test_undo_after_a_click_counts(qtbot: QtBot, window: MainWindow, strip: Filmstrip) -> None:
    for seed in (1, 2, 3):
        restore(qtbot, window, seed)
    with qtbot.waitSignal(window._loader.prepared, timeout=5000):
        strip.setCurrentRow(0)
        window.document.undo_stack.undo()
    assert shown_seed(window) == 2 and strip.currentRow() == 1


def test_the_last_click_counts(qtbot: QtBot, window: MainWindow, strip: Filmstrip) -> None:
    for seed in (1, 2):
        restore(qtbot, window, seed)
    with qtbot.waitSignal(window._loader.prepared, timeout=5000):
        strip.setCurrentRow(0)
        strip.setCurrentRow(1)
    assert shown_seed(window) == 2 and strip.currentRow() == 1


def test_a_result_that_cannot_be_drawn_is_not_the_one_that_is_marked(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_little(*_: object) -> None:
        raise MemoryError

    for seed in (1, 2):
        restore(qtbot, window, seed)
    monkeypatch.setattr(loader, "display_pyramid", too_little)
    with qtbot.waitSignal(window._loader.prepare_failed, timeout=5000):
        strip.setCurrentRow(0)
    assert strip.currentRow() == 1
    with qtbot.waitSignal(window._loader.saved, timeout=5000) as blocker:
        window.actions_by_id["save_result"].trigger()
    assert blocker.args[0].photo is window.document.result.photo


def test_undo_is_followed(qtbot: QtBot, window: MainWindow, strip: Filmstrip) -> None:
    for seed in (1, 2):
        restore(qtbot, window, seed)
    window.document.undo_stack.undo()
    assert strip.currentRow() == 0
    window.document.undo_stack.undo()
    assert strip.currentRow() == -1 and strip.count() == 2


def test_the_settings_of_a_result_can_be_used_again(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip
) -> None:
    for seed in (1, 2):
        restore(qtbot, window, seed)
    window.panel(TaskPanel).choose_task("low-light")
    strip.itemDoubleClicked.emit(strip.currentItem())
    recipe = window.panel(TaskPanel).recipe()
    assert (recipe.task, recipe.seed) == ("denoise", 2)


def test_the_method_of_a_result_is_used_again(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip, engine: FakeEngine
) -> None:
    """Also where nothing but the method differs, and it has no settings of its own."""
    panel = window.panel(TaskPanel)
    for method in ("", "from-photo"):
        panel.set_recipe(Recipe("denoise", method=method))
        with qtbot.waitSignal(window.document.result_changed, timeout=5000):
            window.actions_by_id["run"].trigger()
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        strip.setCurrentRow(0)
    strip.itemDoubleClicked.emit(strip.item(0))
    assert panel.recipe().method == "" and window.workbench.recipe == panel.recipe()
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert [job.recipe.method for job in engine.jobs] == ["", "from-photo", ""]


def test_results_that_can_no_longer_be_gone_back_to_are_let_go(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip
) -> None:
    window.workbench.variations._budget = 1
    alive: WeakSet[Result] = WeakSet()
    for seed in range(RESULTS_KEPT + 4):
        restore(qtbot, window, seed)
        alive.add(window.document.result)
    gc.collect()
    # And the one before the first step that can be undone.
    assert len(alive) == RESULTS_KEPT + 1


def test_large_results_are_let_go_sooner(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.workbench.variations._budget = 1
    restore(qtbot, window, 0)
    one = window.document.result.bytes
    monkeypatch.setattr(undo, "BUDGET", 3 * one)
    alive: WeakSet[Result] = WeakSet()
    for seed in range(1, 6):
        restore(qtbot, window, seed)
        alive.add(window.document.result)
    gc.collect()
    assert len(alive) == 3
    monkeypatch.setattr(undo, "BUDGET", 1)
    restore(qtbot, window, 6)
    gc.collect()
    assert len(alive) == 1
    window.document.undo_stack.undo()
    assert window.document.result in alive
    window.document.undo_stack.undo()
    assert window.document.result in alive


def test_undone_results_do_not_count(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip
) -> None:
    stack = window.document.undo_stack
    for seed in range(RESULTS_KEPT):
        restore(qtbot, window, seed)
    for _ in range(RESULTS_KEPT - 1):
        stack.undo()
    restore(qtbot, window, 99)
    stack.undo()
    assert shown_seed(window) == 0
    stack.undo()
    assert window.document.result is None


def test_the_same_request_again_takes_the_place_of_the_first(
    qtbot: QtBot, window: MainWindow, strip: Filmstrip
) -> None:
    restore(qtbot, window, 1)
    restore(qtbot, window, 1)
    assert strip.count() == 1
    paint(window, Rect(4, 4, 8, 8))
    restore(qtbot, window, 1)
    assert strip.count() == 2


def test_the_oldest_goes_when_there_are_too_many(qtbot: QtBot) -> None:
    document = Document()
    variations = Variations(document)
    for seed in range(MOST + 3):
        variations.add(job(seed), result())
    assert [v.job.recipe.seed for v in variations.all] == list(range(3, MOST + 3))


def test_the_oldest_goes_when_they_are_too_large(qtbot: QtBot) -> None:
    one = result().photo.pixels.nbytes
    document = Document()
    variations = Variations(document, budget=2 * one)
    for seed in range(4):
        variations.add(job(seed), result())
    assert [v.job.recipe.seed for v in variations.all] == [2, 3]
    tight = Variations(document, budget=1)
    tight.add(job(0), result())
    assert len(tight.all) == 1


def test_what_was_found_beside_a_photo_takes_room_as_well(qtbot: QtBot) -> None:
    one = result().photo.pixels
    document = Document()
    variations = Variations(document, budget=3 * one.nbytes)
    for seed in range(2):
        variations.add(job(seed), result(light=one))
    assert [v.job.recipe.seed for v in variations.all] == [1]


def test_a_result_is_told_by_what_was_changed(window: MainWindow) -> None:
    recipe = Recipe("low-light", {"exposure": 0.6, "fill": 0.3}, "slow", {"care": 0.1}, 7, 3)
    facts = facts_about(recipe, window._repertoire)
    assert facts == "Low light · Exposure 0.6 · Care 0.1 · Slow · 7 steps · seed 3"
    recipe = Recipe("deblurring", {"kind": "file", "kernel": "/home/anna/shake.png"})
    assert facts_about(recipe, window._repertoire) == (
        "Deblur · Kind of blur “From a file” · Kernel file shake.png · seed 0"
    )


def job(seed: int) -> Job:
    return Job(Path("a.png"), Recipe("denoise", seed=seed))


def result(**by_products: np.ndarray) -> Result:
    photo = Photo(np.zeros((40, 60, 3), np.uint8))
    report = Report("a.png", None, "done", "denoise")
    finished = Finished(photo, report, by_products)
    return Result(finished, Pyramid(np.zeros((40, 60, 4), np.uint8)))
