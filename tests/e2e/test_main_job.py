"""The one thing the program is for: open, paint, watch, save — and the same by command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from gdp_desktop.app import Program
from gdp_desktop.image.mask import save_mask
from gdp_desktop.methods import METHODS
from gdp_desktop.priors.download import download
from gdp_desktop.priors.importing import import_prior
from gdp_desktop.priors.shelf import survey
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.restoration.restore import restore
from gdp_desktop.tasks import TASKS
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.viewport import Point
from gdp_desktop.worker.prior_shelf import PriorShelf

if TYPE_CHECKING:
    from conftest import MakePhoto

# torch warns about a function that it calls itself when a network is first moved.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit")

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 120_000
LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
RECIPE = Recipe("inpainting", {"freedom": 1.0}, steps=3, seed=5, device="cpu")


@pytest.fixture
def program(qtbot: QtBot) -> Iterator[Program]:
    assert survey().priors, "the prior that ships with the program is missing from models/"
    shelf = PriorShelf(survey, import_prior, download, ())
    program = Program(restore, Repertoire(TASKS, METHODS, shelf))
    qtbot.addWidget(program.window)
    program.window.resize(1000, 700)
    program.window.show()
    yield program
    assert program.shutdown()


def test_what_is_painted_is_restored_as_by_command_line(
    qtbot: QtBot, program: Program, make_photo: MakePhoto, tmp_path: Path
) -> None:
    window, source = program.window, make_photo("dark.png")
    open_photo(qtbot, window, source)
    window.panel(TaskPanel).set_recipe(RECIPE)
    paint(qtbot, window, (30, 40), (60, 45))
    assert len(previews_of_a_run(qtbot, window)) >= 2
    window.panel(TaskPanel).set_amount(0.7)
    save(qtbot, window)
    mask = tmp_path / "mask.png"
    save_mask(window.document.mask, mask)
    by_command = restored_by_command(
        source, tmp_path / "out", "--mask", str(mask), "--amount", "0.7"
    )
    assert (tmp_path / "dark-restored.png").read_bytes() == by_command.read_bytes()


def test_a_queued_photo_is_saved_as_by_command_line(
    qtbot: QtBot, program: Program, make_photo: MakePhoto, tmp_path: Path
) -> None:
    window, source = program.window, make_photo("dark.png")
    window.panel(TaskPanel).set_recipe(Recipe("low-light", {"exposure": 0.6}, device="cpu"))
    window.panel(TaskPanel).set_amount(0.57)
    with qtbot.waitSignal(window.workbench.enqueued, timeout=PATIENCE):
        window.files.enqueue([source])
    with qtbot.waitSignal(window.queue.batch_ended, timeout=PATIENCE) as blocker:
        window.queue.start()
    assert blocker.args[0].done == 1, window.queue.rows[0].error
    by_command = restored_by_command(
        source, tmp_path / "out", task="low-light", params=("exposure=0.6",),
        numbers=("--amount", "0.57"),
    )
    assert (tmp_path / "dark-restored.png").read_bytes() == by_command.read_bytes()


def open_photo(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.document.opened, timeout=PATIENCE):
        window.files.take([path])


def paint(qtbot: QtBot, window: MainWindow, *points: tuple[float, float]) -> None:
    window.actions_by_id["use_brush"].trigger()
    window.brush.set_size(12)
    spots = [place(window, *point) for point in points]
    qtbot.mousePress(window.canvas, LEFT, NO_KEY, spots[0])
    for spot in spots:
        qtbot.mouseMove(window.canvas, spot)
    qtbot.mouseRelease(window.canvas, LEFT, NO_KEY, spots[-1])
    assert not window.document.mask.is_empty


def place(window: MainWindow, x: float, y: float) -> QPoint:
    spot = window.canvas.viewport.to_widget(Point(x, y))
    return QPoint(round(spot.x), round(spot.y))


def previews_of_a_run(qtbot: QtBot, window: MainWindow) -> set[bytes]:
    document, seen = window.document, set()

    def note() -> None:
        if document.preview:
            seen.add(document.preview.pixels.tobytes())

    document.preview_changed.connect(note)
    window.actions_by_id["run"].trigger()
    qtbot.waitUntil(lambda: not window.workbench.is_running, timeout=PATIENCE)
    assert document.result, window.message_bar.text
    return seen


def save(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_by_id["save_result"].trigger()
    qtbot.waitUntil(lambda: "Saved as" in window.message_bar.text, timeout=PATIENCE)


def restored_by_command(
    source: Path,
    folder: Path,
    *options: str,
    task: str = RECIPE.task,
    params: tuple[str, ...] = ("freedom=1.0",),
    numbers: tuple[str, ...] = ("--steps", "3", "--seed", "5"),
) -> Path:
    folder.mkdir()
    command = [sys.executable, "main.py", "restore", str(source), "--task", task,
               "--output", str(folder), "--device", "cpu", *numbers, *options]
    for param in params:
        command += ["--param", param]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.iterdir())
