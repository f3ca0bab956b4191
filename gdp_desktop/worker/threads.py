"""How the workers' threads end."""

from __future__ import annotations

from PySide6.QtCore import QThread

_still_busy: list[QThread] = []


def stop_thread(thread: QThread, milliseconds: int) -> bool:
    """Whether it ended in that time.

    Qt aborts the process when a running QThread is destroyed, so one that stays busy is kept.
    """
    thread.quit()
    stopped = thread.wait(milliseconds)
    if not stopped:
        _still_busy.append(thread)
    return stopped
