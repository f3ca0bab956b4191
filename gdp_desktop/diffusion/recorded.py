"""Small evaluations on a graphics card: one order instead of hundreds (CUDA graphs).

A card is done with the operations of a small window sooner than Python has asked for them.
Recorded once, all of them are asked for together, on the memory that they were recorded with: what
is new is copied there, and the answer is copied from there.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import nn

log = logging.getLogger(__name__)

# Pixels of all windows of an evaluation: on larger ones a card works longer than Python takes to
# ask, and the memory of a recording is kept from everybody else.
MOST_PIXELS = 512 * 512
# Recordings of one network; the one that was used longest ago goes first.
MOST_SHAPES = 8

# (x_in, condition) -> answer: x_in is (N, 3, H, W), the condition (N,) or (1,).
Evaluate = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Recorder(Protocol):
    """Records what a network does with tensors of these shapes, for others like them."""

    def __call__(
        self, network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor
    ) -> Evaluate: ...


def pays(x_in: torch.Tensor) -> bool:
    """Whether an evaluation of x_in (N, 3, H, W) is better recorded."""
    if torch.is_grad_enabled() or _asking.one_by_one:
        return False
    return x_in.device.type in RECORDERS and x_in[:, 0].numel() <= MOST_PIXELS


def evaluated(network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """network(x_in, condition), whose answer must follow from these tensors alone; where that pays,
    recorded when a shape comes for the second time.

    The bits are the same, as a recording that does not repeat them is not used.
    """
    if not pays(x_in):
        return network(x_in, condition)
    recorder = RECORDERS[x_in.device.type]
    recordings = _recordings.setdefault(network, _Recordings())
    return recordings.evaluated(recorder, network, x_in, condition)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Within, every operation of this thread is asked for by itself: who counts them would not see
    those of a recording."""
    before, _asking.one_by_one = _asking.one_by_one, True
    try:
        yield
    finally:
        _asking.one_by_one = before


class _Asking(threading.local):
    one_by_one = False


_asking = _Asking()


class _Recordings:
    """Of one network, by the shape of what it is given."""

    def __init__(self) -> None:
        # Jobs side by side on one card share the memory of a recording.
        self._lock = threading.Lock()
        # None until the shape comes again; False where it cannot be recorded.
        self._known: OrderedDict[torch.Size, Evaluate | bool | None] = OrderedDict()

    def evaluated(
        self, recorder: Recorder, network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        with self._lock:
            if x_in.shape not in self._known:
                self._known[x_in.shape] = None
            elif self._known[x_in.shape] is None:
                self._known[x_in.shape] = _verified(recorder, network, x_in, condition) or False
            self._known.move_to_end(x_in.shape)
            if len(self._known) > MOST_SHAPES:
                self._known.popitem(last=False)
            recording = self._known[x_in.shape]
            return (recording if callable(recording) else network)(x_in, condition)


# The memory of a network's recordings goes with it.
_recordings: WeakKeyDictionary[nn.Module, _Recordings] = WeakKeyDictionary()


def _verified(
    recorder: Recorder, network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor
) -> Evaluate | None:
    """A recording that repeats the network's answer, or None."""
    try:
        recording = recorder(network, x_in, condition)
        if torch.equal(recording(x_in, condition), network(x_in, condition)):
            return recording
        log.info("A recording of %s differs from the network.", tuple(x_in.shape))
    except RuntimeError:  # also that the card's memory is full
        log.info("An evaluation of %s cannot be recorded.", tuple(x_in.shape), exc_info=True)
    return None


# torch allows no more in a process, for whatever card.
_one_recorder = threading.Lock()


def as_cuda_graph(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
    """Raises RuntimeError where the network does what cannot be recorded."""
    kind = x_in.device.type
    # A weight that autocast converted and keeps would be forgotten before the recording is.
    unkept = torch.autocast(
        kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind), cache_enabled=False
    )
    with torch.cuda.device(x_in.device), unkept:
        held = x_in.clone(), condition.clone()
        usual, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        # What is set up in a first evaluation there must not be recorded.
        beside.wait_stream(usual)
        with torch.cuda.stream(beside):
            network(*held)
        usual.wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on with what may not be done while something is recorded.
        own = torch.cuda.graph(graph, stream=beside, capture_error_mode="thread_local")
        with _one_recorder, own:
            answer = network(*held)

    def repeated(x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        for mine, given in zip(held, (x_in, condition), strict=True):
            mine.copy_(given)
        graph.replay()
        return answer.clone()

    return repeated


# By the kind of device.
RECORDERS: dict[str, Recorder] = {"cuda": as_cuda_graph}
