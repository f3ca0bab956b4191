"""The ADM U-Net: parameters named and shaped as in OpenAI's public checkpoints.

Source: Dhariwal & Nichol 2021, "Diffusion models beat GANs on image synthesis", appendix A-B.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.diffusion.layers import EpsNetwork, GroupNorm, Upsample, timestep_features
from gdp_desktop.diffusion.silu import SiLU

GROUPS = 32
Shapes = Mapping[str, tuple[int, ...]]
Resample = Literal["none", "up", "down"]


@dataclass(frozen=True)
class ADMConfig:
    """Shape of the network; ``channels`` and ``attention`` have one entry per resolution.

    ``residual_resampling`` puts the change of size into residual blocks instead of convolutions;
    ``scale_shift`` lets the timestep scale and shift the second norm instead of adding to it.
    """

    width: int
    channels: tuple[int, ...]
    attention: tuple[bool, ...]
    blocks: int
    head_channels: int = 64
    out_channels: int = 6
    residual_resampling: bool = True
    scale_shift: bool = True

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 2 ** (len(self.channels) - 1)

    @classmethod
    def from_shapes(cls, shapes: Shapes) -> ADMConfig:
        """The configuration that a state dict was made with, read from its names and shapes.

        Raises KeyError, IndexError or ValueError if they are those of another network.
        """
        count = 1 + max(int(name.split(".")[1]) for name in shapes
                        if name.startswith("output_blocks."))
        # The last block of every resolution but the finest ends with a layer that enlarges.
        enlarging = [n for n in range(count) if _enlarges(shapes, n)]
        per_level = enlarging[0] + 1 if enlarging else count
        levels = range(len(enlarging) + 1)
        if count != per_level * len(levels) or per_level < 2:
            raise ValueError("resolutions with different numbers of blocks")
        first = [f"input_blocks.{per_level * level + 1}" for level in levels]
        channels = tuple(shapes[f"{name}.0.out_layers.3.weight"][0] for name in first)
        embedded = shapes["input_blocks.1.0.emb_layers.1.weight"][0]
        return cls(
            width=shapes["input_blocks.0.0.weight"][0],
            channels=channels,
            attention=tuple(f"{name}.1.qkv.weight" in shapes for name in first),
            blocks=per_level - 1,
            out_channels=shapes["out.2.weight"][0],
            residual_resampling=not any(name.endswith(".0.op.weight") for name in shapes),
            scale_shift=embedded == 2 * channels[0],
        )


def _enlarges(shapes: Shapes, block: int) -> bool:
    ends = ("in_layers.0.weight", "conv.weight")
    return any(f"output_blocks.{block}.{child}.{end}" in shapes for child in (1, 2) for end in ends)


class ResBlock(nn.Module):
    """norm, SiLU, conv, norm told the timestep, SiLU, conv; residual.

    A change of size happens between the first SiLU and its convolution, and to what is added.
    """

    def __init__(
        self, entering: int, leaving: int, config: ADMConfig, resample: Resample = "none"
    ) -> None:
        super().__init__()
        self.resample = resample
        self.scale_shift = config.scale_shift
        self.in_layers = nn.Sequential(
            GroupNorm(GROUPS, entering), SiLU(), nn.Conv2d(entering, leaving, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(
            SiLU(), nn.Linear(4 * config.width, (1 + self.scale_shift) * leaving)
        )
        # Identity stands where the dropout of training was.
        self.out_layers = nn.Sequential(
            GroupNorm(GROUPS, leaving), SiLU(), nn.Identity(),
            nn.Conv2d(leaving, leaving, 3, padding=1),
        )
        self.skip_connection = (
            nn.Identity() if entering == leaving else nn.Conv2d(entering, leaving, 1)
        )

    def forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        norm_in, activate, convolve = self.in_layers
        h = convolve(self._resampled(activate(norm_in(x))))
        modulation = self.emb_layers(emb).to(h.dtype)[:, :, None, None]
        norm, *rest = self.out_layers
        if self.scale_shift:
            scale, shift = modulation.chunk(2, dim=1)
            h = norm(h) * (1 + scale) + shift
        else:
            h = norm(h + modulation)
        for layer in rest:
            h = layer(h)
        return self.skip_connection(self._resampled(x)) + h

    def _resampled(self, x: torch.Tensor) -> torch.Tensor:
        if self.resample == "up":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.avg_pool2d(x, 2) if self.resample == "down" else x


class AttentionBlock(nn.Module):
    """Every pixel looks at every other; the channels of a head lie together as q, k, v."""

    def __init__(self, channels: int, config: ADMConfig) -> None:
        super().__init__()
        self.heads = max(1, channels // config.head_channels)
        self.norm = GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(2)
        qkv = self.qkv(self.norm(flat)).unflatten(1, (self.heads, 3, -1)).transpose(-1, -2)
        q, k, v = qkv.contiguous().unbind(2)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).flatten(1, 2)
        return x + self.proj_out(h).unflatten(2, x.shape[2:])


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.op(x)


class Stage(nn.ModuleList):
    """Layers one after the other; only residual blocks are told the timestep."""

    def forward(self, h: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        for layer in self:
            h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
        return h


class ADM(EpsNetwork):
    """The whole network; six output channels are ε and the share of the larger variance."""

    def __init__(self, config: ADMConfig) -> None:
        super().__init__()
        self.config = config
        width, channels = config.width, config.channels
        self.time_embed = nn.Sequential(
            nn.Linear(width, 4 * width), SiLU(), nn.Linear(4 * width, 4 * width)
        )
        self.input_blocks = nn.ModuleList([Stage([nn.Conv2d(3, width, 3, padding=1)])])
        h, skips = width, [width]
        for level, leaving in enumerate(channels):
            for _ in range(config.blocks):
                self.input_blocks.append(self._stage(h, leaving, level))
                h = leaving
                skips.append(h)
            if level < len(channels) - 1:
                self.input_blocks.append(Stage([
                    ResBlock(h, h, config, "down") if config.residual_resampling
                    else Downsample(h)
                ]))
                skips.append(h)
        self.middle_block = Stage([
            ResBlock(h, h, config), AttentionBlock(h, config), ResBlock(h, h, config)
        ])
        self.output_blocks = nn.ModuleList()
        for level, leaving in reversed(list(enumerate(channels))):
            for block in range(config.blocks + 1):
                stage = self._stage(h + skips.pop(), leaving, level)
                h = leaving
                if level and block == config.blocks:
                    stage.append(
                        ResBlock(h, h, config, "up") if config.residual_resampling
                        else Upsample(h)
                    )
                self.output_blocks.append(stage)
        self.out = nn.Sequential(
            GroupNorm(GROUPS, h), SiLU(), nn.Conv2d(h, config.out_channels, 3, padding=1)
        )

    def _stage(self, entering: int, leaving: int, level: int) -> Stage:
        stage = Stage([ResBlock(entering, leaving, self.config)])
        if self.config.attention[level]:
            stage.append(AttentionBlock(leaving, self.config))
        return stage

    @property
    def stride(self) -> int:
        return self.config.stride

    @property
    def torso(self) -> tuple[nn.Module, ...]:
        return self.input_blocks, self.middle_block, self.output_blocks

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        emb = self.time_embed(timestep_features(timesteps, self.config.width))
        h, skips = x_t.to(self.dtype), []
        for stage in self.input_blocks:
            h = stage(h, emb)
            skips.append(h)
        h = self.middle_block(h, emb)
        for stage in self.output_blocks:
            h = stage(torch.cat([h, skips.pop()], dim=1), emb)
        return self.out(h.to(x_t.dtype))
