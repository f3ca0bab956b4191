"""The network of the embedded prior: a fully convolutional U-Net without window statistics.

Its normalisation looks at one pixel only, so the answer for a pixel depends on its receptive field
and not on the size of the picture around it: a photo can be cut into windows with a halo and the
pieces agree with the whole.  (GroupNorm does not have this property; with it the same network lost
2-3 dB away from its training size.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.diffusion.row_wise import Convolved, Doubled, Halved, Waiting, Walk, in_turn


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network; one entry of ``widths`` and ``blocks`` per resolution."""

    widths: tuple[int, ...] = (64, 96, 160)
    blocks: tuple[int, ...] = (1, 2, 2)
    embedding: int = 256
    unshuffle: int = 2

    def __post_init__(self) -> None:
        if not self.widths or len(self.widths) != len(self.blocks):
            raise ValueError("one width and one block count per resolution")
        sizes = (*self.widths, self.embedding, self.unshuffle)
        if not all(isinstance(n, int) and 1 <= n <= 4096 for n in sizes):
            raise ValueError("sizes from 1 to 4096")
        if not all(isinstance(n, int) and 0 <= n <= 64 for n in self.blocks):
            raise ValueError("block counts from 0 to 64")

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return self.unshuffle * 2 ** (len(self.widths) - 1)

    @property
    def receptive_radius(self) -> int:
        """How far, in pixels, an output pixel can see; rounded up to a multiple of the stride."""
        # First and last 3x3 convolution, and the alignment to folded pixels.
        pixels, scale = 3 * self.unshuffle - 1, self.unshuffle
        for level, blocks in enumerate(self.blocks):
            deepest = level == len(self.blocks) - 1
            convolutions = 2 * (2 * blocks + (1 if deepest else 0))
            # Down- and upsampling align to the coarser grid: one coarse pixel at most.
            pixels += convolutions * scale + (0 if deepest else 2 * scale)
            scale *= 2
        return -(-pixels // self.stride) * self.stride


# A scale and a shift, (C,), or of every photo its own, (N, 1, 1, C).
Modulation = tuple[torch.Tensor, torch.Tensor]


class PixelNorm(nn.Module):
    """LayerNorm over the channels of each pixel; scale and shift come from the embedding."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, h: torch.Tensor, modulation: Modulation | None = None) -> torch.Tensor:
        """norm(h), or norm(h)·scale + shift."""
        # channels_last makes both permutations free.
        last = h.permute(0, 2, 3, 1)
        if modulation is None:
            normed = F.layer_norm(last, (self.channels,))
        elif modulation[0].dim() == 1:  # in one pass over h
            normed = F.layer_norm(last, (self.channels,), *modulation)
        else:
            scale, shift = modulation
            normed = F.layer_norm(last, (self.channels,)) * scale + shift
        return normed.permute(0, 3, 1, 2)


class ResBlock(nn.Module):
    """norm, SiLU, conv, norm modulated by the noise level, SiLU, conv; residual."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm = PixelNorm(channels)
        self.in_scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.in_shift = nn.Parameter(torch.zeros(channels, 1, 1))
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def modulated(self, emb: torch.Tensor) -> tuple[Modulation, Modulation]:
        """Of both norms at the noise level of ``emb`` (N, E)."""
        scale, shift = (
            found[0] if len(emb) == 1 else found[:, None, None]
            for found in self.modulation(emb).chunk(2, dim=1)
        )
        return (self.in_scale.flatten(), self.in_shift.flatten()), (1 + scale, shift)

    def walk(self, modulated: Modulated) -> Walk:
        """The block at a noise level, its rows a few at a time."""
        before, between = modulated[self]
        first, second = (Convolved(conv, activated=True) for conv in (self.conv1, self.conv2))
        waiting = Waiting()

        def further(x: torch.Tensor, is_last: bool) -> torch.Tensor:
            waiting.put(x)
            h = first(self.norm(x, before), is_last)
            h = second(self.norm(h, between), is_last)
            return waiting.added_to(h)

        return further


# What a noise level makes of every block: all of the network that follows from it alone.
Modulated = Mapping[ResBlock, tuple[Modulation, Modulation]]


class Stage(nn.ModuleList):
    """The residual blocks of one resolution."""

    def walk(self, modulated: Modulated) -> Walk:
        return in_turn([block.walk(modulated) for block in each(ResBlock, self)])


class UNet(nn.Module):
    """v-prediction network: ``(x_t, log_sigma) -> v``.

    x_t is (N, 3, H, W) with H and W multiples of ``config.stride``; log_sigma is (N,), the natural
    logarithm of sqrt((1-ᾱ_t)/ᾱ_t).  v has the shape of x_t.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        widths, emb = config.widths, config.embedding
        folded = 3 * config.unshuffle**2

        self.noise_embed = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.conv_in = nn.Conv2d(folded, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Stage(ResBlock(w, emb) for _ in range(n))
            for w, n in zip(widths, config.blocks, strict=True)
        )
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.middle = ResBlock(widths[-1], emb)
        self.up = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.decoder = nn.ModuleList(
            Stage(ResBlock(w, emb) for _ in range(n))
            for w, n in zip(widths, config.blocks, strict=True)
        )
        self.norm_out = PixelNorm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], folded, 3, padding=1)

    def forward(self, x_t: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
        return self.walk(self.modulated(log_sigma))(x_t, True)

    def modulated(self, log_sigma: torch.Tensor) -> Modulated:
        """For x_t at log_sigma: (N,), or (1,) if it is the same for all of them."""
        emb = F.silu(self.noise_embed(noise_features(log_sigma, self.config.embedding)))
        return {block: block.modulated(emb) for block in self._blocks()}

    def walk(self, modulated: Modulated) -> Walk:
        """x_t to v, rows a few at a time; h is a multiple of ``config.stride``."""
        fold = self.config.unshuffle
        encode, middle = self._encoder(modulated), self.middle.walk(modulated)
        up = [Doubled(conv) for conv in each(nn.Conv2d, self.up)]
        skips = [Waiting() for _ in self.up]
        decoder = [stage.walk(modulated) for stage in each(Stage, self.decoder)]
        conv_out = Convolved(self.conv_out, activated=True)

        def further(x_t: torch.Tensor, is_last: bool) -> torch.Tensor:
            *finer, h = encode(x_t, is_last)
            for skip, found in zip(skips, finer, strict=True):
                skip.put(found)
            h = decoder[-1](middle(h, is_last), is_last)
            for level in reversed(range(len(up))):
                h = up[level](h, skips[level].take(2 * h.shape[-2]))
                h = decoder[level](h, is_last)
            return F.pixel_shuffle(conv_out(self.norm_out(h), is_last), fold)

        return further

    def features(self, x_t: torch.Tensor, log_sigma: torch.Tensor) -> list[torch.Tensor]:
        """What the encoder sees in x_t, finest first: one (N, widths[k], H', W') per resolution,
        where H' = H / (unshuffle·2^k).  The coarsest has passed the middle block."""
        modulated = self.modulated(log_sigma)
        *finer, coarsest = self._encoder(modulated)(x_t, True)
        return [*finer, self.middle.walk(modulated)(coarsest, True)]

    def _blocks(self) -> list[ResBlock]:
        return [module for module in self.modules() if isinstance(module, ResBlock)]

    def _encoder(
        self, modulated: Modulated
    ) -> Callable[[torch.Tensor, bool], list[torch.Tensor]]:
        """What of the encoder's output is known, at every resolution, finest first."""
        conv_in = Convolved(self.conv_in)
        down = [Halved(conv) for conv in each(nn.Conv2d, self.down)]
        stages = [stage.walk(modulated) for stage in each(Stage, self.encoder)]

        def further(x_t: torch.Tensor, is_last: bool) -> list[torch.Tensor]:
            h = conv_in(F.pixel_unshuffle(x_t, self.config.unshuffle), is_last)
            found = [stages[0](h, is_last)]
            for halved, stage in zip(down, stages[1:], strict=True):
                found.append(stage(halved(found[-1]), is_last))
            return found

        return further


Kind = TypeVar("Kind", bound=nn.Module)


def each(kind: type[Kind], modules: nn.ModuleList) -> list[Kind]:
    """The modules of a list, which are all of one kind."""
    return [module for module in modules if isinstance(module, kind)]


def noise_features(log_sigma: torch.Tensor, dim: int) -> torch.Tensor:
    """Sines and cosines of log σ, (N,) -> (N, dim); wavelengths from the whole range to 1 %.

    log σ runs from -4.6 to 5.1 over the linear schedule; octaves below a hundredth of that
    range would only invite the network to memorise single timesteps.
    """
    frequencies = torch.exp(
        torch.linspace(0, math.log(100), dim // 2, device=log_sigma.device)
    ) * (math.pi / 10)
    angles = log_sigma[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)
