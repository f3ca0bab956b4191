"""The default beside the algorithms as published: that they are what they are said to be, and that
a time told from a few steps is never taken for a measured one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import deepinv_samplers, published, stopwatch
from gdp_desktop.benchmarks.cases import CASES, Damaged
from gdp_desktop.benchmarks.gdp_released import ReleasedGDP, SlidingWindows
from gdp_desktop.benchmarks.pictures import Picture
from gdp_desktop.benchmarks.plan import LeftOut
from gdp_desktop.benchmarks.stopwatch import Enough, Stopwatch
from gdp_desktop.diffusion.prior import Denoised, UNetPrior
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.gdp import GenerativeDiffusionPrior
from gdp_desktop.methods.method import Assignment
from tests.gaussian_prior import GaussianPrior

from .conftest import Bench, picture, rows_of

FEW = ["--count", "1", "--sizes", "32x32", "--tasks", "sr4-mean"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "published.csv"


def damaged(case: str) -> Damaged:
    clean = picture(32, 64, 3).astype(np.float32) / 255
    return CASES[case].damaged(clean, np.random.default_rng(5))


# The windows of the released code.

@pytest.mark.parametrize(("size", "count"), [
    (Size(600, 400), 12), (Size(608, 416), 12), (Size(1900, 1060), 112), (Size(1920, 1088), 112),
    (Size(1080, 720), 40), (Size(1024, 1024), 49), (Size(256, 256), 1), (Size(200, 100), 1),
])
def test_as_many_windows_as_were_published(size: Size, count: int) -> None:
    windows = SlidingWindows(256).windows(size)
    assert len(windows) == len(set(windows)) == count
    assert all(window.right <= size.width and window.bottom <= size.height for window in windows)


def test_windows_are_averaged() -> None:
    """Every value is the mean of what the windows over it say: the place of the window, here."""
    class Numbering(GaussianPrior):
        seen = 0

        def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
            found = super().__call__(x_t, i)
            type(self).seen += 1
            x0 = torch.full_like(x_t, float(self.seen))
            return Denoised(x0, found.log_variance)

    wide = torch.zeros(1, 3, 256, 512)
    x0 = TiledPrior(Numbering(0.0, 0.5, window=256), SlidingWindows(256))(wide, 500).x0
    columns = x0[0, 0, 0, ::128]
    assert Numbering.seen == 3 and columns.tolist() == [1, 1.5, 2.5, 3]


def test_in_one_window_it_is_the_program_s_own_gdp() -> None:
    problem = damaged("inpainting-25").problem
    given = Assignment(
        problem, GaussianPrior(0.0, 0.5), Size(64, 32), 3, values=method_named("gdp-x0").values({})
    )
    own = GenerativeDiffusionPrior(given, at_x0=True, with_sigma=False)
    own.tiler = Tiler(64)
    results = [
        [estimate.x0 for estimate in solver.solve(torch.Generator().manual_seed(1), lambda: None)]
        for solver in (own, ReleasedGDP(given))
    ]
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


# Time.

def test_the_whole_time_is_told_from_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 5.0, 7.0, 9.0, 9.5])  # set up for 1, the first step for 4
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = Stopwatch(3)
    for _ in range(3):
        watch.step_begins()
    with pytest.raises(Enough):
        watch.step_begins()
    assert watch.seconds(100) == 1 + 4 + 99 * 2


def test_what_ran_to_its_end_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 5.0, 7.0])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = Stopwatch()
    watch.step_begins()
    watch.step_begins()
    assert watch.seconds(2) == 7


def test_one_step_is_too_few() -> None:
    with pytest.raises(ValueError):
        Stopwatch(1)


# The table.

def test_a_few_steps_tell_the_time_and_no_quality(bench: Bench, table: Path) -> None:
    outcome = bench("published", *FEW, "--methods", "default,gdp-x0", "--steps", "2")
    assert outcome.code == 0
    default, gdp = rows_of(table)
    assert [row["method"] for row in (default, gdp)] == ["default", "gdp-x0"]
    assert (default["steps"], gdp["steps"]) == ("default", "2 of 1000")
    assert float(default["psnr"]) and float(default["seconds"]) and not default["extrapolated"]
    assert not any(gdp[name] for name in ("psnr", "ssim", "consistency", "seconds"))
    assert float(gdp["extrapolated"]) > 0 and gdp["evaluations"] == "1000"
    [line] = [line for line in outcome.out.splitlines() if "gdp-x0 | 2 of 1000" in line]
    assert line.count("(extrapolated)") == 2


def test_a_whole_run_has_everything(
    bench: Bench, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "PUBLISHED_STEPS", 4)
    assert bench("published", *FEW, "--methods", "default,gdp-x0").code == 0
    default, gdp = rows_of(table)
    assert gdp["steps"] == gdp["evaluations"] == "4" and gdp["megapixels"] == "0.004096"
    assert float(gdp["seconds"]) and not gdp["extrapolated"]
    assert all(float(gdp[name]) for name in ("psnr", "ssim", "consistency"))
    # The same damage, judged alike.
    assert gdp["psnr"] != default["psnr"]


def test_low_light_is_that_of_the_paper(bench: Bench, table: Path) -> None:
    words = ["--count", "1", "--sizes", "32x32", "--tasks", "low-light", "--steps", "2"]
    assert bench("published", *words).code == 0
    # deepinv's samplers need a known linear D.
    assert [row["method"] for row in rows_of(table)] == ["default", "gdp-x0"]
    spoilt = damaged("low-light")
    contest = published.Contest(
        Picture(Path("x"), Size(64, 32)), "low-light", 0, loaded=None  # type: ignore
    )
    posed = published.problem_of_gdp(contest, spoilt)
    assert posed.published is not None and torch.equal(posed.y, spoilt.problem.y)


def test_photos_that_are_too_small_are_timed_only(bench: Bench, table: Path) -> None:
    words = ["--sizes", "32x32,64x64", "--crop", "64", "--methods", "default", "--tasks",
             "inpainting-25"]
    assert bench("published", *words).code == 0
    rows = rows_of(table)
    assert [row["size"] for row in rows] == ["32×32", "32×32", "64×64"]
    assert [bool(row["psnr"]) for row in rows] == [True, True, False]
    assert all(row["seconds"] for row in rows)


@pytest.mark.parametrize("words", [
    ["--sizes", "600"], ["--sizes", "0x4"], ["--steps", "1"], ["--steps", "some"],
    ["--sizes", "32x32", "--steps", "2,3"], ["--methods", "gdp"], ["--tasks", "grey"],
])
def test_what_cannot_be_is_one_sentence(bench: Bench, words: list[str]) -> None:
    outcome = bench("published", *words)
    assert outcome.code == 2 and words[-2] in outcome.sentence


def test_without_deepinv_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(deepinv_samplers.importlib, "import_module", missing)
    with pytest.raises(LeftOut, match="not installed"):
        deepinv_samplers.library()


def test_what_is_left_out_is_said(
    bench: Bench, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise LeftOut("deepinv is not here.")

    monkeypatch.setattr(deepinv_samplers, "library", missing)
    outcome = bench("published", *FEW, "--methods", "default,deepinv-diffpir")
    assert outcome.code == 0 and "deepinv is not here." in outcome.out
    assert [row["method"] for row in rows_of(table)] == ["default"]


# deepinv's samplers with our network and our D.

@pytest.mark.parametrize("case", published.LINEAR)
def test_deepinv_has_our_operator(case: str, deepinv: ModuleType) -> None:
    problem = damaged(case).problem
    physics = deepinv_samplers.physics_of(problem, deepinv)
    generator = torch.Generator().manual_seed(2)
    u = torch.rand(1, 3, 32, 64, generator=generator)
    y = torch.rand(problem.y.shape, generator=generator)
    assert torch.equal(physics.A(u), problem.degradation(u))
    # In [0, 1] the y of a clean photo is D of it, as it is in [-1, 1].
    clean = torch.from_numpy(picture(32, 64, 3)).permute(2, 0, 1)[None] / 255
    told = deepinv_samplers.measured(problem)
    assert float((physics.A(clean) - told).abs().max()) < 1 / 255
    # The proximal step is the minimum it is said to be: its slope there is 0.
    gamma, z = 3.0, u
    found = physics.prox_l2(z, y, gamma)
    slope = gamma * physics.A_adjoint(physics.A(found) - y) + found - z
    assert float(slope.abs().max()) < 1e-5


def test_deepinv_has_our_network() -> None:
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16))
    # In float32: a rounding to bfloat16 falls to another side for the last bit of what is rounded.
    prior = replace(UNetPrior(network).on("cpu"), autocast=None)
    denoiser = deepinv_samplers.denoiser_of(prior, lambda: None)
    i, u = 300, torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    sigma, alpha = float(prior.schedule.sigmas[i]), float(prior.schedule.alphas_cumprod[i]) ** 0.5
    expected = (prior(alpha * (2 * u - 1), i).x0 + 1) / 2
    u.requires_grad_(True)
    found = denoiser(u, sigma / 2)
    assert torch.allclose(found, expected, atol=1e-5)
    assert float(torch.autograd.grad(found.sum(), u)[0].abs().sum()) > 0
    with pytest.raises(LeftOut):
        deepinv_samplers.denoiser_of(GaussianPrior(0.0, 0.5), lambda: None)


@pytest.mark.parametrize("method", deepinv_samplers.SAMPLERS)
def test_deepinv_evaluates_as_often_as_is_said(
    method: str, deepinv: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = damaged("inpainting-25").problem
    monkeypatch.setattr(deepinv_samplers, "DPS_STEPS", 12)
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16))
    denoiser = deepinv_samplers.denoiser_of(UNetPrior(network).on("cpu"), lambda: None)
    sampler = deepinv_samplers.SAMPLERS[method]
    x0 = sampler.run(problem, denoiser, 1, deepinv)
    assert x0.shape == (1, 3, 32, 64) and bool(torch.isfinite(x0).all()) and not x0.requires_grad
    assert denoiser.evaluations == (11 if sampler.differentiates else sampler.steps)
    known = problem.degradation(torch.ones(1, 3, 32, 64))
    if not sampler.differentiates:  # what is known is met, up to DiffPIR's last noise
        assert float((known * (x0 - problem.y)).square().mean().sqrt()) < 0.02


def test_deepinv_is_stopped_after_a_few_steps(
    bench: Bench, table: Path, deepinv: ModuleType
) -> None:
    words = ["--methods", ",".join(deepinv_samplers.SAMPLERS), "--steps", "3"]
    assert bench("published", *FEW, *words).code == 0
    rows = {row["method"]: row for row in rows_of(table)}
    assert {m: row["steps"] for m, row in rows.items()} == {
        "deepinv-diffpir": "3 of 100", "deepinv-dps": "3 of 999",
    }
    assert all(float(row["extrapolated"]) and not row["psnr"] for row in rows.values())
