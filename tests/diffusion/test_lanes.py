"""A photo walked through lane by lane is answered as if it had been seen whole."""

from dataclasses import replace

import pytest
import torch

from gdp_desktop.diffusion.lanes import LanedPrior, Lanes, for_any_size, tiling_of, windows_of
from gdp_desktop.diffusion.precision import with_weights_in
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import ALIGNMENT
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler
from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.image.geometry import Size
from tests.diffusion.test_tiler import CONFIGS, random_unet
from tests.gaussian_prior import GaussianPrior

LANES = [Lanes(32, 0, 0), Lanes(32, 0, 16), Lanes(64, 8, 16, 8), Lanes(512, 32, 16, 8),
         Lanes(40, 11, 4, 2), Lanes(64, 20, 16, 4)]
STEPS = Schedule.linear().quadratic(10)


@pytest.mark.parametrize("lanes", LANES, ids=str)
def test_lanes_cover_the_photo_and_share_what_they_must(lanes: Lanes) -> None:
    for width in range(lanes.stride, 12 * lanes.window, lanes.stride):
        starts, lane = lanes.starts(width), lanes.lane(width)
        assert starts[0] == 0 and starts[-1] + lane == width
        assert starts == sorted(set(starts))
        assert all(start % lanes.stride == 0 for start in (*starts, lane))
        shared = 2 * lanes.halo + lanes.ramp
        assert all(b - a <= lane - shared for a, b in zip(starts, starts[1:], strict=False))


def test_as_many_lanes_as_keep_cores_busy_and_no_more() -> None:
    lanes = Lanes(512, 32, 16, 8)
    counts = [lanes.count(width) for width in (8, 256, 512, 520, 2048, 2056, 6000, 40_000)]
    assert counts == [1, 1, 2, 2, 2, 4, 4, 4]
    # Where lanes would share more than half of the photo: fewer.
    wide = Lanes(512, 96, 16, 8)
    assert [wide.count(width) for width in (376, 416, 1240, 2056)] == [1, 2, 2, 4]
    assert Lanes(64, 60, 16, 8).count(72) == 1


@pytest.mark.parametrize("lanes", LANES, ids=str)
@pytest.mark.parametrize("multiples", [(1, 1), (40, 3), (33, 70), (100, 200)])
def test_what_is_seen_at_once_covers_every_row_of_a_lane_once(lanes: Lanes, multiples) -> None:
    size = Size(multiples[0] * lanes.stride, multiples[1] * lanes.stride)
    windows = lanes.windows(size)
    seen = torch.zeros(size.shape)
    largest = lanes.largest(size)
    for window in windows:
        assert window == window.clamped(size)
        assert window.width == largest.width and window.height <= largest.height
        assert window.height % lanes.stride == 0 and window.height > 0
        seen[window.slices] += 1
    assert bool((seen == seen[:1]).all()) and float(seen.min()) >= 1
    assert sum(w.size.pixels for w in windows) == lanes.lane(size.width) * size.height * len(
        lanes.starts(size.width))


def prior_and_photo(config: UNetConfig, wide: float, tall: int) -> tuple[UNetPrior, torch.Tensor]:
    halo, stride = config.receptive_radius, config.stride
    window = 2 * halo + 8 * stride
    prior = UNetPrior(random_unet(config), schedule=STEPS, window=window, halo=halo)
    width = round(wide * window) // stride * stride
    generator = torch.Generator().manual_seed(1)
    return prior, torch.randn(1, 3, tall * stride, width, generator=generator)


@pytest.mark.parametrize("config", CONFIGS[1:4], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("wide", [0.5, 2.5, 7])
def test_lanes_of_a_network_agree_with_the_whole(config, batch: int, wide: float) -> None:
    prior, x_t = prior_and_photo(config, wide, 90)
    laned = for_any_size(prior, tiling_of(prior), batch)
    assert isinstance(laned, LanedPrior)
    assert len(laned.tiler.starts(x_t.shape[-1])) == {0.5: 1, 2.5: 2, 7: 4}[wide]
    for i in (0, 5):
        whole, found = prior(x_t, i), laned(x_t, i)
        assert float(whole.x0.std()) > 0.1
        assert torch.allclose(found.x0, whole.x0, atol=2e-5)
        assert torch.equal(found.log_variance, whole.log_variance)


def test_a_card_is_called_once_for_as_many_rows_as_its_batch_holds() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 7, 300)
    card, size = replace(prior, device=torch.device("cuda")), Size(x_t.shape[-1], x_t.shape[-2])
    window = prior.window**2
    for batch in (10, 20, 40):
        lanes = tiling_of(card, batch=batch)
        assert lanes.starts(size.width) == [0]
        assert sum(part.size.pixels for part in lanes.windows(size)) == size.pixels
        most = lanes.largest(size).pixels
        assert batch * window - size.width * prior.stride < most <= batch * window
    # Elsewhere the batch says how many lanes are at work, not how they are cut.
    assert tiling_of(prior, batch=8) == tiling_of(prior)


def test_one_lane_needs_no_halo() -> None:
    prior, x_t = prior_and_photo(CONFIGS[2], 0.5, 200)
    prior = replace(prior, halo=0, window=128)
    laned = for_any_size(prior, tiling_of(prior))
    x_t = x_t[..., :64]
    assert len(laned.tiler.windows(Size(64, x_t.shape[-2]))) > 3
    assert torch.allclose(laned(x_t, 4).x0, prior(x_t, 4).x0, atol=2e-6)


def test_half_precision_does_not_show_where_rows_were_cut() -> None:
    prior, x_t = prior_and_photo(CONFIGS[2], 0.5, 200)
    prior = replace(prior, window=128, autocast=torch.bfloat16)
    x_t = x_t[..., :64]
    whole = prior(x_t, 4).x0
    assert not torch.equal(whole, replace(prior, autocast=None)(x_t, 4).x0)
    assert torch.allclose(for_any_size(prior, tiling_of(prior))(x_t, 4).x0, whole, atol=0.02)


def test_what_follows_from_the_noise_level_alone_is_found_once() -> None:
    prior, x_t = prior_and_photo(CONFIGS[2], 0.5, 64)
    x_t, embedded = x_t[..., :64], []
    prior.network.noise_embed.register_forward_hook(lambda *_: embedded.append(1))
    first, other = prior(x_t, 4).x0, prior(x_t, 3).x0
    respaced = prior.respaced(prior.schedule.keep(range(2, len(prior.schedule))))
    again = respaced(x_t.repeat(2, 1, 1, 1), 2).x0
    assert len(embedded) == 2 and not torch.equal(first, other)
    assert torch.equal(again[:1], first) and torch.equal(again[1:], first)


def test_weights_converted_beforehand_give_the_same_bytes() -> None:
    prior, x_t = prior_and_photo(CONFIGS[2], 0.5, 64)
    x_t = x_t[..., :64]
    prior = replace(prior, autocast=torch.bfloat16)
    converted = with_weights_in(prior.network, torch.bfloat16)
    assert torch.equal(replace(prior, converted=converted)(x_t, 4).x0, prior(x_t, 4).x0)
    # Where the format is left, so are its weights.
    plain = replace(prior, autocast=None)
    assert torch.equal(replace(plain, converted=converted)(x_t, 4).x0, plain(x_t, 4).x0)
    slope = torch.ones_like(x_t)
    for one in (prior, replace(prior, converted=converted)):
        assert bool(one.pull_back(x_t, 4, slope).abs().sum() > 0)


def test_rows_that_are_out_may_be_overwritten() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 2.5, 120)
    laned = for_any_size(prior, tiling_of(prior), 2)
    before, state, top = laned(x_t, 5).x0, x_t.clone(), 0
    for strip in laned.strips(state, 5):
        assert strip.top == top and top % ALIGNMENT == 0
        top += strip.x0.shape[-2]
        assert torch.equal(strip.x0, before[..., strip.top : top, :])
        state[..., strip.top : top, :] = float("nan")
    assert top == x_t.shape[-2]


def test_the_batch_does_not_change_a_byte() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 7, 64)
    answers = [for_any_size(prior, tiling_of(prior), batch)(x_t, 4).x0 for batch in (1, 2, 3, 64)]
    assert all(torch.equal(answer, answers[0]) for answer in answers)


def test_several_photos_at_once_are_answered_like_each_alone() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 2.5, 64)
    two = torch.cat([x_t, x_t.flip(-1)])
    laned = for_any_size(prior, tiling_of(prior), 3)
    assert torch.equal(laned(two, 4).x0, torch.cat([laned(photo, 4).x0 for photo in two.split(1)]))


def test_windows_are_counted_and_can_stop_the_work() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 2.5, 300)
    done: list[int] = []
    lanes = tiling_of(prior)
    for_any_size(prior, lanes, 2, lambda: done.append(1))(x_t, 3)
    assert len(done) == len(lanes.windows(Size(x_t.shape[-1], x_t.shape[-2]))) > 4

    def stop() -> None:
        done.append(1)
        raise KeyboardInterrupt

    done.clear()
    with pytest.raises(KeyboardInterrupt):
        for_any_size(prior, lanes, 1, stop)(x_t, 3)
    assert len(done) == 1


def test_the_way_back_goes_through_windows_that_see_beyond_their_edges() -> None:
    prior, x_t = prior_and_photo(CONFIGS[1], 2.5, 50)
    slope = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(2))
    prior = replace(prior, halo=4)
    lanes, windows = tiling_of(prior), windows_of(prior)
    assert type(windows) is Tiler
    expected = TiledPrior(prior, windows).pull_back(x_t, 3, slope)
    done: list[int] = []
    found = for_any_size(prior, lanes, 1, lambda: done.append(1)).pull_back(x_t, 3, slope)
    assert torch.equal(found, expected)
    assert len(done) == len(windows.windows(Size(x_t.shape[-1], x_t.shape[-2])))


def test_other_priors_see_windows() -> None:
    prior = GaussianPrior(0, 0.3, window=32, halo=4)
    assert tiling_of(prior) == Tiler(32, 4) and type(tiling_of(prior)) is Tiler
    assert type(for_any_size(prior, tiling_of(prior))) is TiledPrior


def test_respacing_keeps_the_lanes() -> None:
    prior, _ = prior_and_photo(CONFIGS[1], 1, 8)
    lanes = tiling_of(prior)
    few = for_any_size(prior, lanes).respaced(STEPS.keep([3, 5]))
    assert isinstance(few, LanedPrior) and len(few.prior.schedule) == 2 and few.tiler is lanes


def test_the_noisier_x_t_the_wider_is_the_halo() -> None:
    prior, _ = prior_and_photo(CONFIGS[2], 1, 8)
    radius, stride = prior.network.config.receptive_radius, prior.stride
    prior = replace(prior, halo=2 * stride)
    halos = [tiling_of(prior, sigma).halo for sigma in (0.01, 0.3, 0.4, 1.0, 1.1, 150)]
    assert halos == [stride, stride, 2 * stride, 2 * stride, radius, radius]
    assert tiling_of(prior).halo == radius and windows_of(prior).halo == 2 * stride


def test_a_size_that_does_not_fit_is_refused() -> None:
    """Its last rows would never be answered."""
    prior, _ = prior_and_photo(CONFIGS[2], 1, 8)
    too_tall = torch.zeros(1, 3, 8 * prior.stride + 1, 8 * prior.stride)
    with pytest.raises(ValueError, match="multiple"):
        next(for_any_size(prior, tiling_of(prior)).strips(too_tall, 0))
