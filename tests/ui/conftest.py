"""A real window with an engine that only pretends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

from gdp_desktop.app import Program
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Method
from gdp_desktop.priors.catalogue import Known
from gdp_desktop.priors.shelf import PriorInfo, Survey
from gdp_desktop.restoration.job import CancelToken, Cost, Job
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import Param
from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.theme import apply_theme
from gdp_desktop.worker.prior_shelf import PriorShelf

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
ALL_TASKS = {**TASKS, BRACKET.id: BRACKET, GUIDED.id: GUIDED}
ALL_METHODS = {**METHODS, SLOW.id: SLOW}


class FakeShelf:
    """Takes in any file but an empty one."""

    published = Known(
        "published", "A published prior", "published.pt", tensors=5, parameters=7_000_000,
        bytes=4 * 10**6, licence="research only", terms="For research alone.",
        url="https://example.org/published.pt",
    )

    def __init__(self) -> None:
        self.slow = threading.Event()
        self.priors = [prior("photo-small", is_default=True), prior("other")]
        self.problems: list[str] = []

    def survey(self) -> Survey:
        return Survey(list(self.priors), list(self.problems))

    def import_prior(self, source: Path, *, on_bytes: Callable[[int, int], None]) -> PriorInfo:
        if not source.stat().st_size:
            raise CheckpointError(f"{source.name} holds nothing; choose a file of weights.")
        on_bytes(1, 2)
        self.priors.append(prior(source.stem, licence="MIT", terms="Do as you like."))
        return self.priors[-1]

    def download(self, known: Known, *, on_bytes: Callable[[int, int], None]) -> PriorInfo:
        """Nobody says how long the file is; with ``slow`` it comes until somebody stops it."""
        on_bytes(10**6, 0)
        while self.slow.is_set():
            time.sleep(0.005)  # as for a network: a thread that never waits starves the window
            on_bytes(10**6, 0)
        self.priors.append(prior(known.name, licence=known.licence, terms=known.terms))
        return self.priors[-1]


def prior(name: str, **facts: object) -> PriorInfo:
    return PriorInfo(name, f"/models/{name}.safetensors", 8_400_000, 33_000_000, "", {}, **facts)


def price(job: Job, _cancel: CancelToken) -> Cost:
    """A second for every step, and a gigabyte."""
    steps = job.recipe.steps or 1
    return Cost(float(steps), 10**9, steps)


OpenPhoto = Callable[..., Path]


@pytest.fixture
def shelf() -> FakeShelf:
    return FakeShelf()


@pytest.fixture
def program(qtbot: QtBot, engine: FakeEngine, shelf: FakeShelf) -> Iterator[Program]:
    priors = PriorShelf(shelf.survey, shelf.import_prior, shelf.download, (shelf.published,))
    with qtbot.waitSignal(priors.changed, timeout=5000):
        pass
    program = Program(engine, Repertoire(ALL_TASKS, ALL_METHODS, priors), price)
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
