from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from by_hand import place
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask, save_mask
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.mask_tiles import MaskHistory, differences, unpacked
from gdp_desktop.ui.viewport import Point

OpenPhoto = Callable[..., Path]
LEFT, RIGHT, MIDDLE = (
    Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
)
SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
NO_KEY = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def painting(window: MainWindow, open_photo: OpenPhoto) -> MainWindow:
    """A photo of 96 × 80 is open and a hard brush of 10 pixels at hand."""
    open_photo()
    take_brush(window)
    return window


@pytest.fixture
def tiled(window: MainWindow, open_photo: OpenPhoto) -> MainWindow:
    """As ``painting``, with a photo of 600 × 600: undo keeps its mask in nine tiles."""
    open_photo("tiled.png", Size(600, 600))
    take_brush(window)
    return window


def take_brush(window: MainWindow) -> None:
    window.actions_by_id["use_brush"].trigger()
    window.brush.set_size(10)
    window.brush.set_hardness(1)


def drag(
    qtbot: QtBot,
    window: MainWindow,
    *points: tuple[float, float],
    button: Qt.MouseButton = LEFT,
    keys: Qt.KeyboardModifier = NO_KEY,
) -> None:
    spots = [place(window, *point) for point in points]
    qtbot.mousePress(window.canvas, button, keys, spots[0])
    for spot in spots[1:]:
        qtbot.mouseMove(window.canvas, spot)
    qtbot.mouseRelease(window.canvas, button, keys, spots[-1])


def test_a_stroke_paints_where_the_mouse_went(qtbot: QtBot, painting: MainWindow) -> None:
    drag(qtbot, painting, (20, 40), (70, 40))
    mask = painting.document.mask.pixels
    assert mask[40, 20] == mask[40, 45] == mask[40, 70] == 255
    assert mask[20, 45] == mask[60, 45] == mask[40, 85] == 0


def test_undo_and_redo_restore_the_mask_exactly(qtbot: QtBot, tiled: MainWindow) -> None:
    tiled.brush.set_hardness(0.3)
    document = tiled.document
    stack, seen = document.undo_stack, [document.mask.pixels.copy()]
    drag(qtbot, tiled, (120, 120), (360, 300))
    seen.append(document.mask.pixels.copy())
    drag(qtbot, tiled, (360, 120), (120, 300), (300, 560), button=RIGHT)
    seen.append(document.mask.pixels.copy())
    tiled.actions_by_id["invert_mask"].trigger()
    seen.append(document.mask.pixels.copy())
    tiled.actions_by_id["clear_mask"].trigger()
    seen.append(document.mask.pixels.copy())
    assert not seen[-1].any()
    for before in reversed(seen[:-1]):
        stack.undo()
        assert (document.mask.pixels == before).all()
    for after in seen[1:]:
        stack.redo()
        assert (document.mask.pixels == after).all()


@pytest.mark.parametrize("how", [{"button": RIGHT}, {"keys": ALT}, {}])
def test_three_ways_to_erase(qtbot: QtBot, painting: MainWindow, how: dict) -> None:
    drag(qtbot, painting, (20, 40), (70, 40))
    if not how:
        painting.actions_by_id["use_eraser"].trigger()
    painting.brush.set_size(14)
    drag(qtbot, painting, (20, 40), (70, 40), **how)
    assert painting.document.mask.is_empty


def test_shift_click_draws_a_line_from_the_last_stroke(
    qtbot: QtBot, painting: MainWindow
) -> None:
    drag(qtbot, painting, (20, 20))
    drag(qtbot, painting, (60, 60), keys=SHIFT)
    assert painting.document.mask.pixels[40, 40] == 255


def test_no_line_is_drawn_from_a_point_of_the_last_photo(
    qtbot: QtBot, painting: MainWindow, open_photo: OpenPhoto
) -> None:
    drag(qtbot, painting, (20, 20))
    open_photo("another.png")
    take_brush(painting)
    drag(qtbot, painting, (60, 60), keys=SHIFT)
    mask = painting.document.mask.pixels
    assert mask[60, 60] == 255 and mask[40, 40] == 0


def test_the_middle_button_moves_the_photo_instead(qtbot: QtBot, painting: MainWindow) -> None:
    painting.canvas.zoom_to(20)
    before = painting.canvas.viewport
    drag(qtbot, painting, (40, 40), (44, 42), button=MIDDLE)
    assert painting.document.mask.is_empty
    assert painting.canvas.viewport.centre.x == pytest.approx(before.centre.x - 4, abs=0.1)


def test_space_moves_the_photo_with_the_brush(qtbot: QtBot, painting: MainWindow) -> None:
    painting.canvas.zoom_to(20)
    before = painting.canvas.viewport
    qtbot.keyPress(painting.canvas, Qt.Key.Key_Space)
    drag(qtbot, painting, (40, 40), (44, 42))
    qtbot.keyRelease(painting.canvas, Qt.Key.Key_Space)
    assert painting.document.mask.is_empty
    assert painting.canvas.viewport != before


def test_keys_change_the_brush(painting: MainWindow) -> None:
    painting.actions_by_id["grow_brush"].trigger()
    assert painting.brush.size == pytest.approx(12.5)
    painting.actions_by_id["shrink_brush"].trigger()
    painting.actions_by_id["soften_brush"].trigger()
    assert painting.brush.size == pytest.approx(10)
    assert painting.brush.hardness == pytest.approx(0.9)


def test_the_mask_shows_as_red_while_it_is_painted(qtbot: QtBot, painting: MainWindow) -> None:
    spot = place(painting, 40, 40)
    before = painting.canvas.grab().toImage().pixelColor(spot)
    drag(qtbot, painting, (30, 40), (50, 40))
    qtbot.mouseMove(painting.canvas, place(painting, 80, 10))
    after = painting.canvas.grab().toImage().pixelColor(spot)
    assert after.red() > before.red() + 60


def test_nothing_can_be_undone_in_mid_stroke(qtbot: QtBot, painting: MainWindow) -> None:
    drag(qtbot, painting, (20, 20), (30, 30))
    undo = painting.actions_by_id["undo"]
    assert undo.isEnabled()
    qtbot.mousePress(painting.canvas, LEFT, NO_KEY, place(painting, 50, 50))
    assert not undo.isEnabled()
    qtbot.mouseRelease(painting.canvas, LEFT, NO_KEY, place(painting, 50, 50))
    assert undo.isEnabled()


@pytest.fixture
def noise() -> Mask:
    pixels = np.random.default_rng(3).integers(0, 256, (600, 700), np.uint8)
    return Mask(pixels)


def test_history_keeps_only_the_tiles_that_changed(noise: Mask) -> None:
    before = noise.copy()
    history = MaskHistory(noise)
    history.remember(Rect(200, 100, 400, 300))
    noise.pixels[150:160, 300:310] = 7
    (only,) = history.changes()
    assert only.rect == Rect(256, 0, 256, 256)
    noise.write(only.rect, unpacked(only.before))
    assert (noise.pixels == before.pixels).all()


def test_differences_lead_from_one_mask_to_the_other(noise: Mask) -> None:
    other = Mask.empty(noise.size)
    other.pixels[400:, 500:] = 255
    for tile in differences(noise, other):
        noise.write(tile.rect, unpacked(tile.after))
    assert (noise.pixels == other.pixels).all()


def test_a_long_straight_line_is_undone_as_well(tiled: MainWindow) -> None:
    brush, document = tiled.brush, tiled.document
    brush.press(Point(-900, -600))
    brush.drag(Point(1400, 1100))
    brush.release()
    assert not document.mask.is_empty
    document.undo_stack.undo()
    assert document.mask.is_empty


def test_a_dab_that_reaches_into_other_tiles_is_undone_there_as_well(tiled: MainWindow) -> None:
    brush, document = tiled.brush, tiled.document
    brush.set_size(100)
    brush.press(Point(220, 300))
    brush.release()
    assert document.mask.pixels[300, 265] == document.mask.pixels[255, 220] == 255
    document.undo_stack.undo()
    assert document.mask.is_empty


def test_the_button_that_began_a_stroke_ends_it(qtbot: QtBot, painting: MainWindow) -> None:
    canvas, mask = painting.canvas, painting.document.mask.pixels
    qtbot.mousePress(canvas, LEFT, NO_KEY, place(painting, 20, 40))
    qtbot.mousePress(canvas, RIGHT, NO_KEY, place(painting, 20, 40))
    qtbot.mouseRelease(canvas, RIGHT, NO_KEY, place(painting, 20, 40))
    qtbot.mouseMove(canvas, place(painting, 70, 40))
    assert painting.brush.is_painting and mask[40, 60] == 255
    qtbot.mouseRelease(canvas, LEFT, NO_KEY, place(painting, 70, 40))
    assert not painting.brush.is_painting


def test_space_is_let_go_when_something_else_is_typed_in(
    qtbot: QtBot, painting: MainWindow
) -> None:
    canvas = painting.canvas
    canvas.setFocus()
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    drag(qtbot, painting, (20, 40), (60, 40))
    assert not painting.document.is_painted
    canvas.clearFocus()
    drag(qtbot, painting, (20, 40), (60, 40))
    assert painting.document.is_painted


def test_a_mask_that_comes_in_mid_stroke_is_one_step_of_undo_and_the_stroke_another(
    qtbot: QtBot, painting: MainWindow, tmp_path: Path
) -> None:
    document, size = painting.document, painting.document.photo.size
    full = Mask(np.full(size.shape, 255, np.uint8))
    save_mask(full, tmp_path / "full.png")
    qtbot.mousePress(painting.canvas, LEFT, NO_KEY, place(painting, 20, 40))
    stroke = document.mask.pixels.copy()
    with qtbot.waitSignal(painting._loader.mask_loaded, timeout=5000):
        painting.workbench.load_mask(tmp_path / "full.png")
    assert document.mask.pixels.all()
    qtbot.mouseMove(painting.canvas, place(painting, 60, 40))
    qtbot.mouseRelease(painting.canvas, LEFT, NO_KEY, place(painting, 60, 40))
    document.undo_stack.undo()
    assert stroke.any() and np.array_equal(document.mask.pixels, stroke)
    document.undo_stack.undo()
    assert not document.mask.pixels.any()
