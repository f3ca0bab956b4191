"""JPEG: the file's own numbers are found, whatever its tables, its colours and its turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from gdp_desktop.degradations.jpeg import Jpeg, shrunk_by, turned, turned_back
from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA, Degradation
from gdp_desktop.diffusion.guidance import Measurement
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.jpeg_file import read_components, read_compression, standard_tables
from gdp_desktop.image.photo import load_photo
from gdp_desktop.methods.adaptive import CoarseToFine
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given, Problem
from tests.gaussian_prior import GaussianPrior
from tests.image.handmade import grey_profile, smooth

WHOLE = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
TASK = task_named("jpeg")


def lively(size: Size, seed: int = 0) -> np.ndarray:
    """Shapes and grain, nowhere black or white: (H, W, 3) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 7, generator=generator)
    shapes = F.interpolate(coarse, size=size.shape, mode="bicubic")[0].permute(1, 2, 0)
    grain = 6 * torch.randn(*size.shape, 1, generator=generator)
    return (60 + 130 * shapes.clamp(0, 1) + grain).clamp(30, 225).byte().numpy()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(picture: np.ndarray, turn: int = 1, **options: int) -> Path:
        exif = Image.Exif()
        exif[0x0112] = turn
        path = tmp_path / "photo.jpg"
        Image.fromarray(picture).save(path, exif=exif, **options)
        return path

    return save


def as_tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def posed(path: Path, **values: float) -> Problem:
    y = as_tensor(load_photo(path).pixels)
    with torch.no_grad():
        return TASK.pose(Given(y, source=path), TASK.values(values))


def jpeg_of(problem: Problem) -> Jpeg:
    assert isinstance(problem.degradation, Jpeg)
    return problem.degradation


def beyond_rounding(degradation: Jpeg, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """How far each coefficient of x is from where it would be rounded to y, in steps."""
    error = (degradation(x) - y) / (float(degradation.steps.min()) / 127.5)
    return (error.abs() - 0.5).clamp(min=0)


@pytest.mark.parametrize("quality", [10, 50, 75, 90])
@pytest.mark.parametrize("colours", WHOLE)
def test_the_numbers_are_those_of_the_encoder(
    quality: int, colours: str, saved: Callable[..., Path]
) -> None:
    """What was encoded has, in every block, the coefficients that are read back from the file."""
    picture = lively(Size(96, 64))
    problem = posed(saved(picture, quality=quality, subsampling=WHOLE[colours]))
    degradation, x = jpeg_of(problem), as_tensor(picture)
    steps = torch.from_numpy(standard_tables(quality)).float().view(3, 64)
    assert torch.equal(degradation.steps, steps)
    beyond = beyond_rounding(degradation, x, problem.y)
    # Encoder and decoder round pixels as well, by half a grey level: little beyond half a step.
    assert float(beyond.quantile(0.999)) < 2.0 / float(steps.min())
    assert float((beyond < 0.1).float().mean()) > 0.97 and float(beyond.max()) < 1.6
    for coefficients, step in zip(degradation._coefficients(problem.y), steps, strict=True):
        multiples = coefficients * 127.5 / step.view(1, 64, 1, 1)
        assert torch.allclose(multiples, multiples.round(), atol=1e-3)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("size", [Size(64, 48), Size(61, 43)], ids=str)
def test_a_turned_photo_is_understood(turn: int, size: Size, saved: Callable[..., Path]) -> None:
    picture = lively(size)
    path = saved(picture, turn, quality=40)
    problem = posed(path)
    degradation, upright = jpeg_of(problem), as_tensor(load_photo(path).pixels)
    start = degradation.initial(problem.y)
    assert start.shape == upright.shape
    assert float((start - upright).abs().mean()) < 1 / 127.5  # what decoding rounds away
    beyond = beyond_rounding(degradation, turned(as_tensor(picture), turn), problem.y)
    assert float((beyond < 0.1).float().mean()) > 0.99


@pytest.mark.parametrize("turn", range(1, 9))
def test_turning_back_undoes_turning(turn: int) -> None:
    image = torch.rand(1, 3, 4, 5)
    assert torch.equal(turned_back(turned(image, turn), turn), image)


def test_padding_says_nothing_and_is_not_asked(saved: Callable[..., Path]) -> None:
    path = saved(lively(Size(40, 24)), quality=30)
    y = as_tensor(load_photo(path).pixels)
    padded = F.pad(y, (0, 8, 0, 12), mode="replicate")
    with torch.no_grad():
        problem = TASK.pose(Given(padded, source=path, size=Size(40, 24)), TASK.values({}))
        assert problem.degradation.initial(problem.y).shape == padded.shape
        other = torch.cat([padded[..., :24, :], -padded[..., 24:, :]], dim=-2)
        assert torch.equal(problem.degradation(padded), problem.degradation(other))
    assert torch.equal(problem.y, posed(path).y)


def test_a_grey_file_stays_grey(tmp_path: Path) -> None:
    path = tmp_path / "grey.jpg"
    Image.fromarray(lively(Size(48, 32))[..., 0]).save(path, quality=30)
    problem = posed(path)
    start = problem.degradation.initial(problem.y)
    assert float((start - start.mean(dim=1, keepdim=True)).abs().max()) < 1e-5
    coloured = start + torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1)
    assert float((problem.degradation(coloured) - problem.y).abs().max()) > 5 * problem.sigma_y[0]


def test_a_grey_file_with_a_profile_keeps_its_brightness(tmp_path: Path) -> None:
    """Opening it applies the profile, so what is read from the file a second time must, too."""
    path = tmp_path / "grey.jpg"
    grey = Image.fromarray(smooth(32, 48)[..., 0] // 2 + 20)
    grey.save(path, quality=90, icc_profile=grey_profile())
    opened = as_tensor(load_photo(path).pixels)
    problem = posed(path)
    start = problem.degradation.initial(problem.y)
    assert float(opened.mean()) > as_tensor(np.dstack([np.asarray(grey)] * 3)).mean() + 0.2
    assert float((start - opened).abs().max()) < 0.05


@pytest.mark.parametrize("quality", [10, 40, 75, 92])
def test_the_traces_of_a_jpeg_tell_its_quality(
    quality: int, saved: Callable[..., Path], tmp_path: Path
) -> None:
    path = saved(lively(Size(256, 192)), quality=quality)
    again = tmp_path / "photo.png"
    Image.open(path).save(again)
    by_file, by_traces, stated = posed(path), posed(again), posed(again, quality=quality)
    assert torch.equal(jpeg_of(by_traces).steps, jpeg_of(by_file).steps)
    assert torch.equal(by_traces.y, stated.y) and not by_file.notes and not stated.notes
    assert [str(quality) in note and note.endswith(".") for note in by_traces.notes] == [True]
    assert jpeg_of(by_traces).shrinkage == jpeg_of(by_file).shrinkage
    assert float((by_traces.y != by_file.y).float().mean()) < 0.02


def test_a_photo_without_traces_is_left_nearly_alone(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    picture = lively(Size(96, 64))
    Image.fromarray(picture).save(path)
    problem = posed(path)
    assert "no traces" in problem.notes[0]
    assert float((problem.degradation.initial(problem.y) - as_tensor(picture)).abs().max()) < 0.05


def test_an_unusual_jpeg_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.fromarray(lively(Size(32, 32))).convert("CMYK").save(path)
    with pytest.raises(PhotoError):
        read_compression(path)
    with pytest.raises(TaskError) as raised:
        posed(path)
    assert str(raised.value).endswith(".") and str(raised.value).count(".") <= 2


def test_what_is_no_jpeg_is_none(tmp_path: Path) -> None:
    for name, data in (("a.jpg", b"no picture"), ("b.jpg", b"")):
        (tmp_path / name).write_bytes(data)
        assert read_compression(tmp_path / name) is None


def test_a_file_that_went_away_is_not_called_another_format(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"missing.jpg can no longer be read; .*\."):
        read_compression(tmp_path / "missing.jpg")


def test_small_colours_are_found_below_the_large_ones(saved: Callable[..., Path]) -> None:
    """The decoder's smooth enlarging is undone exactly, also at odd sizes."""
    path = saved(lively(Size(37, 29)), quality=95, subsampling=2)
    components = torch.from_numpy(read_components(path).copy())
    degradation = jpeg_of(posed(path))
    colour = degradation._coefficients(degradation.measured(components))[1]
    plane = F.conv_transpose2d(colour, degradation.basis, stride=8)[..., :15, :19]
    encoded = as_tensor(lively(Size(37, 29)))
    truth = torch.einsum("j,njhw->nhw", degradation.to_ycbcr[1], encoded)[:, None]
    assert float((plane - shrunk_by(truth, (2, 2))).abs().mean()) < 3 / 127.5


@pytest.mark.parametrize("quality", [10, 40, 80])
def test_the_result_would_be_saved_as_the_same_file(
    quality: int, saved: Callable[..., Path]
) -> None:
    """Its coefficients round to those of the file, with few exceptions and none far off."""
    problem = posed(saved(lively(Size(96, 64)), quality=quality))
    given = Assignment(problem, GaussianPrior(0.0, 0.4, window=128), Size(96, 64), 4)
    with torch.no_grad():
        *_, last = CoarseToFine(given).solve(torch.Generator().manual_seed(0), lambda: None)
    beyond = beyond_rounding(jpeg_of(problem), last.x0, problem.y)
    assert float((beyond == 0).float().mean()) > 0.97 and float(beyond.quantile(0.999)) < 0.6


def test_fine_steps_are_known_better_than_rounded_pixels(saved: Callable[..., Path]) -> None:
    """y is what the file says, which nobody rounded to 8 bits."""
    fine = posed(saved(lively(Size(96, 64)), quality=95, subsampling=0))
    sigma = fine.sigma_y[0]
    assert sigma < SMALLEST_SIGMA
    measured = Measurement(fine.y, fine.degradation, sigma)
    assert measured.precision == pytest.approx(sigma**-2)
    as_pixels = Measurement(fine.y, Degradation(), sigma)
    assert as_pixels.precision == pytest.approx(SMALLEST_SIGMA**-2)


@pytest.mark.parametrize(("quality", "steps"), [(75, 6), (85, 6), (90, 12), (98, 12)])
def test_a_file_that_is_near_the_photo_is_matched_exactly(
    quality: int, steps: int, saved: Callable[..., Path]
) -> None:
    for more in ({"subsampling": 0}, {"subsampling": 2}):
        problem = posed(saved(lively(Size(96, 64)), quality=quality, **more))
        share = problem.sigma_y[0] / jpeg_of(problem).sigma_y
        assert problem.solver_steps == steps
        assert share == pytest.approx(0.3 if steps == 6 else 0.2)
