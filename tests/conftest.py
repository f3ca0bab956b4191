"""Windows without a screen, settings of their own for every test, and no thread left running."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gdp_desktop.diffusion import at_once
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from gdp_desktop.restoration.job import (
    CancelToken,
    Event,
    Finished,
    Job,
    Preview,
    Progress,
    Report,
    Started,
)
from gdp_desktop.ui.screen import drop_cv2_qt_paths

os.environ["QT_QPA_PLATFORM"] = "offscreen"
drop_cv2_qt_paths()

SMALL = Size(96, 80)
MakePhoto = Callable[..., Path]


class FakeEngine:
    """Brightens photos in ``steps`` steps of ``pause`` seconds; fails where it is told to."""

    def __init__(self) -> None:
        self.steps = 4
        self.pause = 0.0
        self.failures: dict[str, str] = {}
        self.remarks: tuple[str, ...] = ()
        self.jobs: list[Job] = []

    def __call__(
        self, job: Job, token: CancelToken, on_window: Callable[[Progress], None]
    ) -> Iterator[Event]:
        self.jobs.append(job)
        if job.source.name in self.failures:
            raise PhotoError(self.failures[job.source.name])
        photo = load_photo(job.source)
        yield Started(self.steps)
        for step in range(1, self.steps + 1):
            self._wait(token)
            on_window(Progress(step, self.steps, 1.0))
            grey = np.full((6, 8, 3), 40 * step % 256, np.uint8)
            yield Preview(grey, step, self.steps)
        brighter = np.rint(255 * np.sqrt(photo.to_unit())).astype(np.uint8)
        result = photo.with_pixels(brighter)
        output = str(job.output) if job.output else None
        report = Report(str(job.source), output, "done", job.recipe.task, notes=self.remarks)
        yield Finished(result, report, remarks=self.remarks)

    def _wait(self, token: CancelToken) -> None:
        until = time.monotonic() + self.pause
        token.raise_if_cancelled()
        while time.monotonic() < until:
            time.sleep(0.002)
            token.raise_if_cancelled()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def make_photo(tmp_path: Path) -> MakePhoto:
    """Writes a small dark photo and returns where it is."""

    def make(name: str = "photo.png", size: Size = SMALL) -> Path:
        pixels = np.random.default_rng(1).integers(20, 40, (*size.shape, 3), np.uint8)
        save_photo(Photo(pixels), tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture(scope="session", autouse=True)
def _no_priors_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder of imported priors of whoever runs the tests is neither read nor written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GDP_MODELS", str(tmp_path_factory.mktemp("priors") / "none"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors are computed faster by one thread than by two that wait for each other."""
    at_once.ALL_CORES = 1
    at_once.take_cores(1)


@pytest.fixture(autouse=True)
def _qt_leaves_nothing_behind(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    if "qtbot" not in request.fixturenames:
        yield
        return
    from PySide6.QtCore import QThread

    _isolate_settings(tmp_path)
    threads: list[QThread] = []
    start = QThread.start

    def start_and_note(thread: QThread) -> None:
        threads.append(thread)
        start(thread)

    monkeypatch.setattr(QThread, "start", start_and_note)
    yield
    assert not [thread for thread in threads if thread.isRunning()]


def _isolate_settings(folder: Path) -> None:
    from PySide6.QtCore import QCoreApplication, QSettings

    QCoreApplication.setOrganizationName("gdp_desktop-tests")
    QCoreApplication.setApplicationName("gdp_desktop-tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    scope = QSettings.Scope.UserScope
    QSettings.setPath(QSettings.Format.IniFormat, scope, str(folder / "settings"))


@pytest.fixture(scope="session")
def deepinv() -> ModuleType:
    """The library deepinv, which other implementations are compared with; skips where there is
    none, as it is not needed for testing alone."""
    from gdp_desktop.benchmarks.deepinv_samplers import library
    from gdp_desktop.benchmarks.plan import LeftOut

    try:
        return library()
    except LeftOut as reason:
        pytest.skip(str(reason))
