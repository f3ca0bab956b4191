"""What the networks of public checkpoints have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn


class GroupNorm(nn.GroupNorm):
    """Computed in float32, whatever the precision around it."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return super().forward(h.float()).to(h.dtype)


class Upsample(nn.Module):
    """Twice as high and wide by repeating pixels, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def timestep_features(
    timesteps: torch.Tensor, dim: int, cosines_first: bool = True, shift: int = 0
) -> torch.Tensor:
    """Sines and cosines of the timestep, (N,) -> (N, dim), dim even.

    Wavelengths from 2π to 2π·10000 (Vaswani et al. 2017, section 3.5); with ``shift`` 1 the
    last one is reached exactly.
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / (half - shift)
    angles = timesteps.float()[:, None] * torch.exp(-math.log(10_000) * exponents)
    waves = [angles.cos(), angles.sin()]
    return torch.cat(waves if cosines_first else waves[::-1], dim=1)


class EpsNetwork(nn.Module, ABC):
    """``(x_t, timesteps) -> out``; x_t is (N, 3, H, W), H and W multiples of ``stride``.

    timesteps is (N,), indices of the schedule the network was trained with.  out is (N, 3, H, W),
    the noise ε in x_t, or (N, 6, H, W) with a learned variance behind it; in x_t's precision.
    """

    @property
    @abstractmethod
    def stride(self) -> int: ...

    @property
    @abstractmethod
    def torso(self) -> tuple[nn.Module, ...]:
        """The blocks between the first and the last layers."""

    @property
    def dtype(self) -> torch.dtype:
        """The precision inside the torso."""
        return next(m for m in self._convolutions()).weight.dtype

    def halve(self, dtype: torch.dtype) -> None:
        """From now on the torso's convolutions compute in ``dtype``, a half-precision format.

        They are nearly all of the weights and of the work; norms, embeddings and the last layer
        keep float32, as they need precision.
        """
        for module in self._convolutions():
            module.to(dtype)

    def _convolutions(self) -> Iterator[nn.Conv1d | nn.Conv2d]:
        for block in self.torso:
            yield from (m for m in block.modules() if isinstance(m, nn.Conv1d | nn.Conv2d))
