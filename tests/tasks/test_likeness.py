"""What may stand beside the squared error: off by default, felt where it is chosen, and refused in
a sentence where it cannot be had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.diffusion.perceptual import features_if_any
from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.diffusion.vgg import VGG16
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.tasks import TASKS, task_named
from gdp_desktop.tasks.likeness import LIKENESS, SMALLEST_SIDE, likeness_of, unlikeness
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given, Problem, Task
from tests.gaussian_prior import GaussianPrior

SIDE = 32
OFFERING = {task.id: task for task in TASKS.values() if LIKENESS[0] in task.params}
# Methods whose papers have no quality term, and one that compares features of its own.
WITHOUT = {"ddrm", "ddnm", "diffpir", "dps", "quad-prior"}
CHOICES = [choice for choice, _ in LIKENESS[0].choices]
every_offer = pytest.mark.parametrize("task", OFFERING.values(), ids=OFFERING)
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def prior() -> UNetPrior:
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return replace(UNetPrior(network.eval().requires_grad_(False)), window=SIDE, halo=4)


def picture(seed: int = 0, side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = 2 * torch.rand(1, 3, 6, 6, generator=generator) - 1
    shapes = F.interpolate(coarse, size=(side, side), mode="bilinear")
    return (0.5 * shapes + 0.02 * torch.randn(shapes.shape, generator=generator)).clamp(-1, 1)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(VGG16().state_dict(), path)
    return path


def posed(
    task: Task, prior: Prior | None = None, side: int = SIDE, **values: str
) -> Problem:
    chosen = {"second": "none"} if task.id == "mixed" else {}
    with torch.no_grad():
        given = Given(picture(side=side), prior=prior)
        return replace(task.pose(given, task.values(chosen | values)), coarse_steps=None)


def result(method: Method, problem: Problem, prior: UNetPrior) -> torch.Tensor:
    solver = method.solver(Assignment(
        problem, prior, Size(SIDE, SIDE), 3, values=method.values({})
    ))
    *_, last = solver.solve(torch.Generator().manual_seed(0), lambda: None)
    return last.x0


def chosen(likeness: str, vgg: Path) -> dict[str, str]:
    return {"likeness": likeness} | ({"vgg": str(vgg)} if likeness == "vgg" else {})


def test_it_is_offered_where_a_task_has_quality_terms_for_a_damage_to_be_repeated() -> None:
    assert set(OFFERING) == {"low-light", "mixed"}


@every_offer
def test_off_by_default(task: Task) -> None:
    problem = posed(task, prior())
    assert not problem.distances and not problem.notes
    assert not problem.likeness(problem.degradation, problem.y, 0.1)


@every_offer
@pytest.mark.parametrize("likeness", CHOICES[1:])
def test_every_choice_is_a_distance_of_what_the_photo_should_be(
    task: Task, likeness: str, vgg: Path
) -> None:
    """0 for what explains the photo exactly, more the further from it, and a slope that leads
    back."""
    problem = posed(task, prior(), **chosen(likeness, vgg))
    assert len(problem.distances) == 1
    x = picture(1)
    with torch.no_grad():
        y = problem.degradation(x)
    [term] = problem.likeness(problem.degradation, y, 0.1)
    away = 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    losses = [float(term((x + s * away).detach())) for s in (0, 0.3, 1)]
    assert abs(losses[0]) < 1e-3 and losses[0] < losses[1] < losses[2]
    variable = (x + away).requires_grad_(True)
    slope = torch.autograd.grad(term(variable), variable)[0]
    with torch.no_grad():
        assert float(term(x + away - 0.01 * slope / slope.norm())) < losses[2]


@pytest.mark.parametrize("likeness", ["ssim", "prior"])
def test_its_strength_goes_by_the_noise_and_not_by_the_size(likeness: str) -> None:
    problem = posed(task_named("mixed"), prior(), likeness=likeness)
    [distance] = problem.distances
    x, y = picture(1), picture(2)

    def loss(sigma: float, times: int) -> float:
        large = [image.repeat(1, 1, times, times) for image in (x, y)]
        with torch.no_grad():
            return float(unlikeness(distance, lambda x0: x0, large[1], sigma, large[0]))

    assert loss(0.1, 1) == pytest.approx(4 * loss(0.2, 1), rel=1e-4)
    assert loss(0.1, 3) == pytest.approx(9 * loss(0.1, 1), rel=0.25)


@every_offer
@every_method
def test_methods_with_quality_terms_feel_it(task: Task, method: Method) -> None:
    network, features = prior(), features_if_any(prior())
    plain, alike = (
        posed(task, features, likeness=likeness) for likeness in ("values", "prior")
    )
    if refusal := method.refusal(plain):
        assert refusal.endswith(".") and method.refusal(alike) == refusal
        return
    without, with_it = result(method, plain, network), result(method, alike, network)
    assert bool(torch.isfinite(with_it).all())
    assert torch.equal(without, with_it) == (method.id in WITHOUT)


def test_gdp_feels_it_beside_published_constants() -> None:
    task, network = task_named("low-light"), prior()
    found = [
        result(method_named("gdp-x0"), posed(task, None, light="gdp", likeness=likeness), network)
        for likeness in ("values", "ssim")
    ]
    assert not torch.equal(*found)


def test_it_draws_a_guided_estimate_towards_the_structures_of_the_photo() -> None:
    """Beside a weak data term, SSIM with y rises by more than without."""
    task = task_named("mixed")
    problem = posed(task, None, first="blur", likeness="ssim")
    x0 = torch.zeros_like(problem.y)
    measured = [Measurement(problem.y, problem.degradation, 0.3)]
    likeness = problem.likeness(problem.degradation, problem.y, 0.3)
    plain, alike = (Guidance(measured, terms)(x0, 0.3) for terms in ((), likeness))
    [distance] = problem.distances
    with torch.no_grad():
        losses = [float(distance(problem.degradation(x), problem.y)) for x in (plain, alike)]
    assert losses[1] < losses[0] - 1e-4


@every_offer
def test_pictures_too_small_to_be_compared_do_no_harm(task: Task) -> None:
    problem = posed(task, prior(), SMALLEST_SIDE // 2, likeness="prior")
    [term] = problem.likeness(problem.degradation, problem.y, 0.1)
    x0 = torch.zeros(1, 3, SMALLEST_SIDE // 2, SMALLEST_SIDE // 2)
    assert float(term(x0)) == 0
    guided = Guidance([Measurement(problem.y, problem.degradation, 0.1)], [term])(x0, 0.3)
    assert bool(torch.isfinite(guided).all())


def test_large_pictures_are_compared_small() -> None:
    seen: list[torch.Size] = []

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.extend((a.shape, b.shape))
        return (a - b).square().mean()

    y = torch.zeros(1, 3, 1100, 1600)
    unlikeness(distance, lambda x0: x0, y, 0.1, y)
    assert {tuple(shape[-2:]) for shape in seen} == {(550, 800)}


def test_a_prior_that_shows_nothing_is_replaced_and_it_is_said() -> None:
    assert features_if_any(GaussianPrior(0.0, 0.5)) is None
    problem = posed(task_named("mixed"), None, likeness="prior")
    assert problem.distances == posed(task_named("mixed"), None, likeness="ssim").distances
    [note] = problem.notes
    assert note.endswith(".") and "SSIM" in note


@pytest.mark.parametrize("content", [
    None, b"", b"hello", b"<!doctype html>", b"PK\x03\x04broken", b"\x80\x02broken", "others",
    "code", "number",
], ids=str)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_bad_file_of_vgg_is_one_sentence(
    content: bytes | str | None, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"vgg{suffix}"
    match content:
        case bytes():
            path.write_bytes(content)
        case "others":
            others = {"features.0.weight": torch.zeros(3)}
            save_file(others, path) if suffix == ".safetensors" else torch.save(others, path)
        case "code":
            torch.save({"features.0.weight": Path("/")}, path)
        case "number":
            torch.save(3, path)
    values = {"likeness": "vgg", "vgg": "" if content is None else str(path)}
    with pytest.raises(TaskError) as raised:
        likeness_of(values, None)
    text = str(raised.value)
    assert text.endswith(".") and "\n" not in text and "VGG-16" in text and len(text) < 200
