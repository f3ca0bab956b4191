"""GDP at a thousand steps over the windows of its released code, one after the other."""

from __future__ import annotations

import torch

from gdp_desktop.diffusion.tiler import Tiler
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.methods.gdp import GenerativeDiffusionPrior
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks.published import SIDE

HOP = 128


class SlidingWindows(Tiler):
    """A window every HOP pixels and one at the far end; where they overlap, all count alike.

    The released code computes the last window twice where the far end is a multiple of HOP; here
    every window is computed once.
    """

    def starts(self, length: int) -> list[int]:
        if length <= self.window:
            return [0]
        last = length - self.window
        return [*range(0, last, HOP), last]

    def weights(
        self, window: Rect, size: Size, device: torch.device | None = None
    ) -> torch.Tensor:
        return torch.ones(window.height, window.width, device=device)


class ReleasedGDP(GenerativeDiffusionPrior):
    """GDP-x̃0 (Fei et al. 2023) on photos of any size: windows of 256×256 every 128 pixels, each
    sent through the network by itself, their answers averaged at every step."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given, at_x0=True, with_sigma=False)
        self.tiler = SlidingWindows(SIDE)
