"""From main memory to where the work is done."""

from __future__ import annotations

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
