"""From main memory to where the work is done, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch


def handed_over(made: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """``made``, a tensor of main memory, on the device and in the number format of ``like``.

    A graphics card takes it when it gets there, and nobody waits for that: only from pages that
    the system does not move (pinned) can it do so.
    """
    if like.device.type == "cuda":
        # Nor from a part of a larger picture, which would be gathered in other pages first.
        made = made.contiguous().pin_memory()
    return made.to(like, non_blocking=True)


@dataclass(frozen=True)
class Coming:
    """A tensor on its way to main memory, and the mark that it has arrived; without one it is
    fetched when it is asked for."""

    made: torch.Tensor
    arrived: torch.cuda.Event | None = None

    @property
    def is_here(self) -> bool:
        return self.arrived is None or self.arrived.query()

    def tensor(self) -> torch.Tensor:
        """In main memory; waits for it."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.made.cpu()


def coming_back(made: torch.Tensor) -> Coming:
    """``made`` on its way to main memory.  A graphics card sends it when it is there, beside what
    it does then: neither it nor the caller waits."""
    if made.device.type != "cuda":
        return Coming(made)
    way = _way_back(made.device)
    way.wait_stream(torch.cuda.current_stream(made.device))
    with torch.cuda.stream(way):
        here = torch.empty(made.shape, dtype=made.dtype, pin_memory=True)
        here.copy_(made, non_blocking=True)
        # Its memory is not given to others before it was read.
        made.record_stream(way)
        return Coming(here, way.record_event())


@cache
def _way_back(card: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(card)
