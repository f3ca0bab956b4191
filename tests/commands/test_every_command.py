"""What every command promises: --version, --help, and a sentence for whatever goes wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gdp_desktop
from gdp_desktop.commands import main
from gdp_desktop.commands.parser import COMMANDS

from .conftest import Run, raising

ROOT = Path(__file__).parents[2]
VERSION = f"gdp-desktop {gdp_desktop.__version__}\n"
BAD_USAGE, FAILED = 2, 1
every_command = pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])


def test_the_version_needs_no_torch() -> None:
    command = [sys.executable, "-X", "importtime", "main.py", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, VERSION)
    assert "torch" not in done.stderr and "PySide6" not in done.stderr


@every_command
def test_version_everywhere(command: list[str], run: Run) -> None:
    outcome = run(*command, "--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, VERSION, "")


@every_command
def test_help_everywhere(command: list[str], run: Run) -> None:
    outcome = run(*command, "--help")
    assert outcome.code == 0 and outcome.out.startswith("usage: ") and not outcome.err


def test_the_help_of_the_window_lists_every_command(run: Run) -> None:
    listed = re.findall(r"^  (\w+) {2,}\w", run("--help").out.split("commands:")[1], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


@every_command
def test_an_unknown_option(command: list[str], run: Run) -> None:
    outcome = run(*command, "--no-such-option")
    assert outcome.code == BAD_USAGE and outcome.sentence and not outcome.out


def test_an_error_nobody_foresaw_is_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GDP_DEBUG", raising=False)
    monkeypatch.setattr("gdp_desktop.commands.tasks.as_text", raising(KeyError("colour")))
    outcome = run("tasks")
    assert outcome.code == FAILED
    assert "failed unexpectedly (KeyError: 'colour'); please report it" in outcome.sentence


def test_the_words_default_to_those_of_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "restore", "--help"])
    assert main() == 0
    assert "usage: python main.py restore" in capsys.readouterr().out
