"""Times algorithms of many equal steps, of which the first few are enough to know the whole."""

from __future__ import annotations

import time


class Enough(Exception):
    """As many steps as were wanted have been timed."""


class Stopwatch:
    """``first``: how many steps are timed, at least 2; None lets the algorithm run to its end.

    The algorithm says when a step begins; after ``first`` of them it hears ``Enough``.
    """

    def __init__(self, first: int | None = None) -> None:
        if first is not None and first < 2:
            raise ValueError("the first step alone does not say how long the others take")
        self.first = first
        self._begun: list[float] = []
        self._started = time.perf_counter()

    def step_begins(self) -> None:
        self._begun.append(time.perf_counter())
        if self.first is not None and len(self._begun) > self.first:
            raise Enough

    def seconds(self, steps: int) -> float:
        """From the start until now; if the algorithm was stopped, what all its ``steps`` would have
        taken: the way to its second step, which sets up once, and the mean of the others measured.
        """
        now = time.perf_counter()
        if self.first is None or len(self._begun) <= self.first:
            return now - self._started
        second, stopped = self._begun[1], self._begun[self.first]
        each = (stopped - second) / (self.first - 1)
        return second - self._started + each * (steps - 1)
