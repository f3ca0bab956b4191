from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from by_hand import message, paint, place, restore, take_offer
from drops import drop
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QScrollBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from gdp_desktop import app
from gdp_desktop.app import Program
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.photo import load_photo
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import Option
from gdp_desktop.ui.actions import ACTIONS, MENUS
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.message_bar import MessageBar
from gdp_desktop.ui.panels.queue_panel import QueuePanel
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.priors_dialog import PriorsDialog
from gdp_desktop.ui.settings import Settings
from gdp_desktop.ui.shortcut_sheet import ShortcutSheet

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

OpenPhoto = Callable[..., Path]
INTERACTIVE = (
    QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QAbstractItemView
)


def texts(window: MainWindow) -> list[str]:
    return [label.text() for label in window.findChildren(QLabel)]


def colour_at(window: MainWindow, x_share: float, y_share: float = 0.4) -> QColor:
    canvas = window.canvas
    spot = QPoint(round(canvas.width() * x_share), round(canvas.height() * y_share))
    return canvas.grab().toImage().pixelColor(spot)


# Drops


def test_a_dropped_photo_is_opened(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto
) -> None:
    path = make_photo("dropped.png")
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        drop(window, path)
    assert window.document.path == path
    assert window.windowTitle().startswith("dropped.png")


def test_several_dropped_photos_go_to_the_queue(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto
) -> None:
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        drop(window, make_photo("a.png"), make_photo("b.png"))
    assert [row.job.source.name for row in window.queue.rows] == ["a.png", "b.png"]
    assert window.queue.rows[0].job.output.name == "a-restored.png"
    assert window.panel(QueuePanel).isVisible()
    assert window.document.photo is None


def test_a_dropped_folder_goes_to_the_queue(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto
) -> None:
    path = make_photo("a.png")
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        drop(window, path.parent)
    assert [row.job.source for row in window.queue.rows] == [path]


def test_a_photo_dropped_on_the_queue_is_queued(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto
) -> None:
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        drop(window.panel(QueuePanel), make_photo("a.png"))
    assert window.queue.rowCount() == 1


def test_an_empty_folder_gets_a_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    drop(window, tmp_path / "empty")
    qtbot.waitUntil(lambda: "holds no photos" in message(window), timeout=5000)


def test_an_empty_folder_does_not_spoil_a_drop(
    qtbot: QtBot, window: MainWindow, make_photo: MakePhoto, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        drop(window, make_photo("a.png"), tmp_path / "empty", make_photo("b.png"))
    assert [row.job.source.name for row in window.queue.rows] == ["a.png", "b.png"]
    assert "holds no photos" in message(window)


def test_a_file_that_is_no_photo_gets_a_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a photo")
    drop(window, path)
    qtbot.waitUntil(lambda: "notes.txt" in message(window), timeout=5000)


# From the photo to the saved result


def test_what_the_work_on_a_photo_brought_up_is_said(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    restore(qtbot, window)
    assert not message(window)
    engine.remarks = ("No blur was found.", "It stays sharp.")
    restore(qtbot, window)
    assert message(window) == "No blur was found. It stays sharp."


def test_previews_come_and_the_result_can_be_undone(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.pause = 0.05
    source, document = open_photo(), window.document
    dark = colour_at(window, 0.5).lightness()
    previews = []
    document.preview_changed.connect(lambda: previews.append(document.preview))
    restore(qtbot, window)
    assert len({preview.done for preview in previews if preview}) >= 2
    assert document.preview is None and document.result
    assert colour_at(window, 0.5).lightness() > dark
    assert window.isWindowModified()
    document.undo_stack.undo()
    assert document.result is None and not window.isWindowModified()
    document.undo_stack.redo()
    assert document.result and window.isWindowModified()
    assert engine.jobs[0].source == source and engine.jobs[0].output is None


def test_saving_never_touches_the_photo(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    source = open_photo()
    before = source.read_bytes()
    restore(qtbot, window)
    for name in ("photo-restored.png", "photo-restored-2.png"):
        window.actions_by_id["save_result"].trigger()
        qtbot.waitUntil(lambda name=name: f"Saved as {name}." in message(window), timeout=5000)
    assert source.read_bytes() == before
    saved = load_photo(source.with_name("photo-restored.png"))
    assert (saved.pixels == window.document.result.photo.pixels).all()
    assert not window.isWindowModified()


def test_the_job_gets_a_copy_of_the_mask(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    paint(window, Rect(10, 10, 10, 10))
    restore(qtbot, window)
    mask = engine.jobs[0].mask
    assert mask is not window.document.mask
    assert (mask.pixels == window.document.mask.pixels).all() and mask.pixels.any()


@pytest.mark.parametrize("size", [Size(96, 80), Size(120, 100)])
def test_a_mask_for_the_photo_before_is_not_taken(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto, make_photo: MakePhoto, size: Size
) -> None:
    open_photo()
    mask, other = make_photo("mask.png"), make_photo("other.png", size)
    with qtbot.waitSignal(window._loader.mask_loaded, timeout=5000):
        window.files.take([other])
        window.workbench.load_mask(mask)
    document = window.document
    assert document.path == other
    assert document.mask.is_empty and not document.undo_stack.canUndo()


def test_a_mask_is_asked_for_where_it_is_needed(
    window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    window.panel(TaskPanel).choose_task(next(t.id for t in TASKS.values() if t.needs_mask))
    assert window.actions_by_id["use_brush"].isChecked()
    window.actions_by_id["run"].trigger()
    assert "Paint over" in message(window)
    assert not engine.jobs


def test_who_has_painted_is_not_asked_to_any_more(
    window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    needing = next(t.id for t in TASKS.values() if t.needs_mask)
    window.panel(TaskPanel).choose_task(needing)
    window.actions_by_id["run"].trigger()
    assert "Paint over" in message(window)
    window.workbench.invert_mask()
    assert not message(window)
    window.workbench.clear_mask()
    window.actions_by_id["run"].trigger()
    assert "Paint over" in message(window)
    window.panel(TaskPanel).choose_task("denoise")
    assert not message(window)


def test_a_mask_that_is_found_need_not_be_painted(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    open_photo()
    task = TASKS["inpainting"]
    params = next({option.key: choice} for option in task.params if isinstance(option, Option)
                  for choice, _ in option.choices if task.finds_mask({option.key: choice}))
    window.panel(TaskPanel).set_recipe(Recipe(task.id, params))
    restore(qtbot, window)
    assert engine.jobs[0].mask is None


def test_a_failure_is_said_in_the_window(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.failures["photo.png"] = "There is not enough memory; close other programs."
    open_photo()
    window.actions_by_id["run"].trigger()
    qtbot.waitUntil(lambda: message(window) == engine.failures["photo.png"], timeout=5000)
    assert window.actions_by_id["run"].isEnabled()


def test_cancel_gives_the_photo_back(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.01
    open_photo()
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    assert not window.actions_by_id["run"].isEnabled()
    button = window.findChild(QAbstractButton, "primary")
    window.actions_by_id["cancel"].trigger()
    assert not button.isEnabled()
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=5000)
    assert window.document.preview is None and window.document.result is None
    assert button.isEnabled() and button.text() == "Restore photo"


def test_a_photo_no_longer_open_is_still_restored_and_offered(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.steps, engine.pause = 10, 0.05
    first = open_photo("first.png")
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    open_photo("second.png")
    assert "first.png is still being restored" in message(window)
    assert not window.workbench.is_running and window.document.preview is None
    qtbot.waitUntil(lambda: "first.png was not saved" in message(window), timeout=5000)
    assert window.document.result is None
    take_offer(qtbot, window, "Save it")
    qtbot.waitUntil(first.with_name("first-restored.png").exists, timeout=5000)


def test_a_photo_no_longer_open_can_be_cancelled(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.01
    open_photo("first.png")
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    open_photo("second.png")
    window.actions_by_id["run"].trigger()
    assert "Waiting for first.png…" in texts(window)
    waited: list[bool] = []
    window.queue.job_started.connect(
        lambda *_: waited.append("Waiting for first.png…" in texts(window))
    )
    engine.steps = 2
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        take_offer(qtbot, window, "Cancel it")
    assert window.document.result.photo.path.name == "second.png"
    assert waited == [False]


def test_who_comes_back_finds_the_photo_at_work(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.steps, engine.pause = 20, 0.05
    first = open_photo("first.png")
    with qtbot.waitSignal(window.document.preview_changed, timeout=5000):
        window.actions_by_id["run"].trigger()
    open_photo("second.png")
    assert "first.png is still being restored" in message(window)
    with qtbot.waitSignal(window.document.opened, timeout=5000):
        window.files.take([first])
    assert message(window) == "" and window.workbench.is_running
    with qtbot.waitSignal(window.document.result_changed, timeout=5000):
        pass
    assert window.document.result.photo.path == first


def test_an_unsaved_result_is_offered_when_another_photo_is_opened(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    first = open_photo("first.png")
    restore(qtbot, window)
    open_photo("second.png")
    assert "first.png was not saved" in message(window)
    take_offer(qtbot, window, "Save it")
    qtbot.waitUntil(first.with_name("first-restored.png").exists, timeout=5000)
    assert not window.isWindowModified()


def test_what_was_not_saved_stays_on_offer_until_it_is_declined(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    paths = []
    for name in ("a.png", "b.png"):
        paths.append(open_photo(name))
        restore(qtbot, window)
    open_photo("c.png")
    assert message(window) == "2 results were not saved: a.png, b.png."
    take_offer(qtbot, window, "Save them")
    for path in paths:
        qtbot.waitUntil(path.with_name(f"{path.stem}-restored.png").exists, timeout=5000)


def test_closing_in_mid_job_is_clean(
    qtbot: QtBot, program: Program, engine: FakeEngine, open_photo: OpenPhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.01
    open_photo()
    with qtbot.waitSignal(program.window.document.preview_changed, timeout=5000):
        program.window.actions_by_id["run"].trigger()
    assert not program.window.close()
    take_offer(qtbot, program.window, "Cancel it and close")
    assert not program.window.isVisible()
    assert program.shutdown()


def test_closing_remembers_how_hard_the_brush_is(window: MainWindow) -> None:
    window.brush.set_hardness(0.35)
    assert window.close()
    assert Settings().brush_hardness == 0.35


def test_an_unsaved_result_holds_the_user_back(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    open_photo()
    restore(qtbot, window)
    window.actions_by_id["quit"].trigger()
    assert window.isVisible() and "not saved" in message(window)


def test_quit_of_the_system_asks_as_well(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, open_photo: OpenPhoto
) -> None:
    """In the Dock of macOS, or on logging out."""
    open_photo()
    restore(qtbot, window)
    qapp.closeAllWindows()
    assert window.isVisible() and "not saved" in message(window)
    window.message_bar.withdraw("closing")
    quit_event = QEvent(QEvent.Type.Quit)
    qapp.sendEvent(qapp, quit_event)
    assert not quit_event.isAccepted()
    assert window.isVisible() and "not saved" in message(window)
    take_offer(qtbot, window, "Close without saving")
    assert not window.isVisible()


def test_ctrl_c_in_the_terminal_asks_nothing(
    qtbot: QtBot, program: Program, open_photo: OpenPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    application = SimpleNamespace(exit=lambda: left.append("exit"), quit=QCoreApplication.quit)
    monkeypatch.setattr(app, "QCoreApplication", application)
    open_photo()
    restore(qtbot, program.window)
    program.window.brush.set_hardness(0.35)
    program.mishaps.report(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not program.window.isVisible() and left == ["exit"]
    assert Settings().brush_hardness == 0.35


def test_the_queue_says_how_it_went(
    qtbot: QtBot, window: MainWindow, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["b.png"] = "b.png is damaged."
    with qtbot.waitSignal(window.workbench.enqueued, timeout=5000):
        drop(window, make_photo("a.png"), make_photo("b.png"))
    window.queue.start()
    qtbot.waitUntil(lambda: "1 photo restored, 1 failed" in message(window), timeout=5000)


# Looking


@pytest.fixture
def compared(qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto) -> MainWindow:
    """The result is brighter than the photo by far."""
    open_photo()
    restore(qtbot, window)
    return window


def test_the_original_can_be_shown(compared: MainWindow) -> None:
    after = colour_at(compared, 0.5).lightness()
    compared.actions_by_id["show_original"].trigger()
    assert colour_at(compared, 0.5).lightness() < after - 30
    compared.actions_by_id["show_original"].trigger()
    assert colour_at(compared, 0.5).lightness() == after


def test_the_key_shows_the_original_as_long_as_it_is_held(
    qtbot: QtBot, compared: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = compared.actions_by_id["show_original"]
    action.trigger()
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    qtbot.keyRelease(compared.canvas, Qt.Key.Key_Backslash)
    assert not action.isChecked()


def test_the_divider_parts_before_and_after(qtbot: QtBot, compared: MainWindow) -> None:
    canvas = compared.canvas
    compared.actions_by_id["show_split"].trigger()
    assert colour_at(compared, 0.4).lightness() < colour_at(compared, 0.6).lightness() - 30
    middle, right = (QPoint(round(canvas.width() * share), 200) for share in (0.5, 0.7))
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(canvas, right)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=right)
    assert colour_at(compared, 0.6).lightness() < colour_at(compared, 0.75).lightness() - 30


def test_a_click_places_the_divider(qtbot: QtBot, compared: MainWindow) -> None:
    compared.actions_by_id["show_split"].trigger()
    canvas = compared.canvas
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 3, 300))
    assert colour_at(compared, 0.4).lightness() > colour_at(compared, 0.25).lightness() + 30


def test_a_divider_at_the_edge_can_still_be_taken(qtbot: QtBot, compared: MainWindow) -> None:
    compared.actions_by_id["show_split"].trigger()
    compared.canvas.place_split(-500)
    assert compared.canvas.is_near_split(28)


def test_the_status_line_tells_the_pixel(
    qtbot: QtBot, window: MainWindow, open_photo: OpenPhoto
) -> None:
    photo = load_photo(open_photo())
    qtbot.mouseMove(window.canvas, place(window, 48.5, 40.5))
    red, green, blue = photo.pixels[40, 48]
    texts = [label.text() for label in window.statusBar().findChildren(QWidget)
             if hasattr(label, "text")]
    assert f"48, 40:  {red} {green} {blue}" in texts
    assert "96 × 80 · 8 bit · PNG" in texts


def test_at_100_percent_pixels_are_shown_as_they_are(
    window: MainWindow, open_photo: OpenPhoto
) -> None:
    photo = load_photo(open_photo())
    window.actions_by_id["actual_size"].trigger()
    shot = window.canvas.grab().toImage()
    origin = window.canvas.viewport.origin
    x, y = round(origin.x), round(origin.y)
    for column, row in ((0, 0), (95, 79), (33, 44)):
        pixel = shot.pixelColor(x + column, y + row)
        assert (pixel.red(), pixel.green(), pixel.blue()) == tuple(photo.pixels[row, column])


# Everything in the window


def test_every_interactive_widget_has_a_name(window: MainWindow) -> None:
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in everything(window)
        if isinstance(widget, INTERACTIVE) and is_ours(widget)
        and not widget.accessibleName() and not getattr(widget, "text", str)()
    ]
    assert not nameless


def test_every_control_has_a_tool_tip(window: MainWindow) -> None:
    silent = [
        widget.accessibleName()
        for widget in everything(window)
        if isinstance(widget, INTERACTIVE) and is_ours(widget)
        and not isinstance(widget, QAbstractItemView) and not widget.toolTip()
    ]
    assert not silent


def everything(window: MainWindow) -> list[QWidget]:
    sheet, priors = ShortcutSheet(window), PriorsDialog(window._repertoire.shelf, window)
    return [w for root in (window, sheet, priors) for w in root.findChildren(QWidget)]


def is_ours(widget: QWidget) -> bool:
    """Not one that Qt puts into its own spin boxes, lists, docks, tool bars and dialogs."""
    name = widget.objectName()
    inside = widget.parent()
    return not (
        name.startswith("qt_")
        or isinstance(widget, QScrollBar)
        or isinstance(inside, QAbstractSpinBox | QComboBox | QLineEdit | QMenu)
        or isinstance(inside and inside.parent(), QComboBox)
        or isinstance(inside, QAbstractItemView | QMenuBar)
        or type(inside).__name__ in ("QComboBoxPrivateContainer", "QDialogButtonBox")
    )


def test_no_shortcut_means_two_things(window: MainWindow) -> None:
    used = Counter(
        key.toString(QKeySequence.SequenceFormat.PortableText)
        for action in window.actions_by_id.values()
        for key in action.shortcuts()
    )
    assert all(used), "a shortcut that Qt does not understand"
    assert [key for key, count in used.items() if count > 1] == []


def test_a_key_that_is_held_repeats_only_what_goes_step_by_step(window: MainWindow) -> None:
    repeated = {name for name, action in window.actions_by_id.items() if action.autoRepeat()}
    assert repeated == {
        "undo", "redo", "zoom_in", "zoom_out",
        "grow_brush", "shrink_brush", "harden_brush", "soften_brush",
    }


def test_every_action_is_in_a_menu() -> None:
    in_menus = {action_id for _, ids in MENUS for action_id in ids}
    assert {row.id for row in ACTIONS} <= in_menus


def test_the_shortcut_sheet_can_be_searched(qtbot: QtBot) -> None:
    sheet = ShortcutSheet()
    qtbot.addWidget(sheet)
    sheet.findChild(QLineEdit).setText("eraser")
    tree = sheet.findChild(QAbstractItemView)
    model = tree.model()
    shown = [model.index(row, 0).data() for row in range(model.rowCount())
             if not tree.isRowHidden(row, tree.rootIndex())]
    assert shown == ["Eraser"]


def test_good_news_goes_away_and_bad_news_stays(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    bar.inform("Saved.")
    assert bar._timer.isActive()
    bar.warn("Not saved.")
    assert not bar._timer.isActive() and bar.text == "Not saved."


def test_tool_buttons_show_their_action(window: MainWindow) -> None:
    buttons = [button for button in window.findChildren(QToolButton) if button.defaultAction()]
    assert buttons
    assert all(not button.icon().isNull() for button in buttons)
