"""Colourisation: y is the mean of the three channels of x."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.quality import color_constancy_loss
from gdp_desktop.diffusion.spectrum import Means, Spectrum
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks import published
from gdp_desktop.tasks.param import Option, Param, TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task

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


# Above this RMS, in [-1, 1], a photo has colours.  Of 168 colour photos one lay below (a misty one
# without colours); sepia prints with scanner noise, saved as JPEG, reached 2.9 of 255.
COLOURFUL = 3.5 / 127.5
TONES = 16  # how many steps of brightness may each have a tint of their own


def colourfulness(y: torch.Tensor) -> float:
    """RMS distance of the colours of y (1, 3, H, W) from the mean colour of equally bright pixels.

    So a toned print, whose colour follows its brightness, counts as grey.  Noise is averaged out.
    """
    side = min(y.shape[-2:])
    y = F.avg_pool2d(y, min(side, max(4, side // 128)))
    brightness = y.mean(dim=1)
    tints = (y - brightness[:, None]).movedim(1, -1).flatten(0, 2)
    tones = ((brightness.flatten() + 1) / 2 * TONES).long().clamp(0, TONES - 1)
    counts = torch.bincount(tones, minlength=TONES).clamp(min=1)[:, None]
    means = torch.zeros(TONES, 3).index_add_(0, tones, tints) / counts
    return float((tints - means[tones]).square().sum(dim=1).mean().sqrt())


def pose(given: Given, values: Values) -> Problem:
    if values["colour_photo"] == "refuse" and colourfulness(given.y) > COLOURFUL:
        raise TaskError(
            "This photo has colours already; to give it others, let “A colour photo” be “gets "
            "new colours” (colour_photo=recolour)."
        )
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
        Param("neutral", "Neutral colours", 0, 0, 1, 0.05, "",
              "Keeps the photo as a whole from leaning to one colour, at the price of paler ones."),
        Option("colour_photo", "A colour photo", "refuse", (
            ("refuse", "is a mistake"), ("recolour", "gets new colours"),
        ), "Whether a photo that has colours may be made black-and-white first; a toned print "
           "counts as black-and-white."),
    ),
    default_steps=10,
    coarse_side=128,
    gives_colours=lambda values: True,
    order=60,
)
