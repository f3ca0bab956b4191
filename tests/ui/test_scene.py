"""Several photos of one scene: how they come together, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from by_hand import message, restore
from drops import drop, files
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QListWidget
from pytestqt.qtbot import QtBot

from gdp_desktop.ui.drops import dropped_paths
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.scene_group import SceneGroup
from gdp_desktop.ui.panels.task_panel import TaskPanel

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]


@pytest.fixture
def group(window: MainWindow) -> SceneGroup:
    window.panel(TaskPanel).choose_task("bracket")
    return window.findChild(SceneGroup)


def names(window: MainWindow) -> list[str]:
    return [path.name for path in window.document.others]


def test_it_is_shown_for_the_tasks_that_take_further_photos(
    window: MainWindow, group: SceneGroup
) -> None:
    assert group.isVisible()
    window.panel(TaskPanel).choose_task("inpainting")
    assert not group.isVisible()


def test_what_is_missing_is_said_and_nothing_can_be_started(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, engine: FakeEngine,
    open_photo: OpenPhoto, make_photo: MakePhoto,
) -> None:
    open_photo()
    button = window.findChild(QAbstractButton, "primary")
    assert window.workbench.hindrance == "Add 1 more photo of the same scene."
    assert not button.isEnabled() and not window.actions_by_id["run"].isEnabled()
    drop(group, make_photo("other.png"))
    assert button.isEnabled() and names(window) == ["other.png"]
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        button.click()
    assert [path.name for path in engine.jobs[0].others] == ["other.png"]


def test_dropped_photos_join_and_selected_ones_leave(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, open_photo: OpenPhoto,
    make_photo: MakePhoto,
) -> None:
    mine = open_photo()
    a, b = make_photo("a.png"), make_photo("b.png")
    drop(group, a, mine, b)
    drop(group, a)
    assert names(window) == ["a.png", "b.png"]
    shown = group.findChild(QListWidget)
    shown.setFocus()
    shown.setCurrentRow(0)
    qtbot.keyClick(shown, Qt.Key.Key_Delete)
    assert names(window) == ["b.png"]


def test_no_more_are_taken_than_the_task_can_use(
    window: MainWindow, group: SceneGroup, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    drop(group, *(make_photo(f"{number}.png") for number in range(5)))
    assert len(names(window)) == 3 and "takes 3 further photos" in window.message_bar.text


def test_of_many_photos_only_as_many_are_looked_at_as_can_be_used(
    window: MainWindow, group: SceneGroup, open_photo: OpenPhoto, make_photo: MakePhoto,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = open_photo()
    looked: list[Path] = []
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: looked.append(path) or is_dir(path))
    drop(group, *(path.with_name(f"{number}.png") for number in range(500)))
    assert len(names(window)) == 3 and "takes 3 further photos" in window.message_bar.text
    assert len(looked) < 10


def test_another_photo_is_another_scene(
    window: MainWindow, group: SceneGroup, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    drop(group, make_photo("other.png"))
    open_photo("new.png")
    assert names(window) == []


def test_without_a_photo_the_window_gets_the_drop(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, make_photo: MakePhoto
) -> None:
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        drop(group, make_photo())


def test_several_photos_for_a_task_that_needs_several_are_one_scene(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, make_photo: MakePhoto
) -> None:
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        drop(window, make_photo("a.png"), make_photo("b.png"))
    assert window.document.path.name == "a.png" and names(window) == ["b.png"]
    assert not window.workbench.hindrance


def test_where_the_task_can_do_both_it_is_asked(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto
) -> None:
    window.panel(TaskPanel).choose_task("guided")
    drop(window, make_photo("a.png"), make_photo("b.png"))
    offers = {b.text(): b for b in window.message_bar.findChildren(QAbstractButton)}
    assert {"One scene", "Restore one by one"} <= set(offers)
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        offers["Restore one by one"].click()
    assert window.queue.rowCount() == 2


def test_a_task_that_needs_several_photos_is_not_queued(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, make_photo: MakePhoto
) -> None:
    window.workbench.enqueue([make_photo("a.png")])
    qtbot.waitUntil(lambda: "one photo of several" in window.message_bar.text, timeout=5000)
    assert window.queue.rowCount() == 0


def test_the_others_stay_behind_when_the_task_takes_none(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, engine: FakeEngine,
    open_photo: OpenPhoto, make_photo: MakePhoto,
) -> None:
    open_photo()
    drop(group, make_photo("other.png"))
    window.panel(TaskPanel).choose_task("colorization")
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert engine.jobs[0].others == ()


def test_the_mask_does_not_take_the_place_of_another_photo_of_the_scene(
    window: MainWindow, group: SceneGroup, open_photo: OpenPhoto, make_photo: MakePhoto
) -> None:
    open_photo()
    other = make_photo("other.png")
    before = other.read_bytes()
    drop(group, other)
    window.workbench.invert_mask()
    window.workbench.save_mask(other)
    assert "is the photo itself" in message(window) and other.read_bytes() == before


def test_a_result_does_not_take_the_place_of_another_photo_of_the_scene(
    qtbot: QtBot, window: MainWindow, group: SceneGroup, open_photo: OpenPhoto,
    make_photo: MakePhoto,
) -> None:
    open_photo()
    other = make_photo("other.png")
    before = other.read_bytes()
    drop(group, other)
    restore(qtbot, window)
    window.workbench.export(other)
    assert "is the photo itself" in message(window) and other.read_bytes() == before


def test_the_disk_is_not_asked_about_what_is_called_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "album").mkdir()
    given = [tmp_path / name for name in ("a.png", "b.JPG", "album", "notes.txt")]
    asked: list[str] = []
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: asked.append(path.name) or is_dir(path))
    assert dropped_paths(files(*given)) == given[:3]
    assert asked == ["album", "notes.txt"]
