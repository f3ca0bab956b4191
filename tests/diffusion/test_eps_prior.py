"""The prior around networks that predict ε: x̃0, mean and variance by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gdp_desktop.diffusion.layers import EpsNetwork
from gdp_desktop.diffusion.prior import EpsPrior, Variance, mirrored_indices
from gdp_desktop.diffusion.schedule import Schedule
from tests.gaussian_prior import GaussianPrior
from tests.pretended_card import CARD, OnCard, pretended_card

from .test_adm import random_adm

SCHEDULES = {
    "all": Schedule.linear(), "some": Schedule.linear().keep([0, 7, 90, 400, 999]),
    "other": Schedule(torch.linspace(0.01, 0.3, 20, dtype=torch.float64), torch.arange(20)),
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


class Told(EpsNetwork):
    """Answers with what it was given, and remembers what it was asked."""

    stride = 1

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[torch.Size, list[int]]] = []

    @property
    def torso(self) -> tuple[nn.Module, ...]:
        return ()

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        self.asked.append((x_t.shape, timesteps.tolist()))
        return self.answer


def by_hand(schedule: Schedule, i: int, x: float, eps: float, v: float) -> dict[str, float]:
    """One value through Ho et al. 2020, eq. 7 and 15, and Nichol & Dhariwal 2021, eq. 15."""
    betas = schedule.betas.tolist()
    alpha_bar = math.prod(1 - beta for beta in betas[: i + 1])
    before = math.prod(1 - beta for beta in betas[:i])
    x0 = (x - math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha_bar)
    x0 = min(1.0, max(-1.0, x0))
    beta = betas[i]
    mean = (math.sqrt(before) * beta * x0 + math.sqrt(1 - beta) * (1 - before) * x) \
        / (1 - alpha_bar)
    small = beta * (1 - before) / (1 - alpha_bar)
    if i == 0:
        after = alpha_bar * (1 - betas[1])
        small = betas[1] * (1 - alpha_bar) / (1 - after)
    share = (v + 1) / 2
    return {
        "x0": x0, "mean": mean, "small": math.log(small),
        "large": math.log(beta) if i else math.log(small),
        "learned": share * math.log(beta) + (1 - share) * math.log(small),
    }


@every_schedule
@pytest.mark.parametrize("variance", ["small", "large", "learned"])
def test_what_is_denoised_is_as_by_hand(schedule: Schedule, variance: Variance) -> None:
    torch.manual_seed(0)
    for i in (0, 1, len(schedule) // 2, len(schedule) - 1):
        x_t, eps, v = torch.randn(1, 3, 2, 4), torch.randn(1, 3, 2, 4), 2 * torch.randn(1, 3, 2, 4)
        answer = torch.cat([eps, v], dim=1) if variance == "learned" else eps
        found = EpsPrior(Told(answer), 1, variance, schedule=schedule)(x_t, i)
        logs = found.log_variance.expand_as(x_t).flatten().tolist()
        means = schedule.q_posterior_mean(found.x0, x_t, i).flatten().tolist()
        for x, e, w, x0, mean, log in zip(
            x_t.flatten().tolist(), eps.flatten().tolist(), v.flatten().tolist(),
            found.x0.flatten().tolist(), means, logs, strict=True,
        ):
            wanted = by_hand(schedule, i, x, e, w)
            assert x0 == pytest.approx(wanted["x0"], abs=1e-4)
            assert mean == pytest.approx(wanted["mean"], abs=1e-4)
            assert log == pytest.approx(wanted[variance], abs=1e-4)


@every_schedule
def test_the_network_hears_the_timestep_it_was_trained_with(schedule: Schedule) -> None:
    network = Told(torch.zeros(1, 3, 2, 2))
    for i in range(len(schedule)):
        EpsPrior(network, 1, schedule=schedule)(torch.zeros(1, 3, 2, 2), i)
    assert [t for _, [t] in network.asked] == schedule.timesteps.tolist()


def test_the_exact_noise_of_a_gaussian_gives_its_posterior() -> None:
    exact, x_t = GaussianPrior(0.1, 0.2), torch.randn(1, 3, 4, 4, dtype=torch.float64)
    for i in (0, 100, 500, 999):
        wanted = exact(x_t, i)
        eps = exact.schedule.eps_from_x0(x_t, wanted.x0, i)
        found = EpsPrior(Told(eps), 1, "small")(x_t, i)
        inside = wanted.x0.abs() < 1
        assert torch.allclose(found.x0[inside], wanted.x0[inside].float().double(), atol=1e-2)


def test_small_photos_are_mirrored_up_to_the_trained_size() -> None:
    network = Told(torch.arange(3 * 64.0).view(1, 3, 8, 8))
    found = EpsPrior(network, window=8)(torch.zeros(1, 3, 2, 5), 0)
    assert network.asked[0][0] == (1, 3, 8, 8) and found.x0.shape == (1, 3, 2, 5)
    assert mirrored_indices(3, 8).tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert mirrored_indices(5, 5).tolist() == [0, 1, 2, 3, 4]


def test_the_batch_cannot_be_seen_in_the_result() -> None:
    prior = EpsPrior(random_adm(), 16, "learned")
    x_t = torch.randn(3, 3, 16, 16)
    together, alone = prior(x_t, 400), [prior(part, 400) for part in x_t.split(1)]
    assert torch.equal(together.x0, torch.cat([part.x0 for part in alone]))
    assert torch.equal(together.log_variance, torch.cat([part.log_variance for part in alone]))


def test_the_expected_error_rises_with_the_noise_and_stays_below_it() -> None:
    prior = EpsPrior(random_adm(), 16)
    errors = [prior.x0_std(i) for i in range(0, 1000, 37)]
    sigmas = [float(prior.schedule.sigmas[i]) for i in range(0, 1000, 37)]
    assert errors == sorted(errors) and errors[-1] < 1
    assert all(0 < error <= sigma for error, sigma in zip(errors, sigmas, strict=True))


@pytest.mark.parametrize("variance", ["small", "learned"])
def test_on_a_card_it_answers_the_same(
    variance: Variance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdp_desktop.diffusion.precision.bfloat16_pays", lambda device: False)
    x_t = torch.randn(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    here = EpsPrior(random_adm(), 16, variance)(x_t, 400)
    with pretended_card():
        there = EpsPrior(random_adm(), 16, variance).on(CARD.type)(x_t.to(CARD), 400)
        travelled = EpsPrior(random_adm(), 16, variance).on(CARD.type)(x_t, 400)
    for name in ("x0", "log_variance"):
        assert isinstance(getattr(there, name), OnCard)
        assert torch.allclose(getattr(there, name).held, getattr(here, name), atol=1e-5)
        assert torch.allclose(getattr(travelled, name), getattr(here, name), atol=1e-5)
