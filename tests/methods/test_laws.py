"""What every method promises, whatever it does inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.methods.pyramid import Pyramid
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import Param, TaskError
from gdp_desktop.tasks.task import Given, Problem, Task
from tests.gaussian_prior import GaussianPrior

SIZE = Size(64, 40)
STEPS = 3
CLOSED_FORM = GaussianPrior(0.0, 0.4, window=64)

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@cache
def network_prior() -> UNetPrior:
    """A network of random weights that sees only windows of 32 pixels, and of them its nearest."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8,), blocks=(1,), embedding=16, unshuffle=1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return replace(UNetPrior(network.eval().requires_grad_(False)), window=32, halo=4)


def picture(size: Size, seed: int = 0) -> torch.Tensor:
    """Smooth shapes with a little noise, not too dark and not too bright."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 2 * torch.rand(1, 3, 6, 6, generator=generator) - 1
    shapes = F.interpolate(coarse, size=size.shape, mode="bilinear")
    return (0.6 * shapes + 0.02 * torch.randn(shapes.shape, generator=generator)).clamp(-1, 1)


def posed(task: Task) -> Problem:
    values = task.values({})
    scale = task.scale(values)
    y = picture(Size(SIZE.width // scale, SIZE.height // scale))
    if task.id == "colorization":
        y = y.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    unknown = None
    if task.needs_mask:
        unknown = torch.zeros_like(y[:, :1])
        unknown[..., 8:20, 8:20] = 1
    others = tuple((y * (0.6 + 0.2 * k)).clamp(-1, 1) for k in range(task.others[0]))
    with torch.no_grad():
        return task.pose(Given(y, unknown, others), values)


def assignment(method: Method, problem: Problem, prior: Prior, **changed) -> Assignment:
    given = Assignment(problem, prior, SIZE, STEPS, values=method.values({}))
    return replace(given, **changed)


def estimates(
    method: Method, given: Assignment, seed: int = 0
) -> tuple[list[Estimate], int, int]:
    """Everything the method yields, the windows it counted, and those it promised."""
    done = 0

    def window_done() -> None:
        nonlocal done
        done += 1

    solver = method.solver(given)
    promised = solver.total_windows
    found = list(solver.solve(torch.Generator().manual_seed(seed), window_done))
    return found, done, promised


def result(method: Method, given: Assignment, seed: int = 0) -> torch.Tensor:
    return estimates(method, given, seed)[0][-1].x0


def able(method: Method) -> Iterator[Task]:
    """The tasks the method takes on, those first whose degradation crosses window borders."""
    preferred = sorted(TASKS.values(), key=lambda task: posed(task).degradation.pointwise)
    return (task for task in preferred if method.refusal(posed(task)) is None)


@every_method
def test_is_described_in_sentences(method: Method) -> None:
    assert method.id == method.id.lower() and " " not in method.id and method.title
    assert len(method.help) > 40 and method.help.rstrip().endswith(".")
    for setting in method.params:
        assert setting.label and setting.help.rstrip().endswith(".")
        assert setting.check(setting.default) == setting.default
    assert method.default_steps is None or 1 <= method.default_steps <= 1000


@every_method
def test_unknown_parameters_are_refused(method: Method) -> None:
    with pytest.raises(TaskError, match="no parameter"):
        method.values({"nonsense": 1})


@every_method
def test_more_steps_than_the_process_has_are_as_many_as_it_has(method: Method) -> None:
    few = CLOSED_FORM.respaced(CLOSED_FORM.schedule.evenly(6))
    given = assignment(method, posed(next(able(method))), few, steps=1000)
    found, done, promised = estimates(method, given)
    assert done == promised and bool(torch.isfinite(found[-1].x0).all())


@pytest.mark.parametrize(("method", "setting"), [
    pytest.param(method, setting, id=f"{name}-{setting.key}")
    for name, method in METHODS.items() for setting in method.params if isinstance(setting, Param)
])
def test_windows_are_counted_whatever_is_set(method: Method, setting: Param) -> None:
    problem = posed(next(able(method)))
    for end in (setting.minimum, setting.maximum):
        values = method.values({setting.key: end})
        _, done, promised = estimates(
            method, assignment(method, problem, CLOSED_FORM, values=values)
        )
        assert done == promised


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(TaskError, match="no method"):
        method_named("nonsense")


@every_method
@every_task
def test_does_a_task_or_says_why_not(method: Method, task: Task) -> None:
    problem = posed(task)
    refusal = method.refusal(problem)
    if refusal is not None:
        assert refusal.endswith(".") and "\n" not in refusal and len(refusal) > 20
        return
    found, done, promised = estimates(method, assignment(method, problem, CLOSED_FORM))
    assert found[-1].is_result and not any(estimate.is_result for estimate in found[:-1])
    assert found[-1].level == 0 and found[-1].x0.shape == (1, 3, SIZE.height, SIZE.width)
    assert done == promised
    for estimate in found:
        assert bool(torch.isfinite(estimate.x0).all()) and not estimate.x0.requires_grad


@every_method
def test_every_method_can_do_something(method: Method) -> None:
    assert any(True for _ in able(method))


@every_method
def test_window_by_window_repeatable_and_blind_to_the_batch(method: Method) -> None:
    task = next(able(method))
    found = [
        estimates(method, assignment(method, posed(task), network_prior(), window_batch=batch), 5)
        for batch in (1, 3, 1)
    ]
    (one, done, promised), (three, *_), (again, *_) = found
    assert done == promised > STEPS
    assert torch.equal(one[-1].x0, again[-1].x0)
    assert torch.equal(one[-1].x0, three[-1].x0)


@every_method
def test_stops_where_a_window_says_so(method: Method) -> None:
    class Stop(Exception):
        pass

    heard = 0

    def window_done() -> None:
        nonlocal heard
        heard += 1
        if heard == 2:
            raise Stop

    task = next(able(method))
    solver = method.solver(assignment(method, posed(task), network_prior(), window_batch=3))
    with pytest.raises(Stop):
        list(solver.solve(torch.Generator().manual_seed(0), window_done))
    assert heard == 2


@every_method
def test_leaves_the_photo_alone(method: Method) -> None:
    task = next(able(method))
    problem = posed(task)
    before = problem.y.clone()
    result(method, assignment(method, problem, CLOSED_FORM))
    assert torch.equal(problem.y, before)


@pytest.mark.parametrize("name", [
    name for name, method in METHODS.items()
    # Guided at x_t, GDP's last step moves by as much as x_t is off, however few came before.
    if not method.refusal(posed(TASKS["denoise"])) and not name.startswith("gdp-xt")
])
def test_a_single_step_is_told_of_the_noise_it_starts_from(name: str) -> None:
    """x_T told to be clean would be the result."""
    method, problem = METHODS[name], posed(TASKS["denoise"])
    noisy = replace(problem, y=torch.zeros_like(problem.y), sigma_y=(0.5,), start_sigma=None)
    x0 = result(method, assignment(method, noisy, GaussianPrior(0.0, 0.1), steps=1))
    assert float(x0.std()) < 0.2


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_a_walk_of_few_steps_learns_where_it_begins(steps: int) -> None:
    method, problem = method_named("pyramid"), posed(TASKS["low-light"])
    values = method.values({"levels": 2})
    solver = method.solver(assignment(method, problem, GaussianPrior(0.0, 0.3), values=values,
                                      steps=steps))
    assert isinstance(solver, Pyramid)
    visited = {solver.level_at(i).number for i in range(steps)}
    assert [g.learn for g in solver.guidances] == [
        level.number == max(visited) for level in solver.levels
    ]
