"""What counts as black-and-white, and what is refused."""

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.colorization import COLOURFUL, colourfulness
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Given

TASK = task_named("colorization")


def grey(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 9, 12, generator=generator)
    fine = F.interpolate(coarse, size=(144, 192), mode="bicubic").clamp(0.02, 0.98)
    return (2 * fine - 1).expand(1, 3, -1, -1).clone()


def toned(photo: torch.Tensor, tone: tuple[float, float, float]) -> torch.Tensor:
    return (photo + 1) * torch.tensor(tone).view(1, 3, 1, 1) - 1


def noisy(photo: torch.Tensor, sigma: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (photo + sigma * torch.randn(photo.shape, generator=generator)).clamp(-1, 1)


BLACK_AND_WHITE = {
    "grey": grey(),
    "noisy scan": noisy(grey(), 4 / 127.5),
    "slight tint": toned(grey(), (1.0, 0.98, 0.93)),
    "sepia": toned(grey(), (1.0, 0.86, 0.68)),
    "cyanotype": toned(grey(), (0.55, 0.8, 1.0)),
    "black": torch.full((1, 3, 40, 30), -1.0),
    "white": torch.ones(1, 3, 40, 30),
    "tiny": grey()[..., :5, :7],
}


@pytest.mark.parametrize("name", BLACK_AND_WHITE)
def test_photos_without_colours_are_taken(name: str) -> None:
    y = BLACK_AND_WHITE[name]
    problem = TASK.pose(Given(y), TASK.values({}))
    assert problem.y.shape == (1, 1, *y.shape[-2:])
    assert torch.allclose(problem.y, y.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("strength", [0.1, 0.3, 1.0])
def test_photos_with_colours_are_refused_unless_it_is_meant(strength: float) -> None:
    colours = torch.cat([grey(seed)[:, :1] for seed in range(3)], dim=1)
    y = torch.lerp(colours.mean(dim=1, keepdim=True), colours, strength)
    assert colourfulness(y) > COLOURFUL
    with pytest.raises(TaskError) as raised:
        TASK.pose(Given(y), TASK.values({}))
    text = str(raised.value)
    assert "colour_photo" in text and "recolour" in text and text.endswith(".")
    problem = TASK.pose(Given(y), TASK.values({"colour_photo": "recolour"}))
    assert torch.allclose(problem.y, y.mean(dim=1, keepdim=True))
