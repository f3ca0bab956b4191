"""What is solved on a graphics card, shown on a pretended one: nothing there is mixed with main
memory, the results are those of the processor, and large photos are not waited for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.diffusion import lanes, recorded
from gdp_desktop.diffusion import silu as silu_module
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Task
from tests.methods.test_laws import assignment, network_prior, posed
from tests.pretended_card import CARD, OnCard, pretended_card, taped

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
# Half of SIZE: a pyramid of two levels.
COARSE_SIDE = 20


@pytest.fixture(autouse=True)
def no_other_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended card computes in float32."""
    monkeypatch.setattr("gdp_desktop.diffusion.prior.bfloat16_pays", lambda device: False)
    # torch.autocast does not know its name, even to do nothing there.
    monkeypatch.setattr(torch, "autocast", lambda *_, enabled: nullcontext())


@pytest.fixture(autouse=True)
def one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card walks down one lane; several, with their narrow halos, would answer a little
    differently.  Few rows at once, and on a card more of them than on a processor."""
    monkeypatch.setattr(lanes, "LANES", ())
    monkeypatch.setattr(lanes, "FEWEST_ROWS", 8)


@pytest.fixture(autouse=True)
def one_logarithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV's, and its exponential, differ in their last bits from a card's, of which slopes
    through the network make 6e-4."""
    def taken(
        function: Callable[..., torch.Tensor], values: np.ndarray, answer: np.ndarray
    ) -> None:
        function(torch.from_numpy(values), out=torch.from_numpy(answer))

    monkeypatch.setattr(cv2, "log", partial(taken, torch.log))
    monkeypatch.setattr(cv2, "exp", partial(taken, torch.exp))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_light_model_beside_the_quadruple_prior_is_solved_there(share: float) -> None:
    method, task = method_named("quad-prior"), TASKS["low-light"]
    values = method.values({"data": share})
    here = result(method, assignment(method, posed(task), network_prior(), values=values))
    with pretended_card():
        there = posed(task).on(CARD)
        x0 = result(method, assignment(method, there, prior_there(), values=values)).cpu()
    assert torch.allclose(x0, here, atol=1e-5)


def test_a_card_is_not_kept_waiting_for_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(work: object) -> None:
        raise AssertionError("a thread of the processor was asked")

    monkeypatch.setattr(silu_module, "on_one_core", refuse)
    h = torch.zeros(1, 3, 4, 4, device="meta")
    with torch.no_grad():
        assert silu_module.silu(h).device.type == "meta"
        silu_module.silu_into(torch.empty_like(h), h)
    with torch.no_grad(), pytest.raises(AssertionError):
        silu_module.silu(torch.zeros(1))


def prior_there() -> UNetPrior:
    prior = network_prior()
    return replace(prior, network=deepcopy(prior.network)).on(CARD.type)


def result(method: Method, given: Assignment) -> torch.Tensor:
    *_, last = method.solver(given).solve(torch.Generator().manual_seed(0), lambda: None)
    return last.x0


@cache
def result_here(method: str, task: str) -> torch.Tensor:
    found = METHODS[method]
    given = assignment(found, posed(TASKS[task]), network_prior(), coarse_side=COARSE_SIDE)
    return result(found, given)


def pairs() -> Iterator[tuple[str, str]]:
    """(method, task): every task by its own method, and every method on a task that is not linear
    and on one that is, as far as it takes them."""
    yield from ((task.default_method, name) for name, task in TASKS.items())
    for name, method in METHODS.items():
        for task in ("low-light", "deblurring"):
            if name != TASKS[task].default_method and not method.refusal(posed(TASKS[task])):
                yield name, task


@pytest.mark.parametrize(("method", "task"), list(pairs()))
def test_the_problem_is_solved_there(method: str, task: str) -> None:
    found, problem = METHODS[method], posed(TASKS[task])
    with pretended_card():
        given = assignment(found, problem.on(CARD), prior_there(), coarse_side=COARSE_SIDE)
        x0 = result(found, given)
    assert isinstance(x0, OnCard)
    assert torch.allclose(x0.held, result_here(method, task), atol=1e-5)


def record_with(monkeypatch: pytest.MonkeyPatch, recorder: recorded.Recorder) -> None:
    monkeypatch.setattr(recorded, "RECORDERS", {CARD.type: recorder})
    monkeypatch.setattr(recorded, "SEEN_BEFORE", 1)
    monkeypatch.setattr(recorded, "ALLOWED", True)
    monkeypatch.setattr(recorded._Recordings, "count", 0)


# Bracketed exposures are looked at once at each size here.
@pytest.mark.parametrize("task", [task for name, task in TASKS.items() if name != "hdr"])
def test_recorded_evaluations_solve_it_as_well(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Mock(side_effect=taped)
    record_with(monkeypatch, recorder)
    method = method_named(task.default_method)
    with pretended_card():
        there = posed(task).on(CARD)
        x0 = result(method, assignment(method, there, prior_there(), coarse_side=COARSE_SIDE))
    recorder.assert_called()
    assert isinstance(x0, OnCard)
    assert torch.allclose(x0.held, result_here(method.id, task.id), atol=1e-5)


@every_task
def test_where_the_problem_finds_no_room_its_windows_travel(task: Task) -> None:
    method = method_named(task.default_method)
    with pretended_card():
        given = assignment(method, posed(task), prior_there(), coarse_side=COARSE_SIDE)
        x0 = result(method, given)
    assert torch.allclose(x0, result_here(method.id, task.id), atol=1e-5)


@pytest.mark.parametrize("is_recorded", [False, True], ids=["asked", "recorded"])
@pytest.mark.parametrize("task", [TASKS[t] for t in ("low-light", "denoise", "inpainting")])
def test_more_steps_at_full_size_do_not_wait_more_often(
    task: Task, is_recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_recorded:
        record_with(monkeypatch, taped)

    def waits(steps: int) -> Counter[str]:
        problem = replace(posed(task), coarse_steps=3)
        with pretended_card() as counted:
            given = assignment(
                method, problem.on(CARD), prior_there(), coarse_side=COARSE_SIDE, steps=steps
            )
            counted.clear()
            result(method, given)
            return Counter(counted)

    method = method_named(task.default_method)
    assert waits(2) == waits(5)
