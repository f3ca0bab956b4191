from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from gdp_desktop.app import Mishaps
from gdp_desktop.ui.screen import drop_cv2_qt_paths, has_display
from gdp_desktop.ui.settings import Settings

CHECKOUT = Path(__file__).parents[2]
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def test_only_the_paths_of_cv2_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(importlib.util.find_spec("cv2").origin).parent
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", str(folder / "qt" / "plugins"))
    monkeypatch.setenv("QT_QPA_FONTDIR", "/usr/share/my-fonts")
    drop_cv2_qt_paths()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/usr/share/my-fonts"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be without a screen")
def test_a_screen_is_one_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be without a screen")
def test_without_a_screen_there_is_one_sentence() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in SCREENS}
    done = subprocess.run([sys.executable, "main.py"], cwd=CHECKOUT, env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert "DISPLAY" in done.stderr


NO_WINDOW = """
from gdp_desktop import app
from gdp_desktop.commands import main
def broken(*_): raise OSError("no window today")
app.MainWindow = broken
raise SystemExit(main([]))
"""


def test_a_window_that_cannot_be_built_leaves_no_thread_behind() -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", NO_WINDOW], cwd=CHECKOUT, env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "no window today" in done.stderr and "QThread" not in done.stderr


def test_an_unexpected_error_becomes_a_sentence(qtbot: QtBot) -> None:
    mishaps = Mishaps()
    with qtbot.waitSignal(mishaps.happened) as blocker:
        mishaps.report(KeyError, KeyError("x"), None)
    assert "KeyError" in blocker.args[0]


def test_settings_come_back_with_their_types(qtbot: QtBot, tmp_path: Path) -> None:
    first = Settings()
    assert (first.task, first.brush_hardness, first.folder) == ("", 0.8, Path.home())
    first.task, first.brush_hardness, first.folder = "denoise", 0.35, tmp_path
    second = Settings()
    assert (second.task, second.brush_hardness, second.folder) == ("denoise", 0.35, tmp_path)


@pytest.mark.parametrize("nonsense", ["abc", "", "nan", "inf", "0,5"])
def test_settings_that_make_no_sense_are_passed_over(qtbot: QtBot, nonsense: str) -> None:
    store = QSettings()
    store.setValue("brush/hardness", nonsense)
    store.setValue("machine/memory_limit", nonsense)
    settings = Settings()
    assert (settings.brush_hardness, settings.memory_limit) == (0.8, 0.0)
