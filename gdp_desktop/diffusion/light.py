"""Linear light: the sRGB transfer curve and a soft shoulder for highlights, all invertible.

Values are in [0, 1] unless said; every function is elementwise and differentiable.
"""

from __future__ import annotations

import torch

SHOULDER_START = 0.5
# The inverse shoulder sends 1 to infinity; one 8-bit step below is where it stops.
SHOULDER_END = 1 - 1 / 255


def decode(encoded: torch.Tensor) -> torch.Tensor:
    """sRGB values to linear light (IEC 61966-2-1)."""
    encoded = encoded.clamp(0, 1)
    curve = ((encoded.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(encoded <= 0.04045, encoded / 12.92, curve)


def encode(linear: torch.Tensor) -> torch.Tensor:
    """Linear light to sRGB values; above 1 the curve goes on."""
    linear = linear.clamp(min=0)
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curve)


def roll_off(linear: torch.Tensor) -> torch.Tensor:
    """Linear light of any brightness to [0, 1): unchanged up to one half, then an exponential
    approach to 1 instead of clipping."""
    room = 1 - SHOULDER_START
    above = (linear - SHOULDER_START).clamp(min=0)
    return torch.where(
        linear <= SHOULDER_START, linear, SHOULDER_START + room * (1 - (-above / room).exp())
    )


def undo_roll_off(rolled: torch.Tensor) -> torch.Tensor:
    """The inverse of roll_off on [0, 1)."""
    room = 1 - SHOULDER_START
    share = ((rolled - SHOULDER_START) / room).clamp(0, (SHOULDER_END - SHOULDER_START) / room)
    return torch.where(rolled <= SHOULDER_START, rolled, SHOULDER_START - room * (1 - share).log())
