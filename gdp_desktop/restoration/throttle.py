"""What may not happen too often, such as drawing."""

from __future__ import annotations

import math
import time


class Throttle:
    """Lets something through at most once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = -math.inf

    def is_open(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
