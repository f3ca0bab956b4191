"""How the C library deals with large blocks of memory, settled for work on pictures."""

from __future__ import annotations

import ctypes
import sys

MIB = 2**20
# The numbers of mallopt(3) in glibc.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_KEPT = 64 * MIB
MOST_KEPT = 256 * MIB


def keep_freed_memory() -> None:
    """Blocks of up to 64 MiB come from the heap and go back to it, instead of to the system.

    A network asks for the same blocks again for every window; fetched from the system, each page of
    them is zeroed and faulted in anew, a fifth of the whole time.  Only glibc has this to settle.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
        # A thread's own heap ends at 64 MiB and returns what is larger; one for all keeps it.
        mallopt(M_ARENA_MAX, 1)
