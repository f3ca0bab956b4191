"""The newest item only, handed from one thread to another."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A slot for one item: a reader that is slow gets the newest, never a pile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._item: T | None = None

    def put(self, item: T) -> bool:
        """Says whether the reader must be woken: not if it has yet to take the last item."""
        with self._lock:
            was_empty = self._item is None
            self._item = item
        return was_empty

    def take(self) -> T | None:
        with self._lock:
            item, self._item = self._item, None
        return item
