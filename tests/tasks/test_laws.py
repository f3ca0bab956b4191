"""What every task promises, whatever it does to a photo."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.func import jvp, vjp

from gdp_desktop.degradations.light import decode, encode, undo_roll_off
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.levels import levels_of
from gdp_desktop.tasks import TASKS, task_named
from gdp_desktop.tasks.inpainting import Masking, fill_from_surroundings
from gdp_desktop.tasks.low_light import LowLight, local_light
from gdp_desktop.tasks.param import FileParam, Option, Param, Setting, TaskError, as_keys, visible
from gdp_desktop.tasks.task import Given, Problem, Task

LOSSY = {"super-resolution", "colorization", "deblurring"}
# Orthonormal DCT coefficients: those of the mean are eight times as large as a pixel.
LARGEST_Y = {"jpeg": 8.0}
# A choice may exclude what another option says by default, or ask for a mask.
EXCLUDING = {"mixed"}
SIDE = 64
all_tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def smooth(height: int = SIDE, width: int = SIDE, contrast: float = 0.35) -> torch.Tensor:
    """A picture without sharp edges, in the middle of the range."""
    y = torch.linspace(0, 3, height).view(1, 1, -1, 1)
    x = torch.linspace(0, 2, width).view(1, 1, 1, -1)
    phase = torch.tensor([0.0, 0.7, 1.5]).view(1, 3, 1, 1)
    return contrast * torch.sin(x + y + phase)


def suited(task: Task, picture: torch.Tensor) -> torch.Tensor:
    """The picture as the task may be given it: colours are nothing to colour."""
    return picture.mean(1, keepdim=True).expand(-1, 3, -1, -1).clone() if (
        task.id == "colorization") else picture


def mask_for(task: Task, picture: torch.Tensor) -> torch.Tensor | None:
    if not task.needs_mask:
        return None
    mask = torch.zeros_like(picture[:, :1])
    mask[..., 10:23, 17:30] = 1
    return mask


def others_for(task: Task, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """As many further exposures of the picture as the task needs."""
    return tuple(
        (2 * encode(0.5 / (k + 1) * decode(unit(picture))) - 1).clamp(-1, 1)
        for k in range(task.others[0])
    )


def posed(task: Task, picture: torch.Tensor | None = None, **values: float | str) -> Problem:
    picture = suited(task, smooth() if picture is None else picture)
    with torch.no_grad():
        given = Given(picture, mask_for(task, picture), others_for(task, picture))
        return task.pose(given, task.values(values))


def scaled(task: Task, picture: torch.Tensor | None = None) -> torch.Tensor:
    """A picture of the size of the task's x."""
    picture = smooth() if picture is None else picture
    scale = task.scale(task.values({}))
    return smooth(picture.shape[-2] * scale, picture.shape[-1] * scale)


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and 10 < len(text) < 250


@all_tasks
def test_words_for_the_user(task: Task) -> None:
    assert task.title and task.help.strip().endswith(".") and len(task.help) > 40
    assert task_named(task.id) is task
    assert 1 <= task.default_steps <= 1000
    for setting in task.params:
        assert setting.label and setting.help.endswith("."), setting.key
        match setting:
            case Param():
                assert setting.minimum < setting.maximum and setting.step > 0
            case Option():
                ids, titles = zip(*setting.choices, strict=True)
                assert len(set(ids)) == len(set(titles)) == len(ids) >= 2 and all(titles)
            case FileParam():
                assert setting.suffixes
                assert all(s.startswith(".") and s == s.lower() for s in setting.suffixes)


def test_tasks_are_told_apart() -> None:
    assert len({task.title for task in TASKS.values()}) == len(TASKS) >= 6
    with pytest.raises(TaskError) as raised:
        task_named("sharpen")
    assert one_sentence(raised.value) and all(task_id in str(raised.value) for task_id in TASKS)


def ends(setting: Setting, folder: Path) -> list[float | str]:
    """Values at the border of what a setting takes."""
    match setting:
        case Param():
            return list(setting.choices or (setting.minimum, setting.maximum))
        case Option():
            return [name for name, _ in setting.choices]
        case FileParam():
            files = [folder / f"file{suffix}" for suffix in setting.suffixes]
            for file in files:
                file.touch()
            return ["", *map(str, files)]


def impossible(setting: Setting, folder: Path) -> list[float | str]:
    match setting:
        case Param():
            wrong: list[float | str] = [
                setting.minimum - 1, setting.maximum + 1, math.nan, math.inf, -math.inf, "much",
            ]
            if setting.choices:
                wrong.append(sum(setting.choices) / len(setting.choices))
            return [value for value in wrong if value != setting.auto]
        case Option():
            return ["", "none of them", 3.0, setting.default.upper() + "!"]
        case FileParam():
            other = folder / "file.of-another-kind"
            other.touch()
            missing = folder / f"missing{setting.suffixes[0]}"
            return [str(other), str(missing), str(folder)]


def where_it_matters(setting: Setting) -> dict[str, str]:
    """The other choice among which the setting is asked for."""
    if setting.only_if is None:
        return {}
    options, choice = setting.only_if
    return {as_keys(options)[0]: choice}


@all_tasks
def test_defaults_and_ends_are_valid(task: Task, tmp_path: Path) -> None:
    values = task.values({})
    assert set(values) == {setting.key for setting in task.params}
    assert task.values(values) == values
    for setting in task.params:
        for end in ends(setting, tmp_path):
            assert task.values({setting.key: end}) == values | {setting.key: end}


@all_tasks
def test_other_values_are_refused_in_one_sentence(task: Task, tmp_path: Path) -> None:
    for setting in task.params:
        for value in impossible(setting, tmp_path):
            with pytest.raises(TaskError) as raised:
                task.values(where_it_matters(setting) | {setting.key: value})
            text = str(raised.value).replace(str(tmp_path), "")
            assert text.endswith(".") and "\n" not in text and 10 < len(text) < 250
            assert setting.key in text
    with pytest.raises(TaskError) as raised:
        task.values({"colour of the sky": 1})
    assert one_sentence(raised.value) and "colour of the sky" in str(raised.value)


@all_tasks
def test_every_choice_poses_a_problem(task: Task) -> None:
    options = [setting for setting in task.params if isinstance(setting, Option)]
    for option in options:
        for choice, _ in option.choices:
            given = {option.key: choice}
            if any(isinstance(s, FileParam) and s.only_if == (option.key, choice)
                   for s in task.params):
                with pytest.raises(TaskError) as raised:
                    posed(task, **given)
                assert one_sentence(raised.value)
                continue
            try:
                problem = posed(task, **given)
            except TaskError as error:
                assert task.id in EXCLUDING and one_sentence(error), choice
                continue
            with torch.no_grad():
                start = problem.degradation.initial(problem.y)
                side = SIDE * task.scale(task.values(given))
                assert start.shape == (1, 3, side, side)
                assert problem.degradation(start).shape == problem.y.shape


# Settings that have done their work before the problem is posed, or forbid to pose it.
NOT_IN_THE_PROBLEM = {("inpainting", "missing"), ("colorization", "colour_photo")}


def posed_in_each_way(task: Task, setting: Param | Option) -> list[tuple]:
    """Comparable words for the problem at each choice, or at both ends and by default."""
    about = {}
    if setting.only_if and not visible(setting, task.values({})):
        options, choice = setting.only_if
        about[as_keys(options)[0]] = choice
    values = [name for name, _ in setting.choices] if isinstance(setting, Option) else [
        *(setting.choices or (setting.minimum, setting.maximum)), setting.default]
    found = []
    for value in dict.fromkeys(values):
        chosen = about | {setting.key: value}
        try:
            problem = posed(task, **chosen)
        except TaskError:  # asks for a file or a mask, or does not go with the defaults
            continue
        side = SIDE * task.scale(task.values(chosen))
        x = smooth(side, side)
        with torch.no_grad():
            damaged = problem.degradation(x)
            found.append((
                problem.y.numpy().tobytes(), problem.sigma_y, problem.start_sigma,
                problem.coarse_sigma, problem.zeta, problem.noise_first,
                tuple(float(q(x)) for q in problem.quality), len(problem.distances),
                problem.notes, damaged.numpy().tobytes(),
            ))
    return found


@pytest.mark.parametrize(("task", "setting"), [
    pytest.param(task, setting, id=f"{task.id}-{setting.key}")
    for task in TASKS.values() for setting in task.params
    if not isinstance(setting, FileParam) and (task.id, setting.key) not in NOT_IN_THE_PROBLEM
])
def test_every_setting_changes_the_problem(task: Task, setting: Param | Option) -> None:
    found = posed_in_each_way(task, setting)
    different = len(set(found))
    assert different == len(found) > 1 if isinstance(setting, Option) else different > 1


@all_tasks
def test_poses_a_finite_problem(task: Task) -> None:
    problem, x = posed(task), scaled(task)
    assert bool(torch.isfinite(problem.y).all())
    assert float(problem.y.abs().max()) <= LARGEST_Y.get(task.id, 1)
    assert problem.degradation(x).shape == problem.y.shape
    assert problem.sigma_y and all(math.isfinite(s) and s >= 0 for s in problem.sigma_y)
    assert 0 <= problem.zeta <= 1 and problem.solver_steps >= 1
    for sigma in (problem.start_sigma, problem.coarse_sigma):
        assert sigma is None or sigma > 0
    for term in problem.quality:
        assert math.isfinite(float(term(x))) and float(term(x)) >= 0
    estimate = problem.degradation.estimate()
    assert json.loads(json.dumps(estimate, allow_nan=False)) == estimate


@all_tasks
@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("shape", [(32, 32), (32, 40), (8, 48)])
def test_flat_pictures_can_be_posed_and_started(task: Task, value: float, shape) -> None:
    picture = torch.full((1, 3, *shape), value)
    mask = None
    if task.needs_mask:
        mask = torch.zeros(1, 1, *shape)
        mask[..., 2:5, 3:30] = 1
    with torch.no_grad():
        problem = task.pose(Given(picture, mask, others_for(task, picture)), task.values({}))
        start = problem.degradation.initial(problem.y)
        gain = problem.degradation.noise_gain(problem.y)
    assert bool(torch.isfinite(problem.y).all() & torch.isfinite(start).all())
    assert bool(torch.isfinite(gain).all() & (gain > 0).all())
    json.dumps(problem.degradation.estimate(), allow_nan=False)


@all_tasks
def test_noise_gain_fits_the_start(task: Task) -> None:
    problem = posed(task)
    gain = problem.degradation.noise_gain(problem.y)
    assert bool(torch.isfinite(gain).all() & (gain > 0).all())
    start = problem.degradation.initial(problem.y)
    assert torch.broadcast_shapes(gain.shape, start.shape) == start.shape
    assert not gain.requires_grad


@all_tasks
@pytest.mark.parametrize("kind", ["smooth", "random", "edges"])
def test_the_start_has_the_size_of_x_and_is_in_range(task: Task, kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    picture = smooth()
    if kind != "smooth":
        picture = torch.rand(picture.shape, generator=generator) * 2 - 1
    if kind == "edges":
        picture = picture.sign()
    problem = posed(task, picture)
    with torch.no_grad():
        start = problem.degradation.initial(problem.y)
    assert start.shape == scaled(task).shape
    assert float(start.min()) >= -1 and float(start.max()) <= 1


@all_tasks
def test_the_start_explains_the_photo(task: Task) -> None:
    problem = posed(task)
    with torch.no_grad():
        again = problem.degradation(problem.degradation.initial(problem.y))
    limit = {"deblurring": 0.02, "super-resolution": 0.01}.get(task.id, 2e-3)
    assert float((again - problem.y).square().mean().sqrt()) < limit


def small_double(task: Task) -> tuple[Degradation, torch.Tensor]:
    """The degradation for a tiny picture, in float64, and an x inside its smooth range."""
    shape = (1, 3, 8, 8)
    generator = torch.Generator().manual_seed(3)
    picture = suited(task, 0.3 * (torch.rand(shape, generator=generator) * 2 - 1))
    mask = None
    if task.needs_mask:
        mask = (torch.rand(1, 1, 8, 8, generator=generator) < 0.3).float()
    with torch.no_grad():
        problem = task.pose(Given(picture, mask, others_for(task, picture)), task.values({}))
        start = problem.degradation.initial(problem.y)
    side = start.shape[-1]
    x = 0.3 * (torch.rand(1, 3, side, side, generator=generator) * 2 - 1)
    return problem.degradation.double(), x.double()


@all_tasks
def test_derivatives_are_right(task: Task) -> None:
    degradation, x = small_double(task)
    x = x[..., :8, :8].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(degradation, (x,), fast_mode=True)


@all_tasks
def test_adjoint_and_jacobian_belong_together(task: Task) -> None:
    degradation, x = small_double(task)
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    y, pull_back = vjp(degradation, x)
    moved = jvp(degradation, (x,), (direction,))[1]
    residual = torch.randn(y.shape, dtype=torch.float64, generator=generator)
    forward = float((moved * residual).sum())
    backward = float((direction * pull_back(residual)[0]).sum())
    assert forward == pytest.approx(backward, rel=1e-10, abs=1e-12)


@all_tasks
def test_every_level_of_the_pyramid_fits(task: Task) -> None:
    problem, x = posed(task), scaled(task)
    count = 4 + (task.scale(task.values({})) > 1)
    with torch.no_grad():
        levels = levels_of(problem, Size(x.shape[-1], x.shape[-2]), count, 5)
        for level in levels:
            start = level.degradation.initial(level.y)
            assert start.shape == (1, 3, level.size.height, level.size.width)
            assert level.degradation(start).shape == level.y.shape
            gain = level.degradation.noise_gain(level.y)
            assert torch.broadcast_shapes(gain.shape, start.shape) == start.shape
            assert float(level.y.abs().max()) <= LARGEST_Y.get(task.id, 1) + 1e-6
            assert math.isfinite(level.sigma_y) and level.sigma_y >= 0
        for coarse, fine in zip(levels[:0:-1], levels[-2::-1], strict=True):
            assert fine.size.width == 2 * coarse.size.width
            fine.degradation.adopt(coarse.degradation)


@all_tasks
def test_shrinking_and_degrading_change_places(task: Task) -> None:
    problem, x = posed(task), scaled(task)
    degradation = problem.degradation
    with torch.no_grad():
        y = degradation(x)
        for _ in range(2):
            y, degradation, x = degradation.shrink_measurement(y), degradation.shrunk(), halved(x)
            direct = degradation(x)
            assert direct.shape == y.shape
            error = (direct - y)[..., 2:-2, 2:-2]
            if task.needs_mask:  # the mean of the known pixels sits beside the block's centre
                error = error * (F.max_pool2d(1 - degradation.known, 3, 1, 1) == 0)[..., 2:-2, 2:-2]
            assert float(error.abs().max()) < 0.02


@all_tasks
def test_posing_leaves_the_picture_alone_and_repeats(task: Task) -> None:
    picture = suited(task, smooth())
    before = picture.clone()
    one, two = posed(task, picture), posed(task, picture)
    assert torch.equal(picture, before) and torch.equal(one.y, two.y)
    assert one.degradation.estimate() == two.degradation.estimate()
    assert one.sigma_y == two.sigma_y


@pytest.mark.parametrize("kind", ["none", "empty", "all"])
def test_inpainting_needs_something_to_do_and_something_to_go_by(kind: str) -> None:
    picture = smooth()
    mask = {"none": None, "empty": torch.zeros(1, 1, SIDE, SIDE),
            "all": torch.ones(1, 1, SIDE, SIDE)}[kind]
    task = task_named("inpainting")
    with pytest.raises(TaskError) as raised:
        task.pose(Given(picture, mask), task.values({}))
    assert one_sentence(raised.value)


@pytest.mark.parametrize(("shape", "hole"), [
    ((40, 64), slice(32, 64)), ((64, 400), slice(100, 350)), ((30, 400), slice(10, 400)),
    ((3, 50), slice(1, 50)), ((1, 37), slice(5, 37)), ((64, 40), slice(0, 39)),
], ids=str)
def test_a_hole_from_edge_to_edge_is_filled_from_its_surroundings(
    shape: tuple[int, int], hole: slice
) -> None:
    """Not with the grey in the middle of the scale, however far away they are."""
    known = torch.ones(1, 1, *shape)
    known[..., hole] = 0
    y = torch.full((1, 3, *shape), 0.9)
    assert torch.allclose(fill_from_surroundings(known * y, known), y, atol=1e-5)


@pytest.mark.parametrize(("texture", "zeta", "times"), [(0.0, 1.0, 1), (0.7, 0.3, 4)])
def test_texture_keeps_noise_and_needs_freedom(texture: float, zeta: float, times: float) -> None:
    problem = posed(task_named("inpainting"), texture=texture, freedom=0.5)
    assert problem.zeta == pytest.approx(zeta)
    assert problem.coarse_sigma == pytest.approx(times * 0.5) and problem.start_sigma == 0.5


def test_the_pixels_that_are_known_tell_the_value_of_a_coarser_one() -> None:
    known = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    masking = Masking(known)
    smaller = masking.shrink_measurement(known * torch.full((1, 3, 32, 32), 0.4))
    assert torch.allclose(smaller, 0.4 * masking.shrunk().known)


def test_inpainting_starts_between_its_surroundings() -> None:
    task, picture = task_named("inpainting"), smooth()
    problem = posed(task, picture)
    filled = problem.degradation.initial(problem.y)
    hole = mask_for(task, picture).expand(1, 3, -1, -1) > 0
    assert torch.equal(filled[~hole], picture[~hole])
    assert float((filled - picture)[hole].abs().max()) < 0.15
    # What lies under the paint has no part in it.
    vandalised = torch.where(hole, torch.ones(()), picture)
    again = posed(task, vandalised)
    assert torch.equal(again.degradation.initial(again.y), filled)


# Low light: the factor is known, the program is not told.

def night(factor: float, seed: int = 0, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A clean picture with texture and its dark version, without noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    fine = F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0.02, 0.98)
    clean = 2 * fine - 1
    return clean, 2 * encode(factor * undo_roll_off(decode(fine))) - 1


def factor_of(degradation: LowLight) -> float:
    return float(degradation.log_factor.exp().mean())


@pytest.mark.parametrize("factor", [0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("seed", [0, 1])
def test_exposing_finds_the_factor_when_the_brightness_is_as_wished(
    factor: float, seed: int
) -> None:
    clean, dark = night(factor, seed)
    wished = float(unit(clean).mean())
    degradation = LowLight(local_light(dark, 0.0), wished, 0.0)
    assert torch.equal(degradation.light, torch.ones(1, 1, 64, 64))
    degradation.expose(dark)
    # Clipping of the darkened highlights does not occur for factors below 1.
    assert factor_of(degradation) == pytest.approx(factor, rel=0.05)
    assert float(unit(degradation.initial(dark)).mean()) == pytest.approx(wished, abs=0.005)


@pytest.mark.parametrize("factor", [0.05, 0.2, 0.8])
def test_fitting_keeps_to_the_factor_and_reaches_it_from_elsewhere(factor: float) -> None:
    clean, dark = night(factor)
    for start in (0.02, 3.0):
        degradation = LowLight(torch.ones(1, 1, 64, 64), float(unit(clean).mean()), 0.0)
        degradation.log_factor.fill_(math.log(start))
        for _ in range(15):
            degradation.fit(clean, dark)
        assert factor_of(degradation) == pytest.approx(factor, rel=0.1)
        assert float(degradation.haze.max()) <= 0.031


@pytest.mark.parametrize(("x0", "y", "neutral"), [
    (-1.0, -1.0, 1.0), (0.0, -1.0, 1.0), (1.0, -1.0, 0.0), (0.0, -0.9, 1.0), (0.0, 1.0, 1.0),
    (-1.0, 1.0, 0.0), (None, None, 1.0), (-1.0, None, 1.0),
])
def test_fitting_never_diverges(x0: float | None, y: float | None, neutral: float) -> None:
    generator = torch.Generator().manual_seed(0)

    def made(value: float | None) -> torch.Tensor:
        if value is None:
            return torch.rand(1, 3, 24, 24, generator=generator) * 2 - 1
        return torch.full((1, 3, 24, 24), value)

    estimate, photo = made(x0), made(y)
    degradation = LowLight(local_light(photo, 0.5), 0.45, neutral)
    degradation.expose(photo)
    for _ in range(100):
        degradation.fit(estimate, photo)
    factor = degradation.log_factor.exp()
    assert bool(torch.isfinite(factor).all()) and 1e-4 < float(factor.min())
    assert float(factor.max()) < 1e3
    assert bool(torch.isfinite(degradation.haze).all() & (degradation.haze >= 0).all())
    assert bool(torch.isfinite(degradation(estimate)).all())
    start = degradation.initial(photo)
    assert bool(torch.isfinite(start).all()) and float(start.abs().max()) <= 1
    json.dumps(degradation.estimate(), allow_nan=False)


def test_neutral_colours_take_a_cast_away() -> None:
    dark = night(0.2)[1]
    reddish = (dark + torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1)).clamp(-1, 1)
    spreads = []
    for neutral in (0.0, 0.5, 1.0):
        degradation = LowLight(local_light(reddish, 0.0), 0.45, neutral)
        degradation.expose(reddish)
        for _ in range(10):
            degradation.fit(degradation.initial(reddish), reddish)
        spreads.append(float(degradation.initial(reddish).mean(dim=(2, 3)).std()))
    assert spreads == sorted(spreads, reverse=True) and spreads[2] < 0.5 * spreads[0]


def test_a_higher_exposure_never_means_a_darker_result() -> None:
    task, dark = task_named("low-light"), night(0.15)[1]
    means = []
    for exposure in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8):
        problem = posed(task, dark, exposure=exposure, fill=0.0)
        means.append(float(unit(problem.degradation.initial(problem.y)).mean()))
    assert means == sorted(means) and means[-1] - means[0] > 0.4
    assert means[3] == pytest.approx(0.45, abs=0.02)


def test_local_light_is_a_share() -> None:
    for picture in (smooth(), night(0.1)[1], torch.full((1, 3, 8, 8), -1.0)):
        for amount in (0.0, 0.3, 1.0):
            light = local_light(picture, amount)
            assert light.shape == picture[:, :1].shape
            assert 0 < float(light.min()) and float(light.max()) <= 1
