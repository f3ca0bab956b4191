"""A real window with an engine that only pretends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

from gdp_desktop.app import Program
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Method
from gdp_desktop.restoration.job import Job
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import Param
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.theme import apply_theme

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

# An expert method with settings, a task that needs further photos and one that may have them are
# always among them.
SLOW = Method(
    "slow", "Slow", "Takes its time.", METHODS["adaptive"].solver, default_steps=33, expert=True,
    params=(Param("care", "Care", 0.5, 0, 1, help="How much."),), order=999,
)
BRACKET = replace(TASKS["denoise"], id="bracket", title="Bracket", others=(1, 3))
GUIDED = replace(TASKS["denoise"], id="guided", title="Guided", others=(0, 2))
REPERTOIRE = Repertoire(
    {**TASKS, BRACKET.id: BRACKET, GUIDED.id: GUIDED}, {**METHODS, SLOW.id: SLOW},
    ["photo-small", "other"],
)


def price(job: Job) -> SimpleNamespace:
    """A second and a gigabyte for every step."""
    return SimpleNamespace(seconds=float(job.recipe.steps or 1), bytes=10**9)


OpenPhoto = Callable[..., Path]


@pytest.fixture
def program(qtbot: QtBot, engine: FakeEngine) -> Iterator[Program]:
    program = Program(engine, REPERTOIRE, price)
    qtbot.addWidget(program.window)
    program.window.resize(1000, 700)
    program.window.show()
    yield program
    assert program.shutdown()


@pytest.fixture
def window(program: Program) -> MainWindow:
    return program.window


@pytest.fixture
def themed(qapp: object) -> None:
    apply_theme(qapp)


@pytest.fixture
def open_photo(qtbot: QtBot, window: MainWindow, make_photo: MakePhoto) -> OpenPhoto:
    """Opens a new photo in the window and returns where it lies."""

    def open_it(*args: object) -> Path:
        path = make_photo(*args)
        with qtbot.waitSignal(window.document.opened, timeout=5000):
            window.files.take([path])
        return path

    return open_it
