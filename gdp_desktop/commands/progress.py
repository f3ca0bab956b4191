"""One line on the terminal that says how far the work is and how long it will still take."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


class ProgressLine:
    """Draws on standard error, and only if that is a terminal; gone when it is left."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._stream = sys.stderr
        self._is_shown = self._stream.isatty()
        self._drawn_at = -REDRAW_SECONDS

    def __enter__(self) -> Self:
        self.show(0.0, None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def show(self, share: float, seconds_left: float | None, detail: str = "") -> None:
        """``share`` is how much is done, 0 to 1."""
        now = time.monotonic()
        if not self._is_shown or now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at = now
        filled = round(BAR_WIDTH * share)
        bar = "#" * filled + "-" * (BAR_WIDTH - filled)
        left = "" if seconds_left is None else f"  {duration(seconds_left)} left"
        tail = f"  [{bar}] {share:4.0%}{left}{detail}"
        room = max(8, shutil.get_terminal_size().columns - len(tail) - 1)
        self._stream.write(f"\r\033[K{shortened(self._label, room)}{tail}")
        self._stream.flush()

    def clear(self) -> None:
        if self._is_shown:
            self._stream.write("\r\033[K")
            self._stream.flush()


def shortened(text: str, width: int) -> str:
    """The end of a path says more than its beginning."""
    return text if len(text) <= width else "..." + text[len(text) - width + 3 :]


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
