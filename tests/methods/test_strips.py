"""Work in strips gives what work on the whole photo gives, within what is said here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import (
    ALIGNMENT,
    MARGIN,
    NOISE_ROWS,
    NoiseField,
    Rows,
    in_strips,
    with_margins,
)
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.methods.adaptive import CoarseToFine
from gdp_desktop.methods.levels import levels_of
from gdp_desktop.methods.method import Assignment
from gdp_desktop.restoration.pixels import as_tensor, composed, consistency
from gdp_desktop.restoration.preview import PreviewPainter
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Given, Problem, Task
from tests.gaussian_prior import GaussianPrior

all_tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
# Higher than the strips in which a level begins, and than several windows.
SIZE = Size(32, 640)
# RMS, of 255.  Where no closed form is known, conjugate gradients stop a little elsewhere in every
# strip, and a blur is felt beyond its reach, if hardly.
COUPLED = 0.3
ROUNDING = 0.003


def night(height: int, width: int, noise: float = 0.03) -> torch.Tensor:
    """A dim picture with noise, (1, 3, H, W) in [-1, 1]."""
    generator = torch.Generator().manual_seed(0)
    y = torch.linspace(0, 30, height).view(1, 1, -1, 1)
    x = torch.linspace(0, 2, width).view(1, 1, 1, -1)
    phase = torch.tensor([0.0, 0.7, 1.5]).view(1, 3, 1, 1)
    clean = -0.5 + 0.2 * torch.sin(x + y + phase)
    return (clean + noise * torch.randn(clean.shape, generator=generator)).clamp(-1, 1)


def posed(task: Task) -> Problem:
    scale = task.scale(task.values({}))
    y = night(SIZE.height // scale, SIZE.width // scale)
    if task.id == "deblurring":  # noise alone is nothing that was ever sharp
        y = night(*SIZE.shape, noise=0.002)
    if task.id == "colorization":
        y = y.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    mask = torch.zeros_like(y[:, :1])
    mask[..., 100:130, 5:20] = 1
    others = tuple(y * (1 - 0.1 * n) for n in range(task.others[0]))
    with torch.no_grad():
        return task.pose(Given(y, mask if task.needs_mask else None, others), task.values({}))


@all_tasks
def test_a_degradation_of_rows_is_that_of_the_photo_in_these_rows(task: Task) -> None:
    problem = posed(task)
    for level in levels_of(problem, SIZE, 3, 1):
        degradation, y, height = level.degradation, level.y, level.size.height
        if degradation.reach is None:
            continue
        x = night(*level.size.shape)
        whole = degradation(x)
        reach = degradation.reach
        for inner in (Rows(0, 64), Rows(48, 112), Rows(height - 32, height)):
            outer = inner.padded(max(MARGIN, -(-reach // ALIGNMENT) * ALIGNMENT), height)
            part = degradation.rows(outer, height)
            there = Rows(inner.top - outer.top, inner.bottom - outer.top)
            tall = outer.bottom - outer.top
            seen = there.of(part(outer.of(x, height)), tall)
            assert torch.allclose(seen, inner.of(whole, height), atol=1e-5)
            if not degradation.local:
                continue
            start = there.of(part.initial(outer.of(y, height)), tall)
            assert torch.allclose(start, inner.of(degradation.initial(y), height), atol=1e-5)
            if degradation.pointwise:
                alone = degradation.rows(inner, height).initial(inner.of(y, height))
                assert torch.allclose(alone, start, atol=1e-5)
            gain = part.noise_gain(outer.of(y, height))
            expected = inner.of(degradation.noise_gain(y), y.shape[-2])
            if gain.shape[-2] > 1:
                gain = there.of(gain, tall)
            assert torch.allclose(gain, expected, rtol=1e-4)


@all_tasks
def test_many_windows_give_what_one_gives(task: Task) -> None:
    """With a prior of independent pixels, windows cannot show; strips must not either."""
    results = []
    for window in (48, 4096):
        prior = GaussianPrior(-0.4, 0.3, window=window)
        solver = CoarseToFine(Assignment(posed(task), prior, SIZE, 3, coarse_side=12))
        done: list[int] = []
        *_, last = solver.solve(
            torch.Generator().manual_seed(3), lambda done=done: done.append(1)  # type: ignore
        )
        assert last.is_result and len(done) == solver.total_windows
        results.append(last.x0)
    assert len(solver.levels) > 1
    difference = 127.5 * float((results[0] - results[1]).square().mean().sqrt())
    degradation = solver.levels[0].degradation
    coupled = not degradation.pointwise and degradation.shrinks_by == 1
    assert difference < (COUPLED if coupled else ROUNDING)
    assert float(results[0].std()) > 0.01


@pytest.mark.parametrize("values", [
    {"kind": "gaussian", "radius": 3.0}, {"kind": "disk", "disk": 5.0},
    {"kind": "motion", "length": 18.0, "angle": 80.0}, {"kind": "motion", "length": 14.0},
    {"kind": "motion", "length": 12.0, "angle": 45.0},
], ids=lambda values: " ".join(map(str, values.values())))
def test_no_cut_shows_where_a_blur_is_undone(values: dict[str, str | float]) -> None:
    """Undoing a blur without end, as that of motion, is felt far beyond its kernel."""
    task = TASKS["deblurring"]
    values = {**task.values(values)}
    generator = torch.Generator().manual_seed(1)
    sharp = torch.rand(1, 3, *SIZE.shape, generator=generator) * 1.6 - 0.8
    results = []
    for window in (48, 4096):
        with torch.no_grad():
            degradation = task.pose(Given(sharp), values).degradation
            y = degradation(sharp)
            problem = task.pose(Given(y), {**values, "noise": 1.0})
        prior = GaussianPrior(0.0, 0.45, window=window)
        solver = CoarseToFine(Assignment(problem, prior, SIZE, 1, coarse_side=12))
        *_, last = solver.solve(torch.Generator().manual_seed(3), lambda: None)
        results.append(127.5 * last.x0)
    difference = results[0] - results[1]
    assert float(difference.square().mean().sqrt()) < COUPLED
    assert float(difference.abs().max()) < 10 * COUPLED
    assert float((results[1] - 127.5 * y).square().mean().sqrt()) > 1


@pytest.mark.parametrize("zeta", [0.0, 1.0])
def test_estimates_cover_every_level_from_top_to_bottom(zeta: float) -> None:
    problem = replace(posed(TASKS["denoise"]), start_sigma=0.3, coarse_sigma=0.3, zeta=zeta)
    prior = GaussianPrior(-0.4, 0.3, window=48)
    solver = CoarseToFine(Assignment(problem, prior, SIZE, 2, coarse_side=16))
    *parts, last = solver.solve(torch.Generator().manual_seed(0), lambda: None)
    below = 0
    for part in parts:
        height = solver.levels[part.level].size.height
        assert part.top == below and not part.is_result
        below = (part.top + part.x0.shape[-2]) % height
    assert below == 0 and last.x0.shape[-2:] == SIZE.shape
    finest = [part for part in parts if part.level == 0]
    assert len(finest) > 4
    # The last step's strips are the result.
    pieces = finest[len(finest) // 2 :]
    assert torch.equal(torch.cat([part.x0 for part in pieces], dim=-2), last.x0)


def test_another_seed_is_another_noise_and_the_same_is_the_same() -> None:
    problem = replace(posed(TASKS["denoise"]), start_sigma=0.5, zeta=1.0)

    def result(seed: int) -> torch.Tensor:
        prior = GaussianPrior(-0.4, 0.3, window=48)
        solver = CoarseToFine(Assignment(problem, prior, SIZE, 2, coarse_side=16))
        *_, last = solver.solve(torch.Generator().manual_seed(seed), lambda: None)
        return last.x0

    assert torch.equal(result(1), result(1))
    assert not torch.equal(result(1), result(2))


def test_noise_is_looked_up_by_place() -> None:
    like = torch.empty(1, 3, 1, 20)
    whole = NoiseField(5, 1, 2).rows(Rows(0, 300), like)
    assert whole.shape == (1, 3, 300, 20)
    for rows in (Rows(0, 16), Rows(NOISE_ROWS - 3, NOISE_ROWS + 3), Rows(100, 300)):
        assert torch.equal(NoiseField(5, 1, 2).rows(rows, like), rows.of(whole, 300))
    for other in (NoiseField(6, 1, 2), NoiseField(5, 2, 2), NoiseField(5, 1, 3)):
        assert not torch.equal(other.rows(Rows(0, 16), like), whole[..., :16, :])
    assert abs(float(whole.mean())) < 0.03 and abs(float(whole.std()) - 1) < 0.03
    # No block repeats another.
    assert abs(float((whole[..., :64, :] * whole[..., 64:128, :]).mean())) < 0.05


@pytest.mark.parametrize("reach", [0, 5, 16, 40, None])
@pytest.mark.parametrize("sizes", [[96], [32, 64], [16, 16, 16, 48], [10, 3, 83], [80, 1, 15]])
def test_margins_come_along(sizes: list[int], reach: int | None) -> None:
    height = sum(sizes)
    photo = torch.arange(height).float().view(1, 1, -1, 1).expand(1, 3, -1, 2)
    tops = [sum(sizes[:k]) for k in range(len(sizes))]
    strips = [(t, photo[..., t : t + n, :]) for t, n in zip(tops, sizes, strict=True)]
    below = 0
    for inner, outer, rows in with_margins(iter(strips), height, reach):
        assert inner.top == below and inner.bottom > inner.top
        assert inner.bottom == height or inner.bottom % ALIGNMENT == 0
        assert torch.equal(rows, outer.of(photo, height))
        margin = height if reach is None else reach
        wanted = inner.padded(margin, height)
        assert outer.top <= wanted.top and outer.bottom >= wanted.bottom
        below = inner.bottom
    assert below == height


@pytest.mark.parametrize("tiler", [Tiler(32, 4, 8), Tiler(48, 8, 16), Tiler(32, 0, 0)], ids=str)
def test_rows_of_a_strip_may_be_overwritten(tiler: Tiler) -> None:
    prior = GaussianPrior(0.1, 0.3, Schedule.linear().quadratic(10))
    x_t = torch.randn(1, 3, 200, 40, generator=torch.Generator().manual_seed(0))
    whole = TiledPrior(prior, tiler)(x_t, 4).x0
    pieces = []
    for strip in TiledPrior(prior, tiler).strips(x_t, 4):
        pieces.append(strip.x0)
        x_t[..., strip.top : strip.top + strip.x0.shape[-2], :] = 9.0
    assert len(pieces) > 3
    assert torch.equal(torch.cat(pieces, dim=-2), whole)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("painted", [False, True])
def test_a_photo_survives_the_way_there_and_back(bits: int, painted: bool) -> None:
    rng = np.random.default_rng(0)
    dtype = np.uint8 if bits == 8 else np.uint16
    photo = Photo(rng.integers(0, 2**bits, (700, 30, 3), dtype=dtype))
    mask = None
    region = Rect(0, 0, 30, 700)
    if painted:
        mask = Mask.empty(photo.size)
        mask.pixels[200:650, 4:20] = rng.integers(0, 256, (450, 16), dtype=np.uint8)
        region = mask.bounds().padded(7).clamped(photo.size)
    padding = [(0, 4), (0, 6)]
    y = as_tensor(photo, region, padding)
    assert y.shape == (1, 3, region.height + 4, region.width + 6)
    assert torch.equal(y[..., region.height, :], y[..., region.height - 1, :])
    back = composed(photo, y, mask, region, 1)
    assert np.array_equal(back.pixels, photo.pixels)
    black = composed(photo, torch.full_like(y, -1), mask, region, 1).pixels
    if mask is None:
        assert not black.any()
    else:
        assert np.array_equal(black[mask.pixels == 0], photo.pixels[mask.pixels == 0])
        assert not black[mask.pixels >= 128].any()


@all_tasks
def test_consistency_is_a_mean_over_the_whole_photo(task: Task) -> None:
    problem, x = posed(task), night(*SIZE.shape, noise=0.0)
    expected = float(((problem.degradation(x) - problem.y) * 127.5).square().mean())
    assert consistency(problem, x) == pytest.approx(expected, rel=1e-3)


def test_some_strips_tell_the_consistency_of_a_large_photo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem, x = posed(TASKS["low-light"]), night(*SIZE.shape)
    whole, seen = consistency(problem, x), []
    rows = type(problem.degradation).rows

    def watched(degradation: Degradation, *cut: object) -> Degradation:
        part = rows(degradation, *cut)
        part.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-2]))
        return part

    monkeypatch.setattr(type(problem.degradation), "rows", watched)
    monkeypatch.setattr("gdp_desktop.restoration.pixels.LOOKED_AT", SIZE.pixels // 3)
    assert consistency(problem, x) == pytest.approx(whole, rel=0.1)
    assert SIZE.height / 4 < sum(seen) < SIZE.height / 2


def test_a_picture_painted_strip_by_strip_is_the_picture() -> None:
    photo = Photo(np.full((640, 96, 3), 70, np.uint8))
    mask = Mask.empty(photo.size)
    mask.pixels[300:500, 20:60] = 255
    for area, given in ((Rect(0, 0, 96, 640), None), (mask.bounds().padded(9), mask)):
        x0 = night(area.height, area.width)
        whole, seldom, often = (PreviewPainter(photo, given, area, 1) for _ in range(3))
        whole.take(x0, 0)
        at_once = whole.picture()
        for rows in in_strips(area.height, 48):
            seldom.take(rows.of(x0, area.height), 0, rows.top)
            often.take(rows.of(x0, area.height), 0, rows.top)
            picture = often.picture()
        assert np.array_equal(picture, at_once)
        assert np.array_equal(seldom.picture(), at_once)
        assert not np.array_equal(picture, photo.pixels)
