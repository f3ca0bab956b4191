"""Small evaluations on a graphics card: one order instead of hundreds (CUDA graphs).

A card is done with the operations of a small window sooner than Python has asked for them.
Recorded once, all of them are asked for together, on the memory that they were recorded with: what
is new is copied there, and the answer is copied from there.

Nobody has run this on a card yet, and a recording that goes wrong may harm what comes after it in
the same process.  So it happens only where GDP_CUDA_GRAPHS is set in the environment.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import nn

log = logging.getLogger(__name__)

VARIABLE = "GDP_CUDA_GRAPHS"
ALLOWED = bool(os.environ.get(VARIABLE))
# Pixels of all windows of an evaluation: on larger ones a card works longer than Python takes to
# ask, and the memory of a recording is kept from everybody else.
MOST_PIXELS = 512 * 512
# How often a shape was seen before it is recorded: recording takes as long as some evaluations.
SEEN_BEFORE = 3
# Recordings of one network.
MOST_SHAPES = 4
# Recordings of a process in all its life.  torch has 32 streams to record on, which come round
# again, and what ends one recording of a stream ends the workspace of others.
MOST_RECORDINGS = 24

# (x_in, condition) -> answer: x_in is (N, 3, H, W), the condition (N,) or (1,).
Evaluate = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Recorder(Protocol):
    """Records what a network does with tensors of these shapes, for others like them."""

    def __call__(
        self, network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor
    ) -> Evaluate: ...


def pays(x_in: torch.Tensor) -> bool:
    """Whether an evaluation of x_in (N, 3, H, W) is better recorded."""
    wanted = ALLOWED if _own.wanted is None else _own.wanted
    if torch.is_grad_enabled() or not wanted:
        return False
    return x_in.device.type in RECORDERS and x_in[:, 0].numel() <= MOST_PIXELS


def evaluated(network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """network(x_in, condition), whose answer must follow from these tensors alone; where that pays,
    recorded when a shape was seen a few times.

    The bits are the same, as a recording that does not repeat them is not used.
    """
    if not pays(x_in):
        return network(x_in, condition)
    recordings = _recordings.setdefault(network, _Recordings())
    return recordings.evaluated(RECORDERS[x_in.device.type], network, x_in, condition)


@contextmanager
def recording_if(on: bool) -> Iterator[None]:
    """Whether this thread's evaluations are recorded within, whatever the environment says; who
    counts operations would not see recorded ones."""
    before, _own.wanted = _own.wanted, on
    try:
        yield
    finally:
        _own.wanted = before


class _Own(threading.local):
    """What a thread wishes; None: as the environment says."""

    wanted: bool | None = None


_own = _Own()


class _Recordings:
    """Of one network, by the shape of what it is given."""

    # Of all networks: whether one failed, after which nobody knows the state of the card.
    has_failed = False
    count = 0

    def __init__(self) -> None:
        # Jobs side by side on one card share the memory of a recording.
        self._lock = threading.Lock()
        self._seen: Counter[torch.Size] = Counter()
        self._known: dict[torch.Size, Evaluate] = {}

    def evaluated(
        self, recorder: Recorder, network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        with self._lock:
            if self._is_due(x_in.shape):
                self._record(recorder, network, x_in, condition)
            return self._known.get(x_in.shape, network)(x_in, condition)

    def _is_due(self, shape: torch.Size) -> bool:
        self._seen[shape] += 1
        return (
            self._seen[shape] == SEEN_BEFORE + 1 and len(self._known) < MOST_SHAPES
            and _Recordings.count < MOST_RECORDINGS and not _Recordings.has_failed
        )

    def _record(
        self, recorder: Recorder, network: nn.Module, x_in: torch.Tensor, condition: torch.Tensor
    ) -> None:
        """Keeps a recording that repeats the network's answer."""
        _Recordings.count += 1
        try:
            recording = recorder(network, x_in, condition)
            if torch.equal(recording(x_in, condition), network(x_in, condition)):
                self._known[x_in.shape] = recording
        except RuntimeError:  # also that the card's memory is full
            _Recordings.has_failed = True
            log.warning("An evaluation of %s cannot be recorded.", x_in.shape, exc_info=True)


# The memory of a network's recordings goes with it.
_recordings: WeakKeyDictionary[nn.Module, _Recordings] = WeakKeyDictionary()

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
        try:
            with _one_recorder, own:
                answer = network(*held)
        finally:
            # torch leaves a thread on the stream of a recording that failed.
            torch.cuda.set_stream(usual)

    def repeated(x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        for mine, given in zip(held, (x_in, condition), strict=True):
            mine.copy_(given)
        graph.replay()
        return answer.clone()

    return repeated


# By the kind of device.
RECORDERS: dict[str, Recorder] = {"cuda": as_cuda_graph}
