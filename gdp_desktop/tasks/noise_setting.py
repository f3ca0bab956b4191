"""The setting that says how noisy a photo is that is restored from other damage."""

from __future__ import annotations

import torch

from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.tasks.param import Param, Values


def noise_setting(help: str) -> Param:
    return Param("noise", "Noise", 0, 0, 50, 0.5, "of 255", help, auto=0)


def noise_of(y: torch.Tensor, values: Values, least: float = 0.0) -> float:
    """σ_y in units of x in [-1, 1]: as stated, or as measured in y but at least ``least``."""
    return values["noise"] / 127.5 or max(white_noise(y), least)
