"""Independent windows and strips in parallel: one core for each keeps a processor busier than all
cores on one after the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

Lane = TypeVar("Lane")
Part = TypeVar("Part")
Answer = TypeVar("Answer")

# For threads that nobody gave a number: what torch would use.
ALL_CORES = torch.get_num_threads()
# Every window at work holds its own activations; beyond this the cores share a window.
MOST_AT_ONCE = 4
# Parts of a lane that are begun before they are asked for: one at work, and one so that the lane
# does not wait for whoever is slow to ask.
AHEAD = 2
# With no more parts than these there is little to go ahead with, and threads would be in each
# other's way.
FEW_PARTS = 4


class _Allotted(threading.local):
    cores: int | None = None


_allotted = _Allotted()


def cores() -> int:
    """How many cores the work of this thread may use."""
    return _allotted.cores or ALL_CORES


def share_of_cores() -> float:
    """The share of the machine's cores that this thread may use, in (0, 1]."""
    return cores() / ALL_CORES


def take_cores(count: int) -> None:
    """From now on this thread may use ``count`` cores, and torch computes on as many threads in it.
    """
    # A thread's number is the common one when it is first asked for, whatever was set before.
    torch.get_num_threads()
    torch.set_num_threads(count)
    _allotted.cores = count


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Within, torch computes on this thread alone, and cores are shared between parts of the work.

    Where torch shares out a sum or the elements of a power between its threads, the last bits of
    the answer follow from their number.  Parts that follow from the photo alone give the same on
    any number of cores.
    """
    allotted, threads = _allotted.cores, torch.get_num_threads()
    _allotted.cores = cores()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _allotted.cores = allotted


def windows_at_once() -> int:
    """How many windows the cores of this thread are shared between."""
    return min(MOST_AT_ONCE, cores())


def without_gradients(work: Callable[..., Answer]) -> Callable[..., Answer]:
    """``work`` without gradients, whichever thread it runs on: torch's switch is each thread's
    own."""
    return torch.no_grad()(work)


def each_at_once(work: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
    """``work`` of every part, in the parts' order; several parts share the cores evenly."""
    workers = max(1, min(len(parts), cores()))
    return _on_threads(workers, cores() // workers, work, parts)


def on_one_core(work: Callable[[], Answer]) -> Answer:
    """``work`` where torch computes on one thread."""
    return _on_threads(1, 1, lambda _: work(), (None,))[0]


def side_by_side(
    work: Callable[..., Answer], parts: Iterable[Sequence[object]], device: torch.device
) -> Iterator[Answer]:
    """``work(*part)`` of every part in their order, on a processor a few at the same time, on one
    core each: many small operations one after the other do not keep several cores busy.  They go
    on while the caller does something with an answer."""
    few = windows_at_once() if device.type == "cpu" else 1
    work = without_gradients(work)
    if few == 1:
        for part in parts:
            yield on_one_core(partial(work, *part))
        return
    threads = _kept.of(few, 1)
    coming: deque[Future[Answer]] = deque()
    try:
        for part in parts:
            coming.append(threads.submit(work, *part))
            if len(coming) > few:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        _given_up(coming)


def done_for_each(
    work: Callable[[Part], None], parts: Iterable[Part], device: torch.device
) -> None:
    """``work(part)`` of every part for its effect alone, in parallel as in ``side_by_side``."""
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
    workers = max(1, min(len(lanes), at_once, cores()))
    share = cores() // workers
    work = without_gradients(work)
    if workers == 1 or len(parts) <= FEW_PARTS:
        for part in parts:
            for first in range(0, len(lanes), workers):
                group = [(lane, part) for lane in lanes[first : first + workers]]
                yield from _on_threads(workers, share, lambda both: work(*both), group)
        return
    threads = _kept.each_of(workers, share)
    coming: deque[Future[Answer]] = deque()
    try:
        for number, part in enumerate(parts):
            coming.extend(
                threads[k % workers].submit(work, lane, part) for k, lane in enumerate(lanes)
            )
            if number >= AHEAD:
                yield from (coming.popleft().result() for _ in lanes)
        while coming:
            yield coming.popleft().result()
    finally:
        _given_up(coming)


def _given_up(coming: Iterable[Future[Answer]]) -> None:
    """Cancels what was begun ahead and will not be asked for."""
    for future in coming:
        future.cancel()


def _on_threads(
    workers: int, share: int, work: Callable[[Part], Answer], parts: Sequence[Part]
) -> list[Answer]:
    """``work`` of every part on ``workers`` threads, each with ``share`` cores."""
    if workers == 1 and share == torch.get_num_threads():
        return [work(part) for part in parts]
    return list(_kept.of(workers, share).map(work, parts))


def sharing_cores(workers: int) -> ThreadPoolExecutor:
    """Threads that have an even share each of the cores of this one, and at least one."""
    return _with_cores(workers, max(1, cores() // workers))


def _with_cores(workers: int, share: int) -> ThreadPoolExecutor:
    """So many threads that may use so many cores each."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=take_cores, initargs=(share,))
    # torch takes the number that was set last for every thread still to come.  So all of these
    # begin now, and then the caller's number is set again.
    begun = threading.Barrier(workers + 1)
    for _ in range(workers):
        pool.submit(begun.wait)
    begun.wait()
    torch.set_num_threads(threads)
    return pool


class _Kept(threading.local):
    """The threads of one job, the same for every window; jobs at work together have their own."""

    def __init__(self) -> None:
        self._together: dict[tuple[int, int], ThreadPoolExecutor] = {}
        self._each: dict[tuple[int, int], list[ThreadPoolExecutor]] = {}

    def of(self, workers: int, share: int) -> ThreadPoolExecutor:
        """A pool of so many threads with so many cores each, whichever is free."""
        if (workers, share) not in self._together:
            self._together[workers, share] = _with_cores(workers, share)
        return self._together[workers, share]

    def each_of(self, workers: int, share: int) -> list[ThreadPoolExecutor]:
        """So many threads with a queue each."""
        if (workers, share) not in self._each:
            self._each[workers, share] = [_with_cores(1, share) for _ in range(workers)]
        return self._each[workers, share]


_kept = _Kept()
