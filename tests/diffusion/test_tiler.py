"""A photo cut into windows is answered as if it had been seen whole."""

import pytest
import torch

from gdp_desktop.diffusion.prior import Denoised, UNetPrior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from tests.gaussian_prior import GaussianPrior

TILERS = [Tiler(32, 0, 0), Tiler(32, 0, 16), Tiler(64, 8, 16, 8), Tiler(512, 32, 16, 8),
          Tiler(40, 11, 4, 2), Tiler(64, 20, 16, 4)]


@pytest.mark.parametrize("tiler", TILERS, ids=str)
def test_starts_cover_the_photo(tiler: Tiler) -> None:
    for length in range(tiler.stride, 6 * tiler.window, tiler.stride):
        starts = tiler.starts(length)
        assert starts[0] == 0 and starts == sorted(set(starts))
        assert all(start % tiler.stride == 0 for start in starts)
        assert starts[-1] == max(0, length - tiler.window)
        # Neighbours share the halos, which are thrown away, and the ramp between them.
        shared = 2 * tiler.halo + tiler.ramp
        assert all(b - a <= tiler.window - shared
                   for a, b in zip(starts, starts[1:], strict=False))


def test_no_window_more_than_needed() -> None:
    assert Tiler(256, 0, 128).starts(256) == [0]
    assert Tiler(256, 0, 128).starts(384) == [0, 128]
    assert len(Tiler(512, 32, 16, 8).windows(Size(1024, 1536))) == 3 * 4


def test_windows_with_nothing_to_keep_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Tiler(64, 32).starts(100)
    assert Tiler(64, 32).starts(64) == [0]


@pytest.mark.parametrize("tiler", TILERS[:3] + TILERS[4:], ids=str)
@pytest.mark.parametrize("multiples", [(1, 1), (40, 3), (33, 70), (100, 41)])
def test_weights_are_positive_everywhere_and_zero_in_inner_halos(tiler: Tiler, multiples) -> None:
    size = Size(multiples[0] * tiler.stride, multiples[1] * tiler.stride)
    total = torch.zeros(size.shape)
    for window in tiler.windows(size):
        assert window == window.clamped(size)
        weights = tiler.weights(window, size)
        assert weights.shape == window.size.shape
        assert 0 <= float(weights.min()) and float(weights.max()) <= 1
        if window.x > 0 and tiler.halo:
            assert not bool(weights[:, : tiler.halo].any())
        if window.bottom < size.height and tiler.halo:
            assert not bool(weights[-tiler.halo :].any())
        total[window.slices] += weights
    assert float(total.min()) > 1e-3


class Window:
    """Answers with whatever a function makes of each window."""

    stride, window, halo = 1, 16, 0
    schedule = Schedule.linear().quadratic(4)

    def __init__(self, answer) -> None:
        self.answer, self.batches = answer, []

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        self.batches.append(len(x_t))
        x0, log_variance = self.answer(x_t)
        return Denoised(x0, log_variance)

    def x0_std(self, i: int) -> float:
        return 0.25 + i


FIXED = torch.tensor(-3.0).view(1, 1, 1, 1)


@pytest.mark.parametrize("tiler", [Tiler(16, 0, 8), Tiler(16, 3, 4), Tiler(16, 0, 0)], ids=str)
def test_the_blend_of_a_constant_is_constant(tiler: Tiler) -> None:
    prior = Window(lambda x: (torch.full_like(x, 0.3), FIXED))
    denoised = TiledPrior(prior, tiler, batch=3)(torch.randn(2, 3, 37, 50), 2)
    assert torch.allclose(denoised.x0, torch.tensor(0.3), atol=1e-6)
    assert torch.equal(denoised.log_variance, FIXED)


@pytest.mark.parametrize("photos", [1, 2])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_learned_log_variance_is_blended_like_the_estimate(photos: int, batch: int) -> None:
    x_t = torch.randn(photos, 3, 40, 29, generator=torch.Generator().manual_seed(0))
    prior = Window(lambda x: (0.5 * x, x - 4))
    denoised = TiledPrior(prior, Tiler(16, 2, 4), batch)(x_t, 2)
    assert torch.allclose(denoised.x0, 0.5 * x_t, atol=1e-6)
    assert torch.allclose(denoised.log_variance, x_t - 4, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (45, 70), (8, 100)])
@pytest.mark.parametrize("batch", [1, 4])
def test_independent_pixels_are_answered_as_a_whole(size, batch: int) -> None:
    prior = GaussianPrior(0.1, 0.3, Schedule.linear().quadratic(10))
    x_t = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    for i in (0, 5, 9):
        whole = prior(x_t, i)
        tiled = TiledPrior(prior, Tiler(16, 2, 4), batch)(x_t, i)
        assert torch.allclose(tiled.x0, whole.x0, atol=1e-6)
        assert torch.equal(tiled.log_variance, whole.log_variance)


def test_windows_are_counted_and_can_stop_the_work() -> None:
    prior, done = Window(lambda x: (x, FIXED)), []
    tiled = TiledPrior(prior, Tiler(16, 0, 8), 4, lambda: done.append(1))
    tiled(torch.zeros(1, 3, 16, 16), 0)
    assert len(done) == 1
    tiled(torch.zeros(1, 3, 16, 48), 0)
    windows = len(Tiler(16, 0, 8).windows(Size(48, 16)))
    assert len(done) == 1 + windows and sum(prior.batches) == 1 + windows
    assert max(prior.batches) <= 4

    def stop() -> None:
        raise KeyboardInterrupt

    prior.batches.clear()
    with pytest.raises(KeyboardInterrupt):
        TiledPrior(prior, Tiler(16, 0, 8), 1, stop)(torch.zeros(1, 3, 16, 48), 0)
    assert prior.batches == [1]


def test_respacing_reaches_the_prior_inside() -> None:
    few = TiledPrior(GaussianPrior(0, 0.3), Tiler(32)).respaced(Schedule.linear().quadratic(5))
    assert len(few.schedule) == len(few.prior.schedule) == 5
    assert few.x0_std(3) == few.prior.x0_std(3)


def random_unet(config: UNetConfig, seed: int = 0) -> UNet:
    """No weight is zero, unlike in a fresh network."""
    generator = torch.Generator().manual_seed(seed)
    network = UNet(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan**0.5)
    return network


CONFIGS = [
    UNetConfig((8,), (1,), 8, 2), UNetConfig((8, 8), (1, 1), 8, 1),
    UNetConfig((8, 8), (1, 1), 8, 2), UNetConfig((8, 8), (2, 1), 8, 1),
    UNetConfig((8, 8, 8), (1, 1, 1), 8, 1), UNetConfig((4, 4, 4), (1, 1, 1), 8, 2),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_receptive_radius_bounds_what_a_pixel_sees(config: UNetConfig) -> None:
    network = random_unet(config).double()
    radius, stride = config.receptive_radius, config.stride
    side = 2 * radius + 6 * stride
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 3, side, side, dtype=torch.float64, generator=generator)
    log_sigma = torch.zeros(1).double()
    with torch.no_grad():
        before = network(x, log_sigma)
        seen = 0
        for shift in range(stride):  # every position relative to the coarsest grid
            middle = side // 2 + shift
            touched = x.clone()
            touched[..., middle, middle] += 1
            rows, columns = torch.nonzero((network(touched, log_sigma) != before)[0].any(0)).T
            seen = max(seen, *(int((n - middle).abs().max()) for n in (rows, columns)))
    assert radius / 4 < seen <= radius


@pytest.mark.parametrize("config", CONFIGS[1:4], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_of_a_network_agree_with_the_whole(config: UNetConfig, batch: int) -> None:
    halo, stride = config.receptive_radius, config.stride
    window = 2 * halo + 8 * stride
    prior = UNetPrior(random_unet(config), schedule=Schedule.linear().quadratic(10),
                      window=window, halo=halo)
    generator = torch.Generator().manual_seed(1)
    x_t = torch.randn(1, 3, window + 10 * stride, window + 2 * stride, generator=generator)
    tiler = Tiler(window, halo, ramp=8, stride=stride)
    assert len(tiler.windows(Size(x_t.shape[-1], x_t.shape[-2]))) > 2
    for i in (0, 5):
        whole, tiled = prior(x_t, i), TiledPrior(prior, tiler, batch)(x_t, i)
        assert float(whole.x0.std()) > 0.1
        assert torch.allclose(tiled.x0, whole.x0, atol=2e-5)


def test_the_window_batch_does_not_change_a_byte() -> None:
    config = CONFIGS[1]
    prior = UNetPrior(random_unet(config), schedule=Schedule.linear().quadratic(10))
    x_t = torch.randn(1, 3, 72, 64, generator=torch.Generator().manual_seed(1))
    pictures = {
        TiledPrior(prior, Tiler(32, 4, 8, 2), batch)(x_t, 4)
        .x0.add(1).mul(127.5).round().byte().numpy().tobytes()
        for batch in (1, 2, 5, 64)
    }
    assert len(pictures) == 1
