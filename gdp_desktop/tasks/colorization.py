"""Colourisation: y is the mean of the three channels of x."""

from __future__ import annotations

import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.quality import color_constancy_loss
from gdp_desktop.diffusion.spectrum import Means, Spectrum
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks import published
from gdp_desktop.tasks.task import Given, Param, Problem, Task, Values

HELP = """Gives a black-and-white photo colours that fit what it shows. There are many right
answers: another seed gives another one. The brightness of every pixel is kept."""


class Grey(Degradation):
    """(R + G + B) / 3, as one channel."""

    pointwise = False
    linear = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=1, keepdim=True)

    def spectrum(self, size: Size) -> Spectrum | None:
        return Means(over_channels=True)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return y.expand(-1, 3, -1, -1)


def pose(given: Given, values: Values) -> Problem:
    return Problem(
        y=given.y.mean(dim=1, keepdim=True), degradation=Grey(), sigma_y=(0.0,),
        quality=(lambda x0: COLOR_WEIGHT * values["neutral"] * color_constancy_loss(x0),),
        start_sigma=0.3, coarse_sigma=20.0, zeta=1.0, solver_steps=3, coarse_steps=50,
        published=published.COLORIZATION,
    )


COLOR_WEIGHT = 20.0

TASK = Task(
    id="colorization",
    title="Colourise",
    help=HELP,
    pose=pose,
    params=(
        Param("neutral", "Neutral colours", 0.2, 0, 1, 0.05, "",
              "Keeps the photo as a whole from leaning to one colour."),
    ),
    default_steps=10,
    order=60,
)
