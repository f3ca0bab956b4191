"""Results of photos that are no longer open are not lost unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from by_hand import message, restore
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import Finished, Report
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.queue_panel import QueuePanel
from gdp_desktop.ui.unsaved_results import MOST_KEPT

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]


@pytest.fixture
def unsaved(qtbot: QtBot, window: MainWindow, make_photo: MakePhoto, tmp_path: Path) -> Path:
    """A photo in a folder of its own, restored, not saved, and no longer open."""
    folder = tmp_path / "stick"
    folder.mkdir()
    photo = make_photo("a.png").rename(folder / "a.png")
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        window.files.take([photo])
    restore(qtbot, window)
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        window.files.take([make_photo("b.png")])
    return photo


def offers(window: MainWindow) -> dict[str, QPushButton]:
    QApplication.processEvents()  # a new button is shown a moment later
    return {
        button.text(): button for button in window.message_bar.findChildren(QPushButton)
        if not button.isHidden()
    }


def close_message(window: MainWindow) -> None:
    next(button for button in window.message_bar.findChildren(QAbstractButton)
         if button.accessibleName() == "Close message").click()


def wait_for(qtbot: QtBot, window: MainWindow, words: str) -> None:
    qtbot.waitUntil(lambda: words in message(window), timeout=5000)


def is_held_back(window: MainWindow) -> bool:
    window.actions_by_id["quit"].trigger()
    return window.isVisible()


def test_saving_another_result_leaves_the_offer(
    qtbot: QtBot, window: MainWindow, unsaved: Path
) -> None:
    restore(qtbot, window)
    window.actions_by_id["save_result"].trigger()
    wait_for(qtbot, window, "Saved as b-restored.png")
    close_message(window)
    assert message(window) == "The result of a.png was not saved."
    assert is_held_back(window) and "Close without saving" in offers(window)
    offers(window)["Save it"].click()
    wait_for(qtbot, window, "Saved as a-restored.png")
    assert unsaved.with_name("a-restored.png").exists()
    close_message(window)
    assert message(window) == "" and not is_held_back(window)


def test_closing_another_sentence_forgets_nothing(window: MainWindow, unsaved: Path) -> None:
    window.message_bar.warn("Something else.")
    close_message(window)
    assert message(window) == "The result of a.png was not saved."
    close_message(window)
    assert message(window) == "" and not is_held_back(window)


def test_what_cannot_be_saved_can_be_saved_elsewhere(
    qtbot: QtBot, window: MainWindow, unsaved: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unsaved.rename(tmp_path / "a.png")
    unsaved.parent.rmdir()
    offers(window)["Save it"].click()
    wait_for(qtbot, window, "The result of a.png was not saved. The folder")
    assert is_held_back(window)
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: None)
    offers(window)["Save in a folder…"].click()
    # Nothing is chosen yet.
    assert "was not saved" in message(window)
    window.findChild(QFileDialog).filesSelected.emit([str(tmp_path)])
    wait_for(qtbot, window, "Saved as a-restored.png")
    assert (tmp_path / "a-restored.png").exists()
    close_message(window)
    assert message(window) == "" and not is_held_back(window)


def test_of_several_those_that_are_saved_are_no_longer_offered(
    qtbot: QtBot, window: MainWindow, unsaved: Path, tmp_path: Path, make_photo: MakePhoto
) -> None:
    restore(qtbot, window)
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        window.files.take([make_photo("c.png")])
    assert message(window) == "2 results were not saved: a.png, b.png."
    unsaved.rename(tmp_path / "a.png")
    unsaved.parent.rmdir()
    offers(window)["Save them"].click()
    qtbot.waitUntil((tmp_path / "b-restored.png").exists, timeout=5000)
    wait_for(qtbot, window, "Saved as b-restored.png")
    close_message(window)
    assert message(window).startswith("The result of a.png was not saved. The folder")


def leave_results_of(window: MainWindow, *sources: Path) -> None:
    for source in sources:
        photo = Photo(np.zeros((4, 6, 3), np.uint8))
        result = Finished(photo, Report(str(source), None, "done", "denoise"))
        window.workbench.unsaved.emit(result, Mix(), source)


def test_several_results_of_a_photo_are_told_together(
    window: MainWindow, tmp_path: Path
) -> None:
    one, other = tmp_path / "a.png", tmp_path / "b.png"
    leave_results_of(window, one, one, other)
    assert message(window) == "3 results were not saved: 2 of a.png, b.png."


def test_of_too_many_the_oldest_is_let_go(window: MainWindow, tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(MOST_KEPT + 1)]
    leave_results_of(window, *(tmp_path / name for name in names))
    assert message(window).endswith(
        f"not saved: {', '.join(names[1:])}. That of 0.png had to go: no more than 4 are kept."
    )


def test_a_result_that_is_not_on_the_canvas_yet_holds_back(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    with qtbot.waitSignal(window.queue.job_ended, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert window.queue.running_job is None and window.document.result is None
    assert is_held_back(window) and "photo.png is still being restored" in message(window)
    # What stood against closing is another thing by now.
    qtbot.waitUntil(lambda: window.document.result is not None, timeout=5000)
    assert message(window) == ""


def test_the_photo_at_work_can_still_be_cancelled_after_a_result_was_offered(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo("a.png")
    restore(qtbot, window)
    engine.steps, engine.pause = 1000, 0.01
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    open_photo("b.png")
    assert message(window) == "The result of a.png was not saved."
    close_message(window)
    assert "a.png is still being restored" in message(window)
    with qtbot.waitSignal(window.queue.job_ended, timeout=5000):
        offers(window)["Cancel it"].click()
    assert message(window) == ""


def test_failures_in_the_queue_are_not_forgotten(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, make_photo: MakePhoto,
    open_photo: OpenPhoto,
) -> None:
    engine.failures["b.png"] = "b.png is damaged."
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        window.files.enqueue([make_photo("a.png"), make_photo("b.png")])
    window.queue.start()
    wait_for(qtbot, window, "1 photo restored, 1 failed")
    open_photo("c.png")
    assert "1 failed" in message(window)
    panel = window.panel(QueuePanel)
    panel.parentWidget().hide()
    offers(window)["Show the queue"].click()
    assert panel.isVisible() and message(window) == ""


def test_a_drop_that_was_not_answered_can_still_be(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto, open_photo: OpenPhoto
) -> None:
    open_photo("z.png")
    window.workbench.scene_dropped.emit([make_photo("a.png"), make_photo("b.png")])
    restore(qtbot, window)
    window.actions_by_id["save_result"].trigger()
    wait_for(qtbot, window, "Saved as z-restored.png")
    close_message(window)
    assert "Are these 2 photos of one scene" in message(window)
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        offers(window)["Restore one by one"].click()
    assert window.queue.rowCount() == 2


def test_the_mask_does_not_take_the_place_of_the_photo(
    window: MainWindow, open_photo: OpenPhoto
) -> None:
    photo = open_photo()
    before = photo.read_bytes()
    window.workbench.invert_mask()
    window.workbench.save_mask(photo)
    assert "is the photo itself" in message(window) and photo.read_bytes() == before
