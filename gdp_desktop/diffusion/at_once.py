"""Windows and strips that do not wait for each other, at the same time: the cores of a processor
are used up by one each sooner than by one after the other on all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Part = TypeVar("Part")
Answer = TypeVar("Answer")

# Every window at work holds its own activations; beyond this the cores share a window.
MOST_AT_ONCE = 4


def windows_at_once() -> int:
    """How many windows the cores that torch may use are shared between."""
    return min(MOST_AT_ONCE, torch.get_num_threads())


def each_at_once(work: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
    """``work`` of every part, in the parts' order; several parts share the cores evenly."""
    cores = torch.get_num_threads()
    workers = min(len(parts), cores)
    if workers <= 1:
        return [work(part) for part in parts]
    return list(_kept.of(workers, cores).map(work, parts))


def side_by_side(
    work: Callable[..., Answer], parts: Iterable[Sequence[object]], device: torch.device
) -> Iterator[Answer]:
    """``work(*part)`` of every part in their order, on a processor a few at the same time: many
    small operations one after the other keep one core busy each, but not several."""
    few = windows_at_once() if device.type == "cpu" else 1
    # Every thread has to be told that no gradient is wanted.
    quietly = torch.no_grad()(lambda part: work(*part))
    waiting = iter(parts)
    while group := list(islice(waiting, few)):
        yield from each_at_once(quietly, group)


def sharing_cores(workers: int) -> ThreadPoolExecutor:
    """Threads that have an even share each of the cores torch may use, and at least one."""
    cores = torch.get_num_threads()
    share = max(1, cores // workers)
    pool = ThreadPoolExecutor(workers, initializer=_take, initargs=(share,))
    # torch takes the number that was set last for every thread still to come.  So all of these
    # begin now, and then the caller's number is set again.
    begun = threading.Barrier(workers + 1)
    for _ in range(workers):
        pool.submit(begun.wait)
    begun.wait()
    torch.set_num_threads(cores)
    return pool


def _take(cores: int) -> None:
    # A thread's number is the common one when it is first asked for, whatever was set before.
    torch.get_num_threads()
    torch.set_num_threads(cores)


class _Kept(threading.local):
    """The threads of one job, the same for every window; jobs at work together have their own."""

    def __init__(self) -> None:
        self.pools: dict[tuple[int, int], ThreadPoolExecutor] = {}

    def of(self, workers: int, cores: int) -> ThreadPoolExecutor:
        if (workers, cores) not in self.pools:
            self.pools[workers, cores] = sharing_cores(workers)
        return self.pools[workers, cores]


_kept = _Kept()
