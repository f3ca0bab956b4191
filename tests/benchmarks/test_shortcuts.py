"""What a shortcut costs is the difference to the same without it, and to nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gdp_desktop.benchmarks import shortcuts
from gdp_desktop.benchmarks.plan import LeftOut
from gdp_desktop.benchmarks.shortcuts import AS_IT_IS, SHORTCUTS, gain
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.lanes import tiling_of
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior

from .conftest import Bench, rows_of

SIZE = Size(96, 64)
PROBLEM = Problem(torch.zeros(1, 3, *SIZE.shape), Degradation(), (0.1,), coarse_steps=3)
USUAL = Assignment(PROBLEM, GaussianPrior(0, 0.3, window=48, halo=4), SIZE, 2, coarse_side=16)
every_shortcut = pytest.mark.parametrize("name", SHORTCUTS)


def windows_and_levels(given: Assignment) -> tuple[int, int]:
    solver = method_named(shortcuts.METHOD).solver(given)
    return solver.total_windows, len(solver.levels)  # type: ignore[attr-defined]


@every_shortcut
def test_the_long_way_is_longer_or_has_no_seams(name: str) -> None:
    usual, levels = windows_and_levels(USUAL)
    other = SHORTCUTS[name].without(USUAL)
    windows, found = windows_and_levels(other)
    assert other != USUAL
    match name:
        case "windows":
            assert windows < usual and other.prior.window >= SIZE.width
        case "coarse to fine":
            assert (levels, found) == (3, 1)
        case _:
            assert windows > usual and found == levels


def test_without_windows_every_size_is_seen_at_once() -> None:
    """The networks that come with the program have lanes instead of windows."""
    network = UNet(UNetConfig(widths=(8, 8), blocks=(0, 0), embedding=16))
    usual = replace(USUAL, prior=replace(UNetPrior(network), window=48, halo=4))
    without = SHORTCUTS["windows"].without(usual)
    for sigma in (0.1, 0.5):  # with narrow halos and with wide ones
        assert len(tiling_of(usual.prior, sigma).windows(SIZE)) > 1
        assert [w.size for w in tiling_of(without.prior, sigma).windows(SIZE)] == [SIZE]


def test_without_a_pyramid_there_are_no_levels_to_leave_out() -> None:
    with pytest.raises(LeftOut):
        SHORTCUTS["coarse to fine"].without(replace(USUAL, coarse_side=None))


def test_the_gain_is_over_the_photos_that_both_have() -> None:
    usual = {"a": {"psnr": "30.0"}, "b": {"psnr": "20.0"}}
    assert gain({"a": {"psnr": "30.5"}, "c": {"psnr": "99"}}, usual) == "+0.500"
    assert gain({"a": {"psnr": "29"}, "b": {"psnr": "20"}}, usual) == "-0.500"
    assert gain(usual, usual) == "" and gain({}, usual) == ""


def test_the_table(bench: Bench, tmp_path: Path) -> None:
    tasks = ["--tasks", "low-light,noise-25"]
    assert bench("shortcuts", *tasks).code == 0
    rows = rows_of(tmp_path / "tables" / "shortcuts.csv")
    assert {row["task"] for row in rows} == {"low-light", "noise-25"}
    assert {row["without"] for row in rows} == {AS_IT_IS, *SHORTCUTS}
    page = (tmp_path / "tables" / "shortcuts.md").read_text(encoding="utf-8")
    lines = [line.split("|") for line in page.splitlines() if line.startswith("| low-light")]
    assert [line[2].strip() for line in lines] == [AS_IT_IS, *SHORTCUTS]
    # Crops smaller than a window have no seams to begin with.
    assert [float(line[-2]) for line in lines[1:2]] == [0.0]
    refused = bench("shortcuts", "--tasks", "everything")
    assert refused.code == 2 and "low-light" in refused.sentence
