"""No command: the window, with the files that were given."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from gdp_desktop.commands.errors import BadUsage, Refused
from gdp_desktop.image.errors import one_line, printable
from gdp_desktop.ui.screen import has_display

# Qt aborts the process when it cannot reach the screen, so another process goes ahead.
PROBE = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from PySide6.QtGui import QGuiApplication
QGuiApplication([])
"""
PROBE_SECONDS = 20


def run(options: argparse.Namespace) -> int:
    files = [Path(text) for text in options.files]
    if files and not any(map(os.path.lexists, files)):
        raise BadUsage(
            f"{printable(files[0])} is neither a file nor a command; see --help for the commands."
        )
    with _started_probe() as probe:
        try:
            # On Windows torch does not load after Qt (pytorch#166628).
            import torch  # noqa: F401

            from gdp_desktop import app
        except ImportError as error:
            raise Refused(
                f"The window cannot be shown, as a library is missing ({one_line(error)}); "
                "install it, or work without a window by the command restore."
            ) from error
        if probe is not None:
            _refuse_unreachable_screen(probe)
    return app.run(files)


def _started_probe() -> AbstractContextManager[subprocess.Popen[str] | None]:
    """The probe runs while torch is imported, so that nobody waits for it."""
    if not sys.platform.startswith("linux") or not has_display():
        return nullcontext()
    return subprocess.Popen(
        [sys.executable, "-c", PROBE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _refuse_unreachable_screen(probe: subprocess.Popen[str]) -> None:
    try:
        _, said = probe.communicate(timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        probe.kill()
        return
    if probe.returncode:
        reason = " ".join((said.strip().splitlines() or ["no reason given"])[0].split())
        raise Refused(
            f"The window cannot be shown on this screen ({reason}); check DISPLAY and Qt's "
            "libraries, or work without a window by the command restore."
        )
