"""What was painted is not lost by opening another photo, nor unasked by closing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from by_hand import message, paint, restore, take_offer
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.ui.kept_masks import MOST_KEPT, KeptMask, KeptMasks
from gdp_desktop.ui.main_window import MainWindow

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]
SPOT = Rect(10, 20, 30, 8)


def open_again(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        window.files.take([path])


def has_spot(window: MainWindow) -> bool:
    wanted = np.zeros_like(window.document.mask.pixels)
    wanted[SPOT.slices] = 255
    return bool((window.document.mask.pixels == wanted).all())


def is_held_back(window: MainWindow) -> bool:
    window.actions_by_id["quit"].trigger()
    return window.isVisible()


def test_what_was_painted_is_there_when_the_photo_is_opened_again(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    first = open_photo("first.png")
    paint(window, SPOT)
    open_again(qtbot, window, first)
    assert has_spot(window) and "painted on it before is back" in message(window)
    open_photo("second.png")
    assert window.document.mask.is_empty and not message(window)
    open_again(qtbot, window, first)
    assert has_spot(window) and window.actions_by_id["clear_mask"].isEnabled()
    window.workbench.clear_mask()
    open_again(qtbot, window, first)
    assert window.document.mask.is_empty


def test_a_photo_of_another_size_gets_nothing_back(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    first = open_photo("first.png")
    paint(window, SPOT)
    make_photo("cropped.png", Size(60, 60)).replace(first)
    open_again(qtbot, window, first)
    assert window.document.mask.is_empty and window.document.mask.size == Size(60, 60)


def test_of_too_many_masks_the_oldest_is_let_go(tmp_path: Path) -> None:
    kept, mask = KeptMasks(), Mask.empty(Size(9, 9))
    paths = [tmp_path / f"{number}.png" for number in range(MOST_KEPT + 1)]
    for path in paths:
        kept.keep(KeptMask.of(path, mask, is_used=path == paths[2]))
    assert kept.unused == [paths[1], *paths[3:]]
    assert kept.take(paths[0], mask.size) is None and kept.take(paths[1], mask.size)
    assert kept.take(paths[1], mask.size) is None


def test_closing_asks_about_what_was_painted_for_nothing(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = open_photo("first.png")
    paint(window, SPOT)
    open_photo("second.png")
    assert is_held_back(window)
    assert message(window) == "What you painted on first.png was neither used nor saved."
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        take_offer(qtbot, window, "Open the photo")
    assert window.document.path == first and is_held_back(window)
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: None)
    take_offer(qtbot, window, "Save it…")
    with qtbot.waitSignal(window._loader.mask_saved, timeout=5000):
        window.findChild(QFileDialog).filesSelected.emit([str(tmp_path / "mask.png")])
    assert not is_held_back(window)


def test_who_agrees_may_close(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    paint(window, SPOT)
    assert is_held_back(window)
    take_offer(qtbot, window, "Close without saving")
    assert not window.isVisible()


def test_a_mask_that_was_used_is_not_asked_about(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    first = open_photo("first.png")
    paint(window, SPOT)
    restore(qtbot, window)
    with qtbot.waitSignal(window._loader.saved, timeout=5000):
        window.actions_by_id["save_result"].trigger()
    open_photo("second.png")
    open_again(qtbot, window, first)
    assert has_spot(window) and not is_held_back(window)


def test_a_mask_of_a_run_that_was_cancelled_is_asked_about(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    paint(window, SPOT)
    engine.steps, engine.pause = 1000, 0.01
    window.actions_by_id["run"].trigger()
    qtbot.waitUntil(lambda: window.workbench.is_running, timeout=5000)
    window.actions_by_id["cancel"].trigger()
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=5000)
    assert is_held_back(window) and "neither used nor saved" in message(window)


def test_what_is_painted_after_the_run_is_asked_about(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    paint(window, SPOT)
    restore(qtbot, window)
    with qtbot.waitSignal(window._loader.saved, timeout=5000):
        window.actions_by_id["save_result"].trigger()
    paint(window, Rect(0, 0, 5, 5))
    assert is_held_back(window) and "neither used nor saved" in message(window)


def test_a_mask_from_a_file_is_not_asked_about(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    with qtbot.waitSignal(window._loader.mask_loaded, timeout=5000):
        window.workbench.load_mask(make_photo("mask.png"))
    assert window.document.is_painted and not is_held_back(window)


def test_a_mask_that_the_queue_used_is_not_asked_about(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    paint(window, SPOT)
    window.workbench.set_recipe(Recipe("inpainting"))
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        window.workbench.enqueue([make_photo("other.png")])
    assert is_held_back(window)
    with qtbot.waitSignal(window.queue.batch_ended, timeout=5000):
        window.queue.start()
    assert not is_held_back(window)
