"""A training step on a graphics card, shown on a pretended one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.training import state as training
from gdp_desktop.training.plan import TrainingPlan
from gdp_desktop.training.validation import denoising_psnr, x0_error_table
from tests.pretended_card import CARD, OnCard, pretended_card

TINY = UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16)


@pytest.fixture(autouse=True)
def no_other_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended card computes in float32."""
    monkeypatch.setattr(training, "bfloat16_pays", lambda device: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, enabled: nullcontext())


def learned(device: str) -> training.TrainingState:
    torch.manual_seed(0)
    plan = TrainingPlan(Path("photos"), Path("out.safetensors"), 1.0, TINY, device=device)
    state = training.TrainingState.resume_or_start(plan)
    crops = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        torch.manual_seed(2)
        state.learn(crops.to(torch.uint8), 0.1)
    return state


def test_a_step_there_is_the_step_here() -> None:
    photos = [np.random.default_rng(3).integers(0, 256, (32, 40, 3), np.uint8)]
    here = learned("cpu")
    with pretended_card():
        there = learned(CARD.type)
        measured = denoising_psnr(there.ema, photos, CARD.type)
        errors = x0_error_table(there.ema, photos, CARD.type)
        assert all(isinstance(p.data, OnCard) for p in there.network.parameters())
        for a, b in zip(there.ema.parameters(), here.ema.parameters(), strict=True):
            assert torch.allclose(a.cpu(), b, atol=1e-5)
    assert measured == pytest.approx(denoising_psnr(here.ema, photos), rel=1e-4)
    assert np.allclose(errors, x0_error_table(here.ema, photos), rtol=1e-4)
