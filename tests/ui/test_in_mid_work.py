"""What may be done while something else is under way, and what is left of it afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from by_hand import message, restore, take_offer
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from gdp_desktop.image.files import version_of
from gdp_desktop.image.geometry import Size
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.slider_row import SliderRow
from gdp_desktop.worker import loader

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]


def is_on(window: MainWindow, action: str) -> bool:
    return window.actions_by_id[action].isEnabled()


def test_only_the_result_that_is_seen_can_be_saved(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    restore(qtbot, window)
    assert is_on(window, "save_result") and is_on(window, "export_result")
    engine.steps, engine.pause = 1000, 0.01
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert not is_on(window, "save_result") and not is_on(window, "export_result")
    window.actions_by_id["cancel"].trigger()
    qtbot.waitUntil(lambda: is_on(window, "save_result"), timeout=5000)


def test_the_original_is_not_shown_over_what_comes_next(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo("first.png")
    restore(qtbot, window)
    original = window.actions_by_id["show_original"]
    original.trigger()
    assert original.isChecked()
    restore(qtbot, window)
    assert not original.isChecked()
    original.trigger()
    open_photo("second.png")
    assert not original.isChecked()


def test_a_result_that_cannot_be_shown_can_be_saved(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_little(*_: object) -> None:
        raise MemoryError

    path = open_photo()
    monkeypatch.setattr(loader, "display_pyramid", too_little)
    window.actions_by_id["run"].trigger()
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=5000)
    assert window.document.result is None and message(window)
    window.message_bar.dismiss()
    take_offer(qtbot, window, "Save it")
    qtbot.waitUntil(path.with_name("photo-restored.png").exists, timeout=5000)


def test_closing_points_out_one_thing_after_the_other(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto,
    make_photo: MakePhoto,
) -> None:
    open_photo()
    restore(qtbot, window)
    engine.steps, engine.pause = 1000, 0.01
    window.workbench.enqueue([make_photo("one.png"), make_photo("two.png")])
    qtbot.waitUntil(lambda: len(window.queue.rows) == 2, timeout=5000)
    window.queue.start()
    window.actions_by_id["quit"].trigger()
    assert window.isVisible() and "not saved" in message(window)
    take_offer(qtbot, window, "Close without saving")
    assert window.isVisible() and "queue is not done" in message(window)
    take_offer(qtbot, window, "Cancel the queue and close")
    assert not window.isVisible()


def test_the_mask_is_not_turned_round_in_mid_stroke(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    window.actions_by_id["use_brush"].trigger()
    middle = QPoint(window.canvas.width() // 2, window.canvas.height() // 2)
    qtbot.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=middle)
    held = ("invert_mask", "clear_mask", "load_mask", "undo")
    assert not any(is_on(window, action) for action in held)
    qtbot.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert all(is_on(window, action) for action in held)
    painted = window.document.mask.pixels.copy()
    # Back and Forward of a mouse neither paint nor erase.
    for button in (Qt.MouseButton.BackButton, Qt.MouseButton.ForwardButton):
        qtbot.mouseClick(window.canvas, button, pos=middle)
    assert painted.any() and (window.document.mask.pixels == painted).all()


def test_once_a_number_is_typed_the_keys_are_the_photo_s(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    field = next(row for row in window.findChildren(SliderRow) if row.isVisible())._field
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=5000)
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert not field.hasFocus()


@pytest.mark.parametrize("answer", ["Replace it", "Cancel"])
def test_no_file_is_replaced_unasked(
    answer: str, qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    restore(qtbot, window)
    other = make_photo("other.png")
    before = other.read_bytes()
    window.actions_by_id["export_result"].trigger()
    dialog = window.findChild(QFileDialog)
    assert dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.filesSelected.emit([str(other)])
    box = window.findChild(QMessageBox)
    assert "other.png" in box.text()
    next(b for b in box.buttons() if b.text().replace("&", "") == answer).click()
    if answer == "Cancel":
        # Files are written one after the other.
        window.actions_by_id["save_result"].trigger()
        qtbot.waitUntil(lambda: "Saved as" in message(window), timeout=5000)
        assert other.read_bytes() == before
    else:
        qtbot.waitUntil(lambda: other.read_bytes() != before, timeout=5000)
    dialog.reject()


@pytest.mark.parametrize("asked", ["export_result", "load_mask", "save_mask"])
def test_a_file_chosen_for_a_photo_is_not_used_for_another(
    asked: str, qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo("first.png")
    if asked == "save_mask":
        window.actions_by_id["invert_mask"].trigger()
    restore(qtbot, window)
    other = make_photo("other.png")
    before = other.read_bytes()
    window.actions_by_id[asked].trigger()
    dialog = window.findChild(QFileDialog)
    open_photo("second.png")
    dialog.filesSelected.emit([str(other.with_name("new.png") if asked != "load_mask" else other)])
    assert "Another photo was opened while you chose a file" in message(window)
    assert other.read_bytes() == before and not other.with_name("new.png").exists()
    assert window.document.mask is None or window.document.mask.is_empty
    dialog.reject()


def test_a_raised_limit_holds_for_what_failed(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["one.png"] = "1.0 GB are allowed; raise the limit or take a smaller photo."
    window.workbench.limit_memory(10**9)
    window.workbench.enqueue([make_photo("one.png")])
    qtbot.waitUntil(lambda: len(window.queue.rows) == 1, timeout=5000)
    window.queue.start()
    qtbot.waitUntil(lambda: window.queue.rows[0].state.is_over, timeout=5000)
    window.workbench.limit_memory(4 * 10**9)
    window.queue.retry(0)
    qtbot.waitUntil(lambda: len(engine.jobs) == 2, timeout=5000)
    assert [job.memory_limit for job in engine.jobs] == [10**9, 4 * 10**9]


def test_a_job_knows_the_photo_that_was_opened(
    window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    path = open_photo()
    job = window.workbench.job()
    assert job and job.version == version_of(path)
    make_photo("larger.png", Size(200, 100)).replace(path)
    job = window.workbench.job()
    assert job and job.version != version_of(path)


def test_a_photo_is_no_further_one_of_itself(
    window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    path, other = open_photo(), make_photo("other.png")
    link = path.with_name("link.png")
    link.symlink_to(path)
    # As the command line may name it.
    again = Path(os.path.relpath(path))
    window.workbench.set_recipe(Recipe("denoise"))
    window.workbench.add_others([again, link, other, other])
    assert window.document.others == (other,)
