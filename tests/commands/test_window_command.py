"""The window, which no command opens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import gdp_desktop
from gdp_desktop import app

from .conftest import Run

FAILED, BAD_USAGE = 1, 2


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    calls: list[list[Path]] = []
    monkeypatch.setattr(app, "run", lambda files: calls.append(files) or 0)
    return calls


def test_without_words(run: Run, opened: list[list[Path]]) -> None:
    assert run().code == 0
    assert opened == [[]]


def test_with_files(run: Run, photo: Path, opened: list[list[Path]]) -> None:
    assert run(photo, photo.parent).code == 0
    assert opened == [[photo, photo.parent]]


def test_neither_file_nor_command(run: Run, opened: list[list[Path]]) -> None:
    outcome = run("restroe")
    assert outcome.code == BAD_USAGE and "restroe" in outcome.sentence
    assert not opened


def test_without_a_display(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    outcome = run()
    assert outcome.code == FAILED and outcome.sentence


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_a_display_that_cannot_be_reached(
    run: Run, opened: list[list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    outcome = run()
    assert outcome.code == FAILED and "nonsense" in outcome.sentence
    assert not opened


def test_a_system_library_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdp_desktop.app", None)
    monkeypatch.delattr(gdp_desktop, "app")
    outcome = run()
    assert outcome.code == FAILED and "library is missing" in outcome.sentence
