"""Likeness: how unlike D(x0) and the photo look, beside the squared error of their values.

The distance metric of GDP (Fei et al. 2023, eq. 8) may be any; the squared error is what guidance
solves for, and what is chosen here is added to it as a quality term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.perceptual import Features, features_if_any, perceptual_distance
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.quality import ssim
from gdp_desktop.diffusion.vgg import read_vgg16
from gdp_desktop.tasks.param import FileParam, Option, TaskError, Values

# From D(x0) and y, both (1, 3, h, w) in [-1, 1], to a scalar: 0 where they are alike.
Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Of training photos with a little noise or blur, SSIM's and the prior's distances are about a
# hundred times half the mean squared error.  A distance gets a tenth of that error's strength, as
# guidance follows its slope without knowing its curvature, and would swing where it is steep.
STRENGTH = 0.1 / 100
# Smaller pictures have no structure to compare.  Larger ones are compared at a size of at least so
# many pixels a side, as slopes need memory.
SMALLEST_SIDE, LARGEST_SIDE = 16, 512

LIKENESS = (
    Option("likeness", "Likeness", "values", (
        ("values", "By its values"),
        ("ssim", "And by its structures (SSIM)"),
        ("prior", "And by what the prior sees"),
        ("vgg", "And by what VGG-16 sees"),
    ), "By what the result, damaged once more, has to be like your photo. Its values "
       "do for nearly everything; the others ask as well for the same edges and textures.",
       expert=True),
    FileParam("vgg", "VGG-16 weights", (".safetensors", ".pth", ".pt"),
              "The weights of VGG-16 as PyTorch's users share them; they do not come with the "
              "program.", only_if=("likeness", "vgg"), expert=True),
)


@dataclass(frozen=True)
class Likeness:
    """The distances that were chosen, and a sentence where another had to be taken."""

    distances: tuple[Distance, ...] = ()
    notes: tuple[str, ...] = ()


def likeness_of(values: Values, prior: Prior | None) -> Likeness:
    """What the parameters LIKENESS ask for.

    Raises TaskError if there is no file of VGG-16, or it is another.
    """
    match values["likeness"]:
        case "vgg":
            return Likeness((partial(perceptual_distance, _vgg16(values["vgg"])),))
        case "prior":
            if prior is not None and (features := features_if_any(prior)):
                return Likeness((partial(perceptual_distance, features),))
            return Likeness((_structural,), (
                "This prior does not show what it sees, so structures were compared (SSIM).",
            ))
        case "ssim":
            return Likeness((_structural,))
    return Likeness()


def unlikeness(
    distance: Distance, degradation: Callable[[torch.Tensor], torch.Tensor], y: torch.Tensor,
    sigma_y: float, x0: torch.Tensor,
) -> torch.Tensor:
    """The quality term: the distance of D(x0) and y, in units of 1/σ_y² and summed over all values,
    as the squared error is."""
    if min(y.shape[-2:]) < SMALLEST_SIDE:
        return 0 * x0.sum()
    predicted, photo, factor = degradation(x0), y, min(y.shape[-2:]) // LARGEST_SIDE
    if factor > 1:
        predicted, photo = F.avg_pool2d(predicted, factor), F.avg_pool2d(photo, factor)
    # Features may lie on a graphics card where the photo does not.
    return STRENGTH * y.numel() / sigma_y**2 * distance(predicted, photo).to(x0)


def _structural(predicted: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 1 - ssim(predicted, y)


def _vgg16(path: str) -> Features:
    if not path:
        raise TaskError(
            'No file of VGG-16 was given; give its weights as "vgg", or choose another likeness.'
        )
    try:
        network = read_vgg16(path)
    except CheckpointError as error:
        raise TaskError(str(error)) from error
    return lambda x: network.to(x.device)(x)
