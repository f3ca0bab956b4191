"""The unconditional U-Net of diffusers' DDPM pipelines (``UNet2DModel``), as its files name it.

Source: Ho et al. 2020 (DDPM), appendix B, in the layout that diffusers stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.diffusion.layers import EpsNetwork, GroupNorm, Upsample, timestep_features
from gdp_desktop.diffusion.silu import silu

# Settings this reader has one answer to: the value diffusers assumes where a file is silent, and
# the values that mean the network below.
UNDERSTOOD: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "_class_name": (None, ("UNet2DModel",)),
    "num_class_embeds": (None, (None,)),
    "class_embed_type": (None, (None,)),
    "in_channels": (3, (3,)),
    "out_channels": (3, (3, 6)),
    "center_input_sample": (False, (False,)),
    "time_embedding_type": ("positional", ("positional",)),
    "mid_block_type": ("UNetMidBlock2D", ("UNetMidBlock2D",)),
    "mid_block_scale_factor": (1, (1,)),
    "add_attention": (True, (True,)),
    "attention_legacy_order": (False, (False, None)),
    "attn_norm_num_groups": (None, (None,)),
    "downsample_type": ("conv", ("conv",)),
    "upsample_type": ("conv", ("conv",)),
    "resnet_time_scale_shift": ("default", ("default",)),
    "act_fn": ("silu", ("silu", "swish")),
}
DOWN_BLOCKS = {"DownBlock2D": False, "AttnDownBlock2D": True}
UP_BLOCKS = {"UpBlock2D": False, "AttnUpBlock2D": True}
Skips = list[torch.Tensor]
OLD_ATTENTION_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


class UnknownSetting(ValueError):
    """A setting of config.json that makes another network than the one below; its text says so."""


@dataclass(frozen=True)
class DiffusersConfig:
    """Shape of the network; ``channels``, ``attention_down`` and ``attention_up`` have one entry
    per resolution, the last beginning with the coarsest.  ``head_channels`` None is one head."""

    channels: tuple[int, ...]
    attention_down: tuple[bool, ...]
    attention_up: tuple[bool, ...]
    blocks: int
    out_channels: int = 3
    head_channels: int | None = None
    groups: int = 32
    eps: float = 1e-5
    cosines_first: bool = True
    frequency_shift: int = 0
    downsample_padding: int = 1

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return 2 ** (len(self.channels) - 1)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DiffusersConfig:
        """From a config.json.

        Raises UnknownSetting for another kind of network, TypeError or ValueError for nonsense.
        """
        for name, (default, known) in UNDERSTOOD.items():
            if (value := fields.get(name, default)) not in known:
                raise UnknownSetting(f"{name} is {value!r}")
        down = list(fields.get("down_block_types", ("DownBlock2D", *3 * ("AttnDownBlock2D",))))
        up = list(fields.get("up_block_types", (*3 * ("AttnUpBlock2D",), "UpBlock2D")))
        for block in down + up:
            if block not in DOWN_BLOCKS | UP_BLOCKS:
                raise UnknownSetting(f"it has blocks of the type {block!r}")
        head_channels = fields.get("attention_head_dim", 8)
        config = cls(
            channels=tuple(int(n) for n in fields.get("block_out_channels", (224, 448, 672, 896))),
            attention_down=tuple(DOWN_BLOCKS[block] for block in down),
            attention_up=tuple(UP_BLOCKS[block] for block in up),
            blocks=int(fields.get("layers_per_block", 2)),
            out_channels=int(fields.get("out_channels", 3)),
            head_channels=None if head_channels is None else int(head_channels),
            groups=int(fields.get("norm_num_groups", 32)),
            eps=float(fields.get("norm_eps", 1e-5)),
            cosines_first=bool(fields.get("flip_sin_to_cos", True)),
            frequency_shift=int(fields.get("freq_shift", 0)),
            downsample_padding=int(fields.get("downsample_padding", 1)),
        )
        if not len(config.channels) == len(down) == len(up) > 0:
            raise ValueError("one width, down block and up block per resolution")
        sizes = (*config.channels, config.blocks, config.groups, config.head_channels or 1)
        if not all(1 <= n <= 8192 for n in sizes) or config.downsample_padding not in (0, 1):
            raise ValueError("sizes from 1 to 8192")
        return config


def with_present_names(name: str) -> str:
    """The name of a tensor as it is stored today; attention layers were once called otherwise."""
    head, dot, end = name.rpartition(".")
    parent, _, layer = head.rpartition(".")
    if ".attentions." in name and layer in OLD_ATTENTION_NAMES:
        return f"{parent}.{OLD_ATTENTION_NAMES[layer]}{dot}{end}"
    return name


class ResnetBlock(nn.Module):
    """norm, SiLU, conv, plus the timestep, norm, SiLU, conv; residual."""

    def __init__(self, entering: int, leaving: int, config: DiffusersConfig) -> None:
        super().__init__()
        self.norm1 = GroupNorm(config.groups, entering, config.eps)
        self.conv1 = nn.Conv2d(entering, leaving, 3, padding=1)
        self.time_emb_proj = nn.Linear(4 * config.channels[0], leaving)
        self.norm2 = GroupNorm(config.groups, leaving, config.eps)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, padding=1)
        self.conv_shortcut = (
            nn.Identity() if entering == leaving else nn.Conv2d(entering, leaving, 1)
        )

    def forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        h = self.conv1(silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(emb)).to(h.dtype)[:, :, None, None]
        return self.conv_shortcut(x) + self.conv2(silu(self.norm2(h)))


class Attention(nn.Module):
    """Every pixel looks at every other."""

    def __init__(self, channels: int, config: DiffusersConfig) -> None:
        super().__init__()
        self.heads = channels // (config.head_channels or channels)
        inner = self.heads * (config.head_channels or channels)
        self.group_norm = GroupNorm(config.groups, channels, config.eps)
        self.to_q = nn.Linear(channels, inner)
        self.to_k = nn.Linear(channels, inner)
        self.to_v = nn.Linear(channels, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # (N, C, H, W) -> (N, H·W, C); these layers stay float32.
        flat = self.group_norm(x.float()).flatten(2).transpose(1, 2)
        q, k, v = (
            layer(flat).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + self.to_out[0](h).transpose(1, 2).unflatten(2, x.shape[2:]).to(x.dtype)


class Downsample(nn.Module):
    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Without padding of its own a row and a column of zeros are added at the far ends.
        return self.conv(x if self.padding else F.pad(x, (0, 1, 0, 1)))


class Block(nn.Module):
    """Residual blocks of one resolution, each followed by attention where it has any."""

    def __init__(
        self, entering: list[int], leaving: int, attention: bool, config: DiffusersConfig
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResnetBlock(n, leaving, config) for n in entering)
        self.attentions = nn.ModuleList(
            Attention(leaving, config) for _ in entering if attention
        )

    def layer(self, k: int, h: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        h = self.resnets[k](h, emb)
        return self.attentions[k](h) if len(self.attentions) else h


class DownBlock(Block):
    def __init__(
        self, entering: list[int], leaving: int, attention: bool, config: DiffusersConfig,
        last: bool,
    ) -> None:
        super().__init__(entering, leaving, attention, config)
        self.downsamplers = nn.ModuleList(
            () if last else [Downsample(leaving, config.downsample_padding)]
        )

    def forward(self, h: torch.Tensor, emb: torch.Tensor, skips: Skips) -> torch.Tensor:
        for k in range(len(self.resnets)):
            h = self.layer(k, h, emb)
            skips.append(h)
        for downsample in self.downsamplers:
            h = downsample(h)
            skips.append(h)
        return h


class UpBlock(Block):
    def __init__(
        self, entering: list[int], leaving: int, attention: bool, config: DiffusersConfig,
        last: bool,
    ) -> None:
        super().__init__(entering, leaving, attention, config)
        self.upsamplers = nn.ModuleList(() if last else [Upsample(leaving)])

    def forward(self, h: torch.Tensor, emb: torch.Tensor, skips: Skips) -> torch.Tensor:
        for k in range(len(self.resnets)):
            h = self.layer(k, torch.cat([h, skips.pop()], dim=1), emb)
        for upsample in self.upsamplers:
            h = upsample(h)
        return h


class MidBlock(Block):
    def __init__(self, channels: int, config: DiffusersConfig) -> None:
        super().__init__([channels, channels], channels, False, config)
        self.attentions = nn.ModuleList([Attention(channels, config)])

    def forward(self, h: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        before, after = self.resnets
        return after(self.attentions[0](before(h, emb)), emb)


class TimeEmbedding(nn.Module):
    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(entering, leaving)
        self.linear_2 = nn.Linear(leaving, leaving)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.linear_2(F.silu(self.linear_1(features)))


class DiffusersUNet(EpsNetwork):
    """The whole network; six output channels are ε and the share of the larger variance."""

    def __init__(self, config: DiffusersConfig) -> None:
        super().__init__()
        self.config = config
        channels, levels = config.channels, len(config.channels)
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], 4 * channels[0])
        h, skips = channels[0], [channels[0]]
        self.down_blocks = nn.ModuleList()
        for level, leaving in enumerate(channels):
            last = level == levels - 1
            entering = [h, *[leaving] * (config.blocks - 1)]
            self.down_blocks.append(
                DownBlock(entering, leaving, config.attention_down[level], config, last)
            )
            skips += [leaving] * (config.blocks + (not last))
            h = leaving
        self.mid_block = MidBlock(h, config)
        self.up_blocks = nn.ModuleList()
        for number, leaving in enumerate(reversed(channels)):
            before = [h, *[leaving] * config.blocks]
            entering = [n + skips.pop() for n in before]
            self.up_blocks.append(UpBlock(
                entering, leaving, config.attention_up[number], config, number == levels - 1
            ))
            h = leaving
        self.conv_norm_out = GroupNorm(config.groups, h, config.eps)
        self.conv_out = nn.Conv2d(h, config.out_channels, 3, padding=1)

    @property
    def stride(self) -> int:
        return self.config.stride

    @property
    def torso(self) -> tuple[nn.Module, ...]:
        return self.down_blocks, self.mid_block, self.up_blocks

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        config = self.config
        emb = self.time_embedding(timestep_features(
            timesteps, config.channels[0], config.cosines_first, config.frequency_shift
        ))
        h = self.conv_in(x_t).to(self.dtype)
        skips = [h]
        for down in self.down_blocks:
            h = down(h, emb, skips)
        h = self.mid_block(h, emb)
        for up in self.up_blocks:
            h = up(h, emb, skips)
        return self.conv_out(silu(self.conv_norm_out(h.to(x_t.dtype))))
