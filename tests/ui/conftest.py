"""A real window with an engine that only pretends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

from gdp_desktop.app import Program
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Method
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import Param
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.theme import apply_theme

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

# An expert method with settings is always among them.
SLOW = Method(
    "slow", "Slow", "Takes its time.", METHODS["adaptive"].solver, default_steps=33, expert=True,
    params=(Param("care", "Care", 0.5, 0, 1),), order=999,
)
REPERTOIRE = Repertoire(TASKS, {**METHODS, SLOW.id: SLOW}, ["photo-small", "other"])

OpenPhoto = Callable[..., Path]


@pytest.fixture
def program(qtbot: QtBot, engine: FakeEngine) -> Iterator[Program]:
    program = Program(engine, REPERTOIRE)
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
