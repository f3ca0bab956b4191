"""The forward process against published numbers, and what respacing must keep."""

import math

import pytest
import torch

from gdp_desktop.diffusion.schedule import Schedule

# t, β, ᾱ, σ, β̃, weight of x_0 and of x_t in the posterior mean; to the digits printed.
GOLDEN = [
    (0, "1.000e-4", "0.999900", "0.0100", "0", "1.00000", "0.00000"),
    (1, "1.199e-4", "0.9997801", "0.0148", "5.453e-5", "0.54529", "0.45471"),
    (10, "2.992e-4", "0.9978066", "0.0469", "2.585e-4", "0.13628", "0.86372"),
    (100, "2.092e-3", "0.8951416", "0.3423", "2.055e-3", "0.01890", "0.98108"),
    (200, "4.084e-3", "0.6563470", "0.7236", "4.052e-3", "0.00965", "0.99014"),
    (500, "1.006e-2", "7.779666e-2", "3.4430", "1.005e-2", "0.00306", "0.99410"),
    (700, "1.404e-2", "6.868279e-3", "12.0248", "1.404e-2", "0.00118", "0.99286"),
    (900, "1.803e-2", "2.702445e-4", "60.8223", "1.803e-2", "0.00030", "0.99094"),
    (999, "2.000e-2", "4.035830e-5", "157.4073", "2.000e-2", "0.00013", "0.98995"),
]
COLUMNS = (
    "betas", "alphas_cumprod", "sigmas", "posterior_variance", "posterior_mean_coef1",
    "posterior_mean_coef2",
)
FULL = Schedule.linear()


def unit_of_last_digit(printed: str) -> float:
    digits, _, exponent = printed.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"t={row[0]}")
def test_golden_table(row: tuple) -> None:
    for column, printed in zip(COLUMNS, row[1:], strict=True):
        value = float(getattr(FULL, column)[row[0]])
        assert abs(value - float(printed)) <= 0.51 * unit_of_last_digit(printed), column


def test_tables_are_float64_and_one_entry_per_step() -> None:
    for schedule in (FULL, FULL.strided(50), FULL.quadratic(7)):
        for column in (*COLUMNS, "alphas_cumprod_prev", "posterior_log_variance_clipped"):
            table = getattr(schedule, column)
            assert table.dtype == torch.float64 and table.shape == (len(schedule),)
            assert bool(torch.isfinite(table).all()), column


def test_clipped_log_variance_only_replaces_the_last_step() -> None:
    clipped = FULL.posterior_log_variance_clipped.exp()
    assert float(clipped[0]) == pytest.approx(5.453e-5, rel=1e-3)
    assert torch.allclose(clipped[1:], FULL.posterior_variance[1:], rtol=1e-12, atol=0)


def test_ends_scale_with_the_number_of_timesteps() -> None:
    short = Schedule.linear(250)
    assert float(short.betas[0]) == pytest.approx(4e-4)
    assert float(short.betas[-1]) == pytest.approx(8e-2)
    # The same noise at the end of either, give or take the coarser product.
    assert float(short.sigmas[-1].log() - FULL.sigmas[-1].log()) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("few", [
    FULL.evenly(1), FULL.evenly(50), FULL.evenly(250), FULL.evenly(1000), FULL.strided(20),
    FULL.quadratic(7), FULL.karras(12),
], ids=len)
def test_respacing_keeps_the_noise_levels(few: Schedule) -> None:
    steps = few.timesteps
    assert len(few) == len(steps) and bool((steps.diff() > 0).all())
    assert 0 <= int(steps[0]) and int(steps[-1]) < 1000
    # The network is still told the original index, and ᾱ is the original one there.
    assert torch.allclose(few.alphas_cumprod, FULL.alphas_cumprod[steps], rtol=1e-11, atol=0)
    previous = torch.cat([torch.ones(1).double(), FULL.alphas_cumprod[steps][:-1]])
    rebuilt = 1 - FULL.alphas_cumprod[steps] / previous
    assert torch.allclose(few.betas, rebuilt, rtol=1e-11, atol=0)
    assert bool((few.betas > 0).all() & (few.betas < 1).all())


def test_strides_fall_where_published() -> None:
    assert FULL.strided(50).timesteps.tolist() == list(range(0, 1000, 20))
    assert FULL.strided(4).timesteps.tolist() == [0, 250, 500, 750]
    assert FULL.strided(1).timesteps.tolist() == [999]  # told of no noise, it would leave all


def test_even_steps_are_no_more_than_there_are_and_a_single_one_is_the_noisiest() -> None:
    assert FULL.evenly(5).timesteps.tolist() == [0, 250, 500, 749, 999]
    assert FULL.evenly(1).timesteps.tolist() == [999]
    short = Schedule.linear(20)
    assert short.evenly(1000).timesteps.tolist() == list(range(20))


def test_respacing_twice_still_names_the_original_timesteps() -> None:
    twice = FULL.strided(100).evenly(10)
    assert twice.timesteps.tolist() == [110 * k for k in range(9)] + [990]
    assert torch.allclose(twice.sigmas, FULL.sigmas[twice.timesteps], rtol=1e-9)


@pytest.mark.parametrize("start", [0, 1, 2, 5, 10, 99, 317, 998, 999])
def test_quadratic_has_as_many_steps_as_asked_from_start_to_zero(start: int) -> None:
    for wanted in [*range(1, 25), 50, 100, 250, 999, 1000, 5000]:
        steps = FULL.quadratic(wanted, start).timesteps
        assert len(steps) == min(wanted, start + 1), (wanted, start)
        assert int(steps[-1]) == start
        assert bool((steps.diff() > 0).all())
        if len(steps) > 1:
            assert int(steps[0]) == 0


@pytest.mark.parametrize("start", [0, 1, 10, 160, 765, 999])
def test_karras_goes_from_start_to_zero(start: int) -> None:
    """However dense: where many fall on the same timestep they make way in both directions."""
    for wanted in (1, 2, 20, 100, 545, 546, 700, 1000, 5000):
        steps = FULL.karras(wanted, start).timesteps
        assert len(steps) == min(wanted, start + 1), (wanted, start)
        assert int(steps[-1]) == start
        assert bool((steps.diff() > 0).all())
        if len(steps) > 1:
            assert int(steps[0]) == 0


@pytest.mark.parametrize("start", [400, 765])
def test_karras_is_even_in_the_root_of_the_noise(start: int) -> None:
    """From wherever it starts; near 0 there is not a step for every σ."""
    hops = (FULL.karras(10, start).sigmas ** (1 / 7)).diff()
    assert float(hops.max() / hops.min()) < 1.3


def test_quadratic_is_denser_towards_zero() -> None:
    gaps = FULL.quadratic(20).timesteps.diff().tolist()
    assert gaps == sorted(gaps) and gaps[0] < gaps[-1] / 10
    assert int(FULL.quadratic(20).timesteps[-1]) == 999


@pytest.mark.parametrize("i", [0, 100, 500, 999])
def test_q_sample_has_the_moments_of_the_forward_process(i: int) -> None:
    noise = torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(i))
    x_t = FULL.q_sample(torch.full_like(noise, 0.7), i, noise)
    alpha_bar = float(FULL.alphas_cumprod[i])
    deviation = math.sqrt(1 - alpha_bar)
    assert float(x_t.mean()) == pytest.approx(0.7 * math.sqrt(alpha_bar), abs=0.01 * deviation)
    assert float(x_t.std()) == pytest.approx(deviation, rel=0.01)


@pytest.mark.parametrize("i", [0, 1, 10, 500, 900, 999])
def test_predictions_invert_the_forward_process(i: int) -> None:
    generator = torch.Generator().manual_seed(i)
    x0, eps = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64, generator=generator)
    x_t = FULL.q_sample(x0, i, eps)
    alpha_bar = float(FULL.alphas_cumprod[i])
    v = math.sqrt(alpha_bar) * eps - math.sqrt(1 - alpha_bar) * x0
    assert torch.allclose(FULL.x0_from_eps(x_t, eps, i), x0, atol=1e-11)
    assert torch.allclose(FULL.eps_from_x0(x_t, x0, i), eps, atol=1e-11)
    assert torch.allclose(FULL.x0_from_v(x_t, v, i), x0, atol=1e-11)


@pytest.mark.parametrize("i", [1, 10, 500, 999])
def test_posterior_agrees_with_bayes(i: int) -> None:
    """q(x_{t-1} | x_t, x_0) from the product of the two Gaussians it comes from."""
    beta, previous = float(FULL.betas[i]), float(FULL.alphas_cumprod_prev[i])
    precision = (1 - beta) / beta + 1 / (1 - previous)
    x0, x_t = torch.tensor([0.3, -0.8]).double(), torch.tensor([1.2, 0.1]).double()
    pull = math.sqrt(1 - beta) * x_t / beta + math.sqrt(previous) * x0 / (1 - previous)
    assert torch.allclose(FULL.q_posterior_mean(x0, x_t, i), pull / precision, rtol=1e-10)
    assert float(FULL.posterior_variance[i]) == pytest.approx(1 / precision, rel=1e-10)


@pytest.mark.parametrize("i", [1, 10, 500, 999])
def test_guiding_epsilon_is_guiding_the_mean_by_beta(i: int) -> None:
    """Score guidance ε - sqrt(1-ᾱ)·g is the same as the mean plus β/sqrt(α)·g."""
    generator = torch.Generator().manual_seed(i)
    x_t, eps, g = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64, generator=generator)
    mean = FULL.q_posterior_mean(FULL.x0_from_eps(x_t, eps, i), x_t, i)
    guided_eps = eps - math.sqrt(1 - float(FULL.alphas_cumprod[i])) * g
    guided = FULL.q_posterior_mean(FULL.x0_from_eps(x_t, guided_eps, i), x_t, i)
    beta = float(FULL.betas[i])
    assert torch.allclose(guided, mean + beta / math.sqrt(1 - beta) * g, atol=1e-12)


def test_step_at_finds_the_nearest_noise_level() -> None:
    for i in (0, 1, 17, 500, 999):
        assert FULL.step_at(float(FULL.sigmas[i])) == i
        assert FULL.step_at(1.0001 * float(FULL.sigmas[i])) == i
    assert FULL.step_at(1e-9) == 0 and FULL.step_at(1e9) == 999
