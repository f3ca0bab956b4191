"""Evaluations that a card records, on a pretended one; and on a real one where there is one."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.cuda import current_stream

from gdp_desktop.diffusion import recorded
from gdp_desktop.diffusion.prior import EpsPrior, NetworkPrior, UNetPrior
from gdp_desktop.diffusion.recorded import (
    MOST_PIXELS,
    MOST_RECORDINGS,
    MOST_SHAPES,
    SEEN_BEFORE,
    Evaluate,
    Recorder,
    evaluated,
    recording_if,
)
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from tests.pretended_card import CARD, pretended_card, taped

from .test_adm import random_adm

STEPS = (900, 700, 500, 300, 100, 10)


class Plus(nn.Module):
    """What it is given plus the condition; counts how often it is asked."""

    asked = 0

    def forward(self, x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return x_in + condition


class PlusANumber(Plus):
    """Needs to know the condition before it goes on."""

    def forward(self, x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return super().forward(x_in, torch.full_like(condition, condition.item()))


class PlusTheCount(Plus):
    """Answers differently every time."""

    def forward(self, x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return super().forward(x_in, condition + self.asked)


def plus(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
    """A recorder of Plus."""
    return lambda x_in, condition: x_in + condition


def refused(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
    raise RuntimeError("CUDA error: operation not permitted when stream is capturing")


def record_with(monkeypatch: pytest.MonkeyPatch, recorder: Recorder, device: str = "cpu") -> None:
    monkeypatch.setattr(recorded, "RECORDERS", {device: recorder})


def ask(network: nn.Module, side: int = 4, value: float = 0.0, photos: int = 1) -> torch.Tensor:
    with torch.no_grad():
        return evaluated(network, torch.zeros(photos, 3, side, side), torch.tensor([value]))


def unet_prior() -> UNetPrior:
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8, 12), blocks=(1, 1), embedding=16, unshuffle=1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return UNetPrior(network.eval().requires_grad_(False), window=16, halo=2)


def eps_prior() -> EpsPrior:
    return EpsPrior(random_adm(), 16, "learned")


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the variable in the environment, and nothing recorded so far."""
    monkeypatch.setattr(recorded, "ALLOWED", True)
    monkeypatch.setattr(recorded._Recordings, "count", 0)
    monkeypatch.setattr(recorded._Recordings, "has_failed", False)


def test_nothing_is_recorded_unless_asked_for() -> None:
    code = "from gdp_desktop.diffusion import recorded; print(recorded.ALLOWED)"
    for value, expected in (("", "False"), ("1", "True")):
        environment = {**os.environ, recorded.VARIABLE: value}
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                              text=True, check=True)
        assert told.stdout.strip() == expected


def test_a_wish_is_forgotten_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    record_with(monkeypatch, plus)
    x_in = torch.zeros(1, 3, 4, 4)
    with torch.no_grad():
        for allowed in (True, False):
            with recording_if(not allowed):
                assert recorded.pays(x_in) != allowed
            monkeypatch.setattr(recorded, "ALLOWED", allowed)
            assert recorded.pays(x_in) == allowed


def test_a_shape_that_comes_often_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    record_with(monkeypatch, plus)
    network = Plus()
    for value in range(9):
        assert torch.equal(ask(network, value=value), torch.full((1, 3, 4, 4), float(value)))
    # Those before, and what the recording is compared with.
    assert network.asked == SEEN_BEFORE + 1
    ask(network, side=8)
    assert network.asked == SEEN_BEFORE + 2


@pytest.mark.parametrize("recorder, network", [
    (refused, Plus()), (plus, PlusTheCount()), (taped, PlusANumber()),
])
def test_what_cannot_be_recorded_or_does_not_repeat_itself_is_not_used(
    recorder: Recorder, network: Plus, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_with(monkeypatch, recorder, CARD.type)
    x, condition = torch.zeros(1, 3, 4, 4), torch.ones(1)
    with pretended_card(), torch.no_grad():
        for _ in range(SEEN_BEFORE + 1):
            evaluated(network, x.to(CARD), condition.to(CARD))
        before = network.asked
        for _ in range(3):
            evaluated(network, x.to(CARD), condition.to(CARD))
    assert network.asked == before + 3


def ask_often(network: nn.Module, side: int) -> None:
    for _ in range(SEEN_BEFORE + 1):
        ask(network, side)


def test_after_a_failure_nothing_more_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    record_with(monkeypatch, refused)
    ask_often(Plus(), 4)
    recorder = Mock(side_effect=plus)
    record_with(monkeypatch, recorder)
    ask_often(Plus(), 4)
    recorder.assert_not_called()


def test_large_evaluations_gradients_and_counted_operations_are_not_recorded(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Mock(side_effect=plus)
    record_with(monkeypatch, recorder)
    network = Plus()
    x_in, condition = torch.zeros(2, 3, 2, MOST_PIXELS // 4 + 1), torch.zeros(1)
    for _ in range(SEEN_BEFORE + 2):
        with torch.no_grad():
            evaluated(network, x_in, condition)
        with torch.enable_grad():
            evaluated(network, x_in[:1], condition)
        with recording_if(False):
            ask(network)
    recorder.assert_not_called()


def test_a_few_shapes_of_a_few_networks_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Mock(side_effect=plus)
    record_with(monkeypatch, recorder)
    networks = [Plus() for _ in range(MOST_RECORDINGS)]
    for side in range(1, MOST_SHAPES + 2):
        ask_often(networks[0], side)
    assert recorder.call_count == MOST_SHAPES
    for network in networks[1:]:
        ask_often(network, 4)
    assert recorder.call_count == MOST_RECORDINGS


def test_recordings_go_with_their_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Plus()

    def held(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
        recording = plus(network, x_in, condition)
        recordings.append(weakref.ref(recording))
        return recording

    recordings: list[weakref.ref[Evaluate]] = []
    record_with(monkeypatch, held)
    ask_often(network, 4)
    gc.collect()
    assert recordings[0]() is not None
    del network
    gc.collect()
    assert recordings[0]() is None


def test_jobs_side_by_side_get_their_own_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
        mine = condition.clone()

        def repeated(x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            mine.copy_(condition)
            time.sleep(0.005)
            return x_in + mine

        return repeated

    record_with(monkeypatch, slow)
    network, together = Plus(), threading.Barrier(2)

    def asked(value: float) -> list[float]:
        together.wait()
        return [ask(network, value=value).mean().item() for _ in range(12)]

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(asked, (1.0, 2.0))) == [[1.0] * 12, [2.0] * 12]


@pytest.mark.parametrize("made", [unet_prior, eps_prior])
def test_a_prior_is_recorded_for_all_of_its_steps(
    made: Callable[[], NetworkPrior], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pretended card computes in float32, and torch.autocast does not know its name.
    for module in ("prior", "precision"):
        monkeypatch.setattr(f"gdp_desktop.diffusion.{module}.bfloat16_pays", lambda device: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, enabled: nullcontext())
    photos = [torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(i)) for i in STEPS]
    tapes: list[int] = []

    def counted(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
        recording = taped(network, x_in, condition)
        tapes.append(0)

        def repeated(x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            tapes[-1] += 1
            return recording(x_in, condition)

        return repeated

    record_with(monkeypatch, counted, CARD.type)
    with pretended_card():
        there = made().on(CARD.type)
        pairs = [(x_t.to(CARD), i) for x_t, i in zip(photos, STEPS, strict=True)]
        found = [there(*pair).x0.cpu() for pair in pairs]
        # All but the first ones, and what is compared with the network.
        assert tapes == [len(STEPS) - SEEN_BEFORE + 1]
        with recording_if(False):
            wanted = [there(*pair).x0.cpu() for pair in pairs]
    assert tapes == [len(STEPS) - SEEN_BEFORE + 1]
    assert all(map(torch.equal, found, wanted))
    assert not torch.equal(found[-1], found[-2])


a_real_card = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA graphics card"
)


@a_real_card
@pytest.mark.parametrize("made", [unet_prior, eps_prior])
def test_a_real_card_repeats_what_it_recorded(made: Callable[[], NetworkPrior]) -> None:
    there = made().on("cuda")
    for seed, i in enumerate(STEPS):
        x_t = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(seed)).cuda()
        found = there(x_t, i).x0
        with recording_if(False):
            assert torch.equal(found, there(x_t, i).x0)
    assert recorded._Recordings.count == 1 and not recorded._Recordings.has_failed


@a_real_card
def test_a_real_card_goes_on_after_a_recording_that_failed() -> None:
    x, condition, usual = torch.ones(1, 3, 4, 4).cuda(), torch.ones(1).cuda(), current_stream()
    with torch.no_grad():
        network = PlusANumber().cuda()
        for _ in range(SEEN_BEFORE + 2):
            assert (evaluated(network, x, condition) == 2).all()
    assert recorded._Recordings.has_failed
    assert current_stream() == usual
