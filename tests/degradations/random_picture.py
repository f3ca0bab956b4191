"""A picture without any structure, for what holds whatever is seen."""

from __future__ import annotations

import torch


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Independent values, (1, 3, H, W) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, dtype=torch.float64, generator=generator) * 2 - 1
