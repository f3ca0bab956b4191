"""One line on the terminal that says how far the work is and how long it will still take."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from gdp_desktop.image.errors import shown
from gdp_desktop.restoration.throttle import Throttle

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


class ProgressLine:
    """Draws on standard error, and only if that is a terminal; at the end the line goes."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._stream = sys.stderr
        self._is_shown = self._stream.isatty()
        self._throttle = Throttle(REDRAW_SECONDS)

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
        if not self._is_shown or not self._throttle.is_open():
            return
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


class Line(Protocol):
    """Where one piece of work shows how far it is."""

    def show(self, share: float, seconds_left: float | None) -> None: ...

    def clear(self) -> None: ...


class Lines:
    """A line for every piece of work, or, where several are done at once, one for all of them."""

    def __init__(self, total: int, at_once: int) -> None:
        self.total, self.at_once = total, at_once
        self._shares = [0.0] * total
        self._together = ProgressLine(f"{total} photos, {at_once} at once")

    @contextmanager
    def of(self, number: int, photo: Path) -> Iterator[Line]:
        """The line of the photo with this number, counted from 0."""
        if self.at_once > 1:
            yield _Part(self, number)
            self._shares[number] = 1.0
            self._together.clear()
            return
        name = shown(photo)
        with ProgressLine(f"{number + 1}/{self.total} {name}" if self.total > 1 else name) as line:
            yield line

    def show(self, number: int, share: float) -> None:
        self._shares[number] = share
        self._together.show(sum(self._shares) / self.total, None)

    def clear(self) -> None:
        """To be called before something else is written."""
        if self.at_once > 1:
            self._together.clear()


class _Part(NamedTuple):
    """What one of several photos adds to their common line."""

    lines: Lines
    number: int

    def show(self, share: float, seconds_left: float | None) -> None:
        self.lines.show(self.number, share)

    def clear(self) -> None:
        self.lines.clear()


def shortened(text: str, width: int) -> str:
    """The end of a path says more than its beginning."""
    return text if len(text) <= width else "..." + text[len(text) - width + 3 :]


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
