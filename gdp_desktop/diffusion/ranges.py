"""The ranges that a picture's values have: [-1, 1] in the process, [0, 1] as light and in files."""

from __future__ import annotations

import torch


def unit(x: torch.Tensor) -> torch.Tensor:
    """[-1, 1] -> [0, 1]"""
    return (x + 1).mul_(0.5)
