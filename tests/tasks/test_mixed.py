"""Damage of several kinds: what can be said together, and what is refused."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.levels import levels_of
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given, Problem

TASK = task_named("mixed")
SIDE = 64


def picture() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 6, 6, generator=generator)
    return F.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear") * 1.4 - 0.7


def painted() -> torch.Tensor:
    unknown = torch.zeros(1, 1, SIDE, SIDE)
    unknown[..., 20:26, 10:50] = 1
    return unknown


def posed(*parts: str, unknown: torch.Tensor | None = None, **values: float) -> Problem:
    chosen = dict(zip(("first", "second", "third"), (*parts, "none", "none", "none"), strict=False))
    with torch.no_grad():
        return TASK.pose(Given(picture(), unknown), TASK.values(chosen | values))


KINDS = ("grey", "blur", "dark", "shrink")
POSSIBLE = [
    *((kind,) for kind in KINDS), *permutations(KINDS, 2), ("grey", "blur", "missing"),
    ("shrink", "missing"),
    ("missing",), ("grey", "missing"), ("dark", "grey", "missing"), ("none", "grey", "none"),
]


@pytest.mark.parametrize("parts", POSSIBLE, ids="+".join)
def test_every_order_can_be_posed(parts: tuple[str, ...]) -> None:
    problem = posed(*parts, unknown=painted() if "missing" in parts else None)
    with torch.no_grad():
        start = problem.degradation.initial(problem.y)
        again = problem.degradation(start)
    scale = 2 if "shrink" in parts else 1
    assert start.shape == (1, 3, scale * SIDE, scale * SIDE) and again.shape == problem.y.shape
    assert float(start.abs().max()) <= 1 and bool(torch.isfinite(again).all())
    assert float((again - problem.y).square().mean().sqrt()) < 0.06
    values = dict(zip(("first", "second", "third"), parts, strict=False))
    assert TASK.scale(TASK.values({"second": "none"} | values)) == scale


@pytest.mark.parametrize(("parts", "unknown"), [
    (("none",), None), (("grey", "grey"), None), (("missing", "blur"), painted()),
    (("grey", "missing"), None), (("grey", "missing"), torch.zeros(1, 1, SIDE, SIDE)),
    (("grey", "missing"), torch.ones(1, 1, SIDE, SIDE)),
], ids=str)
def test_what_does_not_go_together_is_refused(
    parts: tuple[str, ...], unknown: torch.Tensor | None
) -> None:
    with pytest.raises(TaskError) as raised:
        posed(*parts, unknown=unknown)
    text = str(raised.value)
    assert text.endswith(".") and text.count(".") == 1 and "\n" not in text


@pytest.mark.parametrize("parts", [("blur",), ("grey", "blur"), ("grey", "shrink")], ids="+".join)
def test_noise_is_taken_as_stated_but_never_below_that_of_rounding(parts: tuple[str, ...]) -> None:
    assert posed(*parts, noise=5).sigma_y[0] == pytest.approx(5 / 127.5)
    assert posed(*parts, noise=0.1).sigma_y[0] == pytest.approx(SMALLEST_SIGMA)


@pytest.mark.parametrize("parts", [("shrink",), ("blur", "shrink"), ("shrink", "grey")],
                         ids="+".join)
def test_the_photo_is_as_noisy_where_the_picture_is_half_as_large(parts: tuple[str, ...]) -> None:
    """It is the same photo there; only further down is it halved itself."""
    problem = posed(*parts, noise=8)
    with torch.no_grad():
        full, half, quarter = levels_of(problem, Size(2 * SIDE, 2 * SIDE), 3, 5)
    assert torch.equal(full.y, half.y)
    assert full.sigma_y == half.sigma_y == 2 * quarter.sigma_y == 8 / 127.5


@pytest.mark.parametrize("method", ["ddrm", "ddnm"])
@pytest.mark.parametrize("parts", [("grey", "blur"), ("shrink", "grey")], ids="+".join)
def test_grey_and_one_thing_more_is_solved_coordinate_by_coordinate(
    parts: tuple[str, ...], method: str
) -> None:
    assert method_named(method).refusal(posed(*parts)) is None
    apart = posed("blur", "shrink", "grey")
    assert (method_named("ddrm").refusal(apart) or "").endswith(".")


def test_what_lies_under_the_paint_has_no_part_in_it() -> None:
    one = posed("grey", "missing", unknown=painted())
    start = one.degradation.initial(one.y)
    vandalised = torch.where(painted() > 0, torch.ones(()), picture())
    with torch.no_grad():
        values = TASK.values({"first": "grey", "second": "missing"})
        other = TASK.pose(Given(vandalised, painted()), values)
    assert torch.equal(one.y, other.y)
    assert torch.equal(other.degradation.initial(other.y), start)
