"""Windows and strips that do not wait for each other, at the same time: the cores of a processor
are used up by one each sooner than by one after the other on all of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Lane = TypeVar("Lane")
Part = TypeVar("Part")
Answer = TypeVar("Answer")

# Every window at work holds its own activations; beyond this the cores share a window.
MOST_AT_ONCE = 4
# Parts of a lane that are begun before they are asked for: one at work, and one so that the lane
# does not wait for whoever is slow to ask.
AHEAD = 2
# Of so few parts there is little to go ahead with, and threads would be in each other's way.
FEW_PARTS = 4


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


def done_for_each(
    work: Callable[[Part], None], parts: Iterable[Part], device: torch.device
) -> None:
    """``work(part)`` of every part, which leaves what it does where it belongs; likewise."""
    for _ in side_by_side(work, ((part,) for part in parts), device):
        pass


def ahead_in_lanes(
    work: Callable[[Lane, Part], Answer], lanes: Sequence[Lane], parts: Sequence[Part], at_once: int
) -> Iterator[Answer]:
    """``work(lane, part)`` of every lane for the first part, then for the second and so on.

    A lane gets its parts in their order and one at a time, and at most ``at_once`` lanes are at
    work.  Of many parts they go on while the caller does something with the answers, who so keeps
    no core idle.
    """
    cores = torch.get_num_threads()
    workers = min(len(lanes), at_once, cores)
    if workers <= 1:
        yield from (work(lane, part) for part in parts for lane in lanes)
        return
    # Every thread has to be told that no gradient is wanted.
    quietly = torch.no_grad()(work)
    if len(parts) <= FEW_PARTS:
        for part in parts:
            for first in range(0, len(lanes), workers):
                group = [(lane, part) for lane in lanes[first : first + workers]]
                yield from each_at_once(lambda both: quietly(*both), group)
        return
    threads = _kept.each_of(workers, cores)
    coming: deque[Future[Answer]] = deque()
    try:
        for number, part in enumerate(parts):
            coming.extend(
                threads[k % workers].submit(quietly, lane, part) for k, lane in enumerate(lanes)
            )
            if number >= AHEAD:
                yield from (coming.popleft().result() for _ in lanes)
        while coming:
            yield coming.popleft().result()
    finally:
        for future in coming:
            future.cancel()


def sharing_cores(workers: int, pools: int = 1) -> ThreadPoolExecutor:
    """Threads, in one of so many pools, that have an even share each of the cores torch may use,
    and at least one."""
    cores = torch.get_num_threads()
    share = max(1, cores // (workers * pools))
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
        self._together: dict[tuple[int, int], ThreadPoolExecutor] = {}
        self._each: dict[tuple[int, int], list[ThreadPoolExecutor]] = {}

    def of(self, workers: int, cores: int) -> ThreadPoolExecutor:
        """A pool of so many threads, whichever is free."""
        if (workers, cores) not in self._together:
            self._together[workers, cores] = sharing_cores(workers)
        return self._together[workers, cores]

    def each_of(self, workers: int, cores: int) -> list[ThreadPoolExecutor]:
        """So many threads with a queue each."""
        if (workers, cores) not in self._each:
            self._each[workers, cores] = [sharing_cores(1, workers) for _ in range(workers)]
        return self._each[workers, cores]


_kept = _Kept()
