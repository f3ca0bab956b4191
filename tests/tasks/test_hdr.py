"""A bracket whose light is known: its factors are recovered, and both ends of its light."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.exposures import Exposures, relative_exposures, unclipped
from gdp_desktop.degradations.light import decode, encode
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Assignment
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given, Problem
from tests.tasks import posing

TASK = task_named("hdr")
posed = partial(posing.posed, TASK)
BRACKETS = [(1.0, 4.0, 0.25), (1.0, 0.125), (0.25, 1.0, 2.0, 8.0), (1.0, 1.0)]
brackets = pytest.mark.parametrize("factors", BRACKETS, ids=str)


def scene(side: int = 96, seed: int = 0) -> torch.Tensor:
    """Linear light over five orders of two, (1, 3, H, W), with fine structure."""
    generator = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand(1, 1, 4, 4, generator=generator), size=(side, side),
                           mode="bicubic").clamp(0, 1)
    fine = F.interpolate(torch.rand(1, 3, 24, 24, generator=generator), size=(side, side),
                         mode="bicubic").clamp(0, 1)
    return 2 ** (7 * coarse - 4.5) * (0.5 + fine)


def photo(light: torch.Tensor, factor: float, noise: float = 0.0, seed: int = 0) -> torch.Tensor:
    """y = clip(f·light), encoded, with noise, in 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    value = 255 * encode(factor * light).clamp(0, 1)
    value = value + noise * torch.randn(value.shape, generator=generator)
    return value.round().clamp(0, 255) / 127.5 - 1


def bracket(factors: tuple[float, ...], noise: float = 0.0) -> Given:
    photos = [photo(scene(), f, noise, seed) for seed, f in enumerate(factors)]
    return Given(photos[0], others=tuple(photos[1:]))


def degradation_of(problem: Problem) -> Exposures:
    assert isinstance(problem.degradation, Exposures)
    return problem.degradation


@brackets
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_the_factors_are_found_in_the_photos(factors: tuple[float, ...], noise: float) -> None:
    """Within 3 % without noise and 6 % with noise of 3 of 255."""
    given = bracket(factors, noise)
    y = torch.cat([given.y, *given.others])
    found, overlap = relative_exposures(y, unclipped(y))
    assert overlap
    truth = torch.tensor(factors) / factors[0]
    assert torch.allclose(found, truth, rtol=0.03 if noise == 0 else 0.06)


@brackets
def test_fitting_reaches_the_factors_from_elsewhere(factors: tuple[float, ...]) -> None:
    problem = posed(bracket(factors))
    degradation, truth = degradation_of(problem), torch.tensor(factors) / factors[0]
    x0 = degradation.initial(problem.y)
    wrong = torch.linspace(0.3, -0.3, len(factors)).view(-1, 1, 1, 1)
    degradation.log_factor.add_(wrong - wrong[:1])
    for _ in range(60):
        degradation.fit(x0, problem.y)
    assert torch.allclose(degradation.log_factor.exp().flatten(), truth, rtol=0.05)
    assert float(degradation.offset.min()) >= 0 and float(degradation.offset.max()) < 0.02


def test_camera_data_go_before_the_photos() -> None:
    given = bracket((1.0, 4.0))
    told = Given(given.y, others=given.others, exposures=(0.02, 0.1))
    assert degradation_of(posed(told)).log_factor.exp().flatten().tolist() == pytest.approx([1, 5])
    unsure = Given(given.y, others=given.others, exposures=(0.02, None))
    factors = degradation_of(posed(unsure)).log_factor.exp().flatten().tolist()
    assert factors == pytest.approx([1, 4], rel=0.03)


@pytest.mark.parametrize("told", [
    (0.01, 0.01, 0.01), (0.01, 0.04 / 400, 0.0025), (0.0025, 0.01, 0.04),
], ids=["all alike", "one without its sensitivity", "of other photos"])
def test_camera_data_that_the_photos_contradict_do_not_count(told: tuple[float, ...]) -> None:
    given = bracket((1.0, 4.0, 0.25))
    wrong = Given(given.y, others=given.others, exposures=told)
    problem, unsaid = posed(wrong), posed(given)
    factors = degradation_of(problem).log_factor.exp().flatten().tolist()
    assert factors == pytest.approx([1, 4, 0.25], rel=0.03)
    assert not degradation_of(problem).told
    assert "camera data" in problem.notes[0] and not unsaid.notes
    assert torch.equal(degradation_of(problem).light, degradation_of(unsaid).light)


def test_camera_data_count_where_the_photos_have_nothing_in_common() -> None:
    black, white = torch.full((1, 3, 96, 96), -1.0), torch.full((1, 3, 96, 96), 1.0)
    problem = posed(Given(black, others=(white,), exposures=(0.001, 0.1)))
    assert degradation_of(problem).told and not problem.notes


def test_both_ends_of_the_light_come_back() -> None:
    """Merged, the light is right to a few per cent where one photo alone knows nothing."""
    light, problem = scene(), posed(bracket((1.0, 4.0, 0.25)))
    degradation = degradation_of(problem)
    merged = degradation.merged(problem.y)
    error = (merged / light).log().abs()
    assert float(error.quantile(0.99)) < 0.06
    clipped = (light > 1.0).expand_as(light)
    assert int(clipped.sum()) > 500 and float(error[clipped].quantile(0.95)) < 0.05
    picture = degradation.initial(problem.y)
    seen = degradation.scene_light(picture)
    assert float((seen / light).log().abs().quantile(0.98)) < 0.1
    assert float((unit(picture) > 0.99).float().mean()) < 0.02  # nothing burnt out


@pytest.mark.parametrize("exposure", [0.25, 0.4, 0.6])
@pytest.mark.parametrize("compression", [0.0, 0.5, 0.9])
def test_the_picture_is_as_bright_as_wished(exposure: float, compression: float) -> None:
    problem = posed(bracket((1.0, 4.0, 0.25)), exposure=exposure, compression=compression)
    picture = unit(problem.degradation.initial(problem.y))
    assert float(picture.mean()) == pytest.approx(exposure, abs=0.01)


def test_compression_brings_light_and_dark_together() -> None:
    spreads = []
    for compression in (0.0, 0.45, 0.9):
        problem = posed(bracket((1.0, 4.0, 0.25)), compression=compression)
        coarse = F.avg_pool2d(problem.degradation.initial(problem.y), 16)
        spreads.append(float(coarse.std()))
    assert spreads[0] > 1.1 * spreads[1] > 1.2 * spreads[2]


def test_photos_from_the_hand_are_laid_on_one_another() -> None:
    whole = scene(140)
    first, second = whole[..., 10:130, 10:130], whole[..., 5:125, 17:137]
    problem = posed(Given(photo(first, 1.0), others=(photo(second, 0.25),)))
    assert problem.degradation.estimate()["shifts"] == [[0, 0], [5, -7]]
    error = (degradation_of(problem).merged(problem.y) / first).log().abs()
    assert float(error.quantile(0.98)) < 0.15


def test_what_moved_is_taken_from_the_first() -> None:
    light = scene()
    moved = light.clone()
    moved[..., 20:50, 30:60] *= 0.1
    problem = posed(Given(photo(light, 1.0), others=(photo(moved, 0.5), photo(light, 0.7))))
    inside = (..., slice(26, 44), slice(36, 54))
    known = degradation_of(problem).known
    told = known[0][inside] > 0.5  # where the first is clipped, nothing tells what moved
    assert int(told.sum()) > 300 and float(known[1][inside][told].mean()) < 0.03
    assert float(known[2][inside].mean()) > 0.5
    assert float(known[1][..., 60:, :].mean()) > 0.5


def test_more_photos_leave_less_noise() -> None:
    light = scene()
    alone, many = (
        posed(Given(photo(light, 1.0, 6.0), others=tuple(
            photo(light, 1.0, 6.0, seed) for seed in range(1, count)
        )))
        for count in (2, 8)
    )
    errors, gains = [], []
    for problem in (alone, many):
        degradation = degradation_of(problem)
        grey = (degradation.known > 0.99).all(dim=0, keepdim=True) & (light > 0.1)
        errors.append(float((degradation.merged(problem.y) / light).log()[grey].square().mean()))
        gains.append(float(degradation.noise_gain(problem.y).mean()))
    assert 0.15 < errors[1] / errors[0] < 0.4  # a quarter of the variance
    assert gains[1] == pytest.approx(gains[0] / 2, rel=0.15)


def test_one_photo_is_no_bracket() -> None:
    with pytest.raises(TaskError) as raised:
        posed(Given(photo(scene(), 1.0)))
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_photos_that_say_nothing_do_no_harm(value: float) -> None:
    flat = torch.full((1, 3, 32, 32), value)
    problem = posed(Given(flat, others=(flat, flat)))
    degradation, start = degradation_of(problem), problem.degradation.initial(problem.y)
    for _ in range(20):
        degradation.fit(start, problem.y)
    assert bool(torch.isfinite(start).all() & torch.isfinite(degradation.log_factor).all())
    assert torch.equal(degradation(start), problem.y)


def textured_bracket(factors: tuple[float, ...]) -> tuple[torch.Tensor, Given]:
    """A scene full of fine texture, and its photos with noise of 2.5 of 255."""
    generator = torch.Generator().manual_seed(7)
    light = scene(128) * 2 ** (0.8 * torch.randn(1, 3, 128, 128, generator=generator)).clamp(0.2, 4)
    photos = [photo(light, f, 2.5, 10 + k) for k, f in enumerate(factors)]
    return light, Given(photos[0], others=tuple(photos[1:]), exposures=factors)


def test_texture_is_not_taken_for_noise() -> None:
    """What the photos show alike is no noise, however fine."""
    _, given = textured_bracket((1.0, 0.25, 4.0))
    problem = posed(given, denoise=1.0)
    assert 127.5 * problem.sigma_y[0] == pytest.approx(2.5, rel=0.15)
    assert len(problem.sigma_y) == 1  # white, so that of the smaller sizes follows


def test_told_factors_stay_as_told() -> None:
    _, given = textured_bracket((1.0, 0.25, 4.0))
    problem = posed(given)
    degradation = degradation_of(problem)
    x0 = F.avg_pool2d(degradation.initial(problem.y), 9, 1, 4)  # an estimate that is off
    for _ in range(10):
        degradation.fit(x0, problem.y)
    found = degradation.log_factor.exp().flatten().tolist()
    assert found == pytest.approx([1, 0.25, 4], rel=1e-5)


def test_the_dark_is_not_brightened_by_merging() -> None:
    """Values that noise made black count as well as those that it made brighter."""
    light = torch.full((1, 3, 128, 128), 3e-4)
    light[..., 64:] = 0.2
    photos = [photo(light, f, 2.5, k) for k, f in enumerate((1.0, 0.5, 2.0))]
    problem = posed(Given(photos[0], others=tuple(photos[1:]), exposures=(1.0, 0.5, 2.0)))
    dark = (..., slice(8, 56))
    merged = degradation_of(problem).merged(problem.y)[dark]
    longest = decode(unit(photos[2])) / 2
    assert float(merged.mean()) < 1.4 * float(longest[dark].mean())


def test_the_result_is_at_least_as_good_as_merging() -> None:
    """The whole way through the program's engine, with the prior that is shipped."""
    light, given = textured_bracket((1.0, 0.25, 4.0))
    problem = posed(given)
    prior = load_prior(device="cpu").prior
    solver = METHODS[TASK.default_method].solver(Assignment(
        problem, prior, Size(128, 128), TASK.default_steps, TASK.coarse_side, 1, {},
    ))
    *_, last = solver.solve(torch.Generator().manual_seed(0), lambda: None)

    def error(found: torch.Tensor) -> float:
        return float((encode(found) - encode(light)).clamp(-0.5, 0.5).square().mean())

    with torch.no_grad():
        found = problem.by_products(last.x0)["hdr"]
    assert error(found) < 1.05 * error(degradation_of(problem).merged(problem.y))
