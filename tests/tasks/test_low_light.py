"""Light of a dark photo: its means over boxes, and the exposure that was asked for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.low_light import LowLight, box_mean, local_light
from gdp_desktop.tasks.task import Given


@pytest.mark.parametrize(("height", "width", "radius"), [(30, 47, 5), (7, 9, 3), (64, 5, 20)])
def test_a_box_mean_is_the_mean_of_what_there_is_of_the_box(
    height: int, width: int, radius: int
) -> None:
    image = torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    means = box_mean(image, radius)
    for y, x in ((0, 0), (height - 1, width // 2), (height // 2, width - 1)):
        box = image[..., max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        torch.testing.assert_close(means[..., y, x], box.mean(dim=(2, 3)))


def test_the_local_light_does_not_depend_on_its_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(2)
    y = F.interpolate(torch.rand(1, 3, 9, 7, generator=generator), (700, 560))
    lights = []
    for rows in (16, 64, 1000):
        monkeypatch.setattr("gdp_desktop.tasks.low_light.THIN_ROWS", rows)
        lights.append(local_light(2 * y - 1, 0.5))
    for light in lights[1:]:
        torch.testing.assert_close(light, lights[0])
    assert float(lights[0].min()) < 0.8


@pytest.mark.parametrize("exposure", [0.2, 0.45, 0.7])
@pytest.mark.parametrize("side", [24, 400])
def test_the_exposure_is_met(exposure: float, side: int) -> None:
    """Also where only some pixels, and of those only some quantiles, are asked."""
    generator = torch.Generator().manual_seed(1)
    scene = F.interpolate(torch.rand(1, 3, 6, 6, generator=generator), size=(side, side))
    dark = 0.3 * (scene + 0.2 * torch.rand(1, 3, side, side, generator=generator)) - 1
    light = torch.linspace(0.3, 1, side).expand(1, 1, side, side)
    degradation = LowLight(light, exposure, neutral=0.0)
    degradation.expose(dark)
    assert float(unit(degradation.initial(dark)).mean()) == pytest.approx(exposure, abs=0.01)


@pytest.mark.parametrize("exposure", [0.3, 0.6])
def test_it_is_the_subject_that_gets_the_exposure(exposure: float) -> None:
    """A dark one before a bright wall; what follows holds the mean that belongs to it."""
    y = torch.full((1, 3, 96, 96), 0.6) + 0.05 * torch.randn(1, 3, 96, 96)
    subject = torch.zeros(1, 1, 96, 96)
    subject[..., 30:60, 30:60] = 1
    inside = (..., slice(30, 60), slice(30, 60))
    y[inside] -= 1.3
    task = task_named("low-light")
    values = task.values({"exposure": exposure, "neutral": 0})
    with torch.no_grad():
        problem = task.pose(Given(y, subject=subject), values)
        degradation = problem.degradation
        assert isinstance(degradation, LowLight)
        start = degradation.initial(y)
        assert float(unit(start[inside]).mean()) == pytest.approx(exposure, abs=0.01)
        assert degradation.exposure == pytest.approx(float(unit(start).mean()), abs=0.01)
        for _ in range(5):
            degradation.fit(start, y)
        after = degradation.initial(y)[inside]
    assert float(unit(after).mean()) == pytest.approx(exposure, abs=0.03)
    # The quality term agrees.
    moved = [float(problem.quality[0](start + d)) for d in (-0.1, 0.0, 0.1)]
    assert moved[1] < 0.05 * min(moved[0], moved[2])


@pytest.mark.parametrize("value", [-1.0, -0.96, -0.8, -0.3, 0.2, 0.9])
@pytest.mark.parametrize("haze", [0.0, 0.02])
def test_the_gain_of_noise_is_the_slope_of_the_start(value: float, haze: float) -> None:
    degradation = LowLight(torch.full((1, 1, 32, 32), 0.8), exposure=0.45, neutral=0.0)
    degradation.log_factor.fill_(-1.5)
    degradation.haze.fill_(haze)
    y = torch.full((1, 3, 32, 32), value)
    # The darker half of the noise, and black where that is below the haze.  None of these is
    # brightened to right below the line's end, where the slope by hand is that of the curve.
    darker = (y - 2 / 127.5).clamp(min=2 * haze - 1 + 1e-6).requires_grad_(True)
    slope = torch.autograd.grad(degradation.initial(darker).sum(), darker)[0]
    expected = slope.clamp(min=0.1).mean(dim=1, keepdim=True)
    torch.testing.assert_close(degradation.noise_gain(y), expected, rtol=1e-4, atol=1e-5)
