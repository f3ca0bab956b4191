"""FFDNet as its authors' files have it: what goes in where, without their weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks.ffdnet import CONVOLUTIONS, FOLDED, Denoiser, FFDNet
from gdp_desktop.benchmarks.plan import LeftOut

from .conftest import Bench, rows_of


def handing_on(*, level: bool = False) -> dict[str, torch.Tensor]:
    """Weights of a network that answers with the noisy photo, or with the noise level."""
    state = {name: torch.zeros_like(value) for name, value in FFDNet().state_dict().items()}
    for number in range(CONVOLUTIONS):
        weight = state[f"model.{2 * number}.weight"]
        for k in range(FOLDED):
            weight[k, FOLDED if level and number == 0 else k, 1, 1] = 1
    return state


@pytest.fixture
def saved(tmp_path: Path):
    def save(state: dict[str, torch.Tensor], name: str = "weights.pth") -> Path:
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("size", [(8, 10), (7, 9), (1, 1), (12, 5)])
def test_every_pixel_comes_out_where_it_went_in(size: tuple[int, int], saved) -> None:
    photo = np.random.default_rng(0).random((*size, 3), np.float32)
    found = Denoiser(saved(handing_on()))(photo, 0.1)
    assert np.allclose(found, photo, atol=1e-6)


def test_the_noise_level_is_told_in_units_of_the_photo(saved) -> None:
    found = Denoiser(saved(handing_on(level=True)))(np.zeros((6, 6, 3), np.float32), 25 / 255)
    assert np.allclose(found, 25 / 255, atol=1e-6)


def test_as_many_weights_as_were_published() -> None:
    weights = (13 * 96 + 10 * 96 * 96 + 96 * 12) * 9 + 11 * 96 + 12
    assert sum(p.numel() for p in FFDNet().parameters()) == weights


def test_it_is_left_out_with_a_reason(saved, tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_text("<!doctype html><title>not found</title>")
    other = saved({"model.0.weight": torch.zeros(3)}, "other.pth")
    for weights, said in ((None, "--ffdnet"), (tmp_path / "no.pth", "no.pth"), (page, "web page"),
                          (other, "another network")):
        with pytest.raises(LeftOut, match=said) as raised:
            Denoiser(weights)(np.zeros((4, 4, 3), np.float32), 0.1)
        assert str(raised.value).startswith("FFDNet is left out") and str(raised.value)[-1] == "."


def test_it_has_its_row_where_its_weights_are_given(bench: Bench, saved, tmp_path: Path) -> None:
    names = ("--sigmas", "25", "--methods", "noisy,ffdnet", "--count", "1")
    without = bench("denoising", *names)
    assert without.code == 0 and "FFDNet is left out" in without.out
    assert [row["method"] for row in rows_of(tmp_path / "tables" / "denoising.csv")] == ["noisy"]
    weights = saved(handing_on(), "weights,for colour.pth")
    assert bench("denoising", *names, "--ffdnet", str(weights), "--resume").code == 0
    noisy, answered = rows_of(tmp_path / "tables" / "denoising.csv")
    assert answered["method"] == "ffdnet"
    # Rectifiers take what is below black.
    assert 0 < float(answered["psnr"]) - float(noisy["psnr"]) < 0.2
