"""What a job is said to hold in main memory: by its photos, its degradation and its method."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel, motion_kernel
from gdp_desktop.diffusion.checkpoints import serialise_unet
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.restoration.memory import (
    Footprint,
    fitting_batch,
    footprint_before_posing,
    footprint_of,
    needed_bytes,
    network_bytes,
    rows_at_once,
)
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.denoise import Noise
from gdp_desktop.tasks.task import Problem

SEEN = 512
ADAPTIVE = METHODS["adaptive"]
PRIOR = LoadedPrior(
    UNetPrior(UNet(UNetConfig((8,), (0,), 8))), "tiny", "", "cpu", picture_bytes=8.0
)
ON_CARD = replace(
    PRIOR, prior=replace(PRIOR.prior, device=torch.device("cuda")), device="cuda"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedPrior:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    file.write_bytes(serialise_unet(UNet(UNetConfig((8,), (0,), 8)), {"step": 0}))
    return load_prior(str(file), "cpu")


def problem(size: Size, degradation: Degradation) -> Problem:
    # Only the shape matters: no memory is taken for it.
    return Problem(torch.zeros(1, 1, 1, 1).expand(1, 3, *size.shape), degradation, (0.1,))


def solving(size: Size, degradation: Degradation, method: str = "adaptive") -> int:
    footprint = footprint_of(
        Footprint(0, 0), problem(size, degradation), size, METHODS[method], PRIOR, coarse_side=256
    )
    return footprint.solving


def test_rows_at_once_follow_the_reach() -> None:
    assert rows_at_once(Noise(0.1), SEEN, 64) == 64
    blur = Blur(gaussian_kernel(2.0))
    assert 0 < blur.reach < SEEN
    assert rows_at_once(blur, SEEN, 64) == SEEN + 2 * blur.reach
    motion = Blur(motion_kernel(60, 90))
    assert rows_at_once(motion, 64, 64) == 64 + 3 * motion.reach > 1000
    assert rows_at_once(BlindBlur(21), SEEN, 64) is None


@pytest.mark.parametrize("degradation", [Noise(0.1), Blur(gaussian_kernel(2.0))])
def test_a_card_that_sees_more_at_once_holds_more(degradation: Degradation) -> None:
    size = Size(3000, 2000)
    held = [
        footprint_of(
            Footprint(0, 0), problem(size, degradation), size, ADAPTIVE, ON_CARD, batch, 256
        ).solving
        for batch in (1, 2, 8)
    ]
    assert held == sorted(set(held))
    here = solving(size, degradation)
    assert here == footprint_of(
        Footprint(0, 0), problem(size, degradation), size, ADAPTIVE, PRIOR, 8, 256
    ).solving


def test_the_coarsest_level_of_a_very_long_photo_counts_in_full() -> None:
    """It is guided as a whole, and a photo that is too narrow to be halved has no smaller one."""
    blur = Blur(gaussian_kernel(2.0))
    short, long = (solving(Size(176, height), blur) for height in (12_000, 24_000))
    assert (long - short) / (176 * 12_000) > blur.guidance_bytes


@pytest.mark.parametrize("degradation", [Noise(0.1), Blur(gaussian_kernel(2.0))])
def test_in_strips_memory_grows_with_the_photo_alone(degradation: Degradation) -> None:
    one, many, most = (
        solving(Size(3000, height), degradation) for height in (1000, 4000, 6000)
    )
    assert (most - many) / 6e6 == pytest.approx((many - one) / 9e6, rel=1e-6)
    # The photo's own rows: nothing that guidance takes.
    assert (many - one) / 9e6 < 40
    # A method that does not work in strips guides all of it at once.
    whole = [solving(Size(3000, height), degradation, "diffpir") for height in (4000, 6000)]
    assert (whole[1] - whole[0]) / 6e6 == pytest.approx(
        (most - many) / 6e6 + degradation.guidance_bytes, rel=1e-6
    )


def test_what_is_learned_everywhere_is_guided_as_a_whole() -> None:
    size = Size(4000, 3000)
    assert solving(size, BlindBlur(21)) > BlindBlur.guidance_bytes * size.pixels


def test_maps_beside_the_photo_count_once_each() -> None:
    size = Size(400, 300)
    gain = torch.ones(1, 1, *size.shape)
    more = solving(size, Noise(0.1, gain)) - solving(size, Noise(0.1))
    assert more == pytest.approx(4 / 3 * 4 * size.pixels, rel=0.01)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.id)
def test_more_photos_take_more(task) -> None:
    size = Size(2000, 1500)
    fewest, most = task.others
    counts = range(1 + fewest, 2 + most)
    held = [footprint_before_posing(task, 3 * size.pixels, size, n).bytes for n in counts]
    assert held == sorted(held) and len(set(held)) == len(held)
    assert all(b >= 12 * size.pixels * n for b, n in zip(held, counts, strict=True))


def test_the_greater_of_posing_and_solving_counts() -> None:
    assert Footprint(5, 7, 3).bytes == 12 and Footprint(5, 7, 30).bytes == 35


def test_a_wider_network_and_a_way_back_take_more(loaded: LoadedPrior) -> None:
    size = Size(1000, 1000)
    footprint = footprint_of(Footprint(0, 0), problem(size, Noise(0.1)), size, ADAPTIVE, PRIOR)
    back = footprint_of(Footprint(0, 0), problem(size, Noise(0.1)), size, METHODS["dps"], PRIOR)
    assert network_bytes(back, size, loaded, 1) > 4 * network_bytes(footprint, size, loaded, 1)
    wide = replace(loaded, picture_bytes=8 * loaded.picture_bytes)
    assert needed_bytes(footprint, size, wide, 1) > needed_bytes(footprint, size, loaded, 1)
    # Eight channels of folded 2×2 pixels, in bfloat16 where the processor has it.
    assert loaded.picture_bytes == 8 * (2 if loaded.precision == "bfloat16" else 4) / 4


def test_the_batch_gives_way_first(loaded: LoadedPrior) -> None:
    size = Size(3000, 2000)
    footprint = footprint_of(Footprint(0, 0), problem(size, Noise(0.1)), size, ADAPTIVE, PRIOR)
    for fits in (1, 2, 4):
        limit = needed_bytes(footprint, size, loaded, fits)
        assert fitting_batch(4, limit, footprint, size, loaded, 0) == fits
    assert fitting_batch(8, None, footprint, size, loaded, 0) == 8
    assert fitting_batch(8, 1, footprint, size, loaded, 0) == 1


def test_no_more_windows_are_held_than_there_are_side_by_side(loaded: LoadedPrior) -> None:
    size = Size(3000, 2000)
    footprint = footprint_of(Footprint(0, 0), problem(size, Noise(0.1)), size, ADAPTIVE, PRIOR)
    assert network_bytes(footprint, size, loaded, 4) == network_bytes(footprint, size, loaded, 8)
    small = Size(200, 2000)
    assert network_bytes(footprint, small, loaded, 1) == network_bytes(footprint, small, loaded, 2)


def test_a_small_card_gets_fewer_windows_and_their_memory_is_its_own() -> None:
    size = Size(3000, 2000)
    footprint = footprint_of(Footprint(0, 0), problem(size, Noise(0.1)), size, ADAPTIVE, ON_CARD, 4)
    one, two, four = (network_bytes(footprint, size, ON_CARD, batch) for batch in (1, 2, 4))
    in_main = network_bytes(footprint, size, PRIOR, 1)
    needed = needed_bytes(footprint, size, PRIOR, 1)
    assert needed_bytes(footprint, size, ON_CARD, 4) == needed - in_main
    for card_bytes, fits in ((1.05 * four, 4), (0.95 * four, 2), (0.95 * two, 1), (0, 1)):
        assert fitting_batch(4, None, footprint, size, ON_CARD, card_bytes) == fits
