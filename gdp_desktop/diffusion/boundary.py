"""The boundary condition x_T of a deterministic sampler: one noise field for every photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.samplers import standard_normal


@dataclass(frozen=True)
class Boundary:
    """A standard normal field of side×side pixels, known by the seed it is drawn with."""

    seed: int
    side: int

    def noise(self, like: torch.Tensor) -> torch.Tensor:
        """The field for a photo (1, C, H, W), repeated where the photo is larger."""
        height, width = like.shape[-2:]
        generator = torch.Generator().manual_seed(self.seed)
        field = standard_normal(like.new_empty(*like.shape[:2], self.side, self.side), generator)
        repeats = (1, 1, -(-height // self.side), -(-width // self.side))
        return field.repeat(repeats)[..., :height, :width]
