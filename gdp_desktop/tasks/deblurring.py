"""Deblurring with a known Gaussian kernel: y = k * x."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.noise import estimate_noise
from gdp_desktop.tasks import published
from gdp_desktop.tasks.task import Given, Param, Problem, Task, Values

HELP = """Sharpens a photo that is out of focus by a known amount. Raise the blur radius until
edges are crisp; if bright or dark lines appear along them, it is too high."""


class GaussianBlur(Degradation):
    """Convolution with a Gaussian of standard deviation ``radius`` pixels, mirrored at the edges.

    The kernel is symmetric, hence so is D away from the edges.
    """

    pointwise = False
    profile: torch.Tensor

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius
        reach = max(1, round(3.5 * radius))
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
        profile = torch.exp(-0.5 * (offsets / radius) ** 2)
        self.register_buffer("profile", (profile / profile.sum()).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        profile, channels = self.profile.to(x), x.shape[1]
        reach = len(profile) // 2
        rows = profile.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
        columns = profile.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
        x = F.conv2d(_mirrored(x, reach, horizontal=True), rows, groups=channels)
        return F.conv2d(_mirrored(x, reach, horizontal=False), columns, groups=channels)

    def shrunk(self) -> Degradation:
        # Below a third of a pixel a Gaussian is a point.
        return GaussianBlur(self.radius / 2) if self.radius > 0.6 else Degradation()

    def estimate(self) -> dict[str, float]:
        return {"blur_radius": round(self.radius, 3)}


def _mirrored(x: torch.Tensor, reach: int, *, horizontal: bool) -> torch.Tensor:
    side = (reach, reach, 0, 0) if horizontal else (0, 0, reach, reach)
    # Reflection needs a photo longer than the reach; a tiny one repeats its edge.
    long_enough = x.shape[-1 if horizontal else -2] > reach
    return F.pad(x, side, mode="reflect" if long_enough else "replicate")


def pose(given: Given, values: Values) -> Problem:
    y = given.y
    noise = estimate_noise(y, 1)[0] if values["noise"] == 0 else values["noise"] / 127.5
    return Problem(
        y=y, degradation=GaussianBlur(values["radius"]), sigma_y=(max(noise, 1 / 127.5),),
        start_sigma=0.4, coarse_sigma=0.4, zeta=1.0, solver_steps=16,
        published=published.DEBLURRING,
    )


TASK = Task(
    id="deblurring",
    title="Deblur",
    help=HELP,
    pose=pose,
    params=(
        Param("radius", "Blur radius", 2.0, 0.3, 12, 0.1, "px",
              "Standard deviation of the Gaussian that blurred the photo."),
        Param("noise", "Noise", 0, 0, 50, 0.5, "of 255",
              "How noisy the blurred photo is; more noise means gentler sharpening.", auto=0),
    ),
    default_steps=20,
    order=30,
)
