"""Several kinds of damage at once: y = D_3(D_2(D_1(x))), in the order in which they happened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.composition import Composition
from gdp_desktop.degradations.kernels import gaussian_kernel
from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA, Degradation
from gdp_desktop.diffusion.quality import color_constancy_loss
from gdp_desktop.diffusion.spectrum import Diagonal, OfGrey, Spectrum
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks.colorization import Grey
from gdp_desktop.tasks.inpainting import Masking, known_in
from gdp_desktop.tasks.likeness import LIKENESS, likeness_of
from gdp_desktop.tasks.low_light import LowLight, held_at, linear_light
from gdp_desktop.tasks.noise_setting import noise_setting
from gdp_desktop.tasks.param import Option, Param, TaskError, Values
from gdp_desktop.tasks.super_resolution import Downsampling
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """For a photo with more than one kind of damage, as an old print that is grey, scratched and
blurred. Name them in the order in which they happened to the photo; all are undone together, so
that none is taken for the other."""

NEUTRAL_WEIGHT = 4.0
SHRINKAGE = 2
PAINT = "Paint what is missing, or choose other kinds of damage."
PLACES = ("first", "second", "third")
CHOICES = (
    ("none", "Nothing"),
    ("grey", "It lost its colours"),
    ("blur", "It was blurred"),
    ("dark", "It got too little light"),
    ("shrink", "It was made half as large"),
    ("missing", "Parts of it are missing (paint them)"),
)


class GreyInThree(Grey):
    """(R + G + B) / 3 in all three channels, so that other damage can follow."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).expand(-1, 3, -1, -1)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return y.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)

    def spectrum(self, size: Size) -> Spectrum | None:
        return OfGrey(Diagonal(torch.ones(1, 1, 1, 1)))


def chosen(values: Values) -> list[str]:
    """The kinds of damage in the order of time."""
    return [values[place] for place in PLACES if values[place] != "none"]


def parts_of(values: Values) -> list[str]:
    """The same; TaskError if there are none or they do not go together."""
    parts = chosen(values)
    if not parts:
        raise TaskError("Nothing was chosen; say what happened to the photo first.")
    for part in parts:
        if parts.count(part) > 1:
            raise TaskError(
                f"“{dict(CHOICES)[part]}” ({part}) was chosen twice; choose each kind of damage "
                "once."
            )
    if "missing" in parts[:-1]:
        raise TaskError(
            "Choose the missing parts (missing) last, as you paint on the photo as it is now."
        )
    return parts


def pose(given: Given, values: Values) -> Problem:
    parts = parts_of(values)
    makers: dict[str, Callable[[torch.Tensor], Degradation]] = {
        "grey": lambda y: GreyInThree(),
        "blur": lambda y: Blur(gaussian_kernel(values["radius"])),
        "dark": lambda y: linear_light(
            y, {"exposure": values["exposure"], "fill": 0.3, "neutral": 0.0},
            _at_size_of(y, given.subject),
        ),
        "shrink": lambda y: Downsampling(SHRINKAGE),
        "missing": lambda y: Masking(known_in(given, PAINT)),
    }
    y = given.y
    if "grey" in parts:
        y = y.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    if parts[-1] == "missing":
        y = known_in(given, PAINT) * y
    degradation = Composition.found_in(y, [makers[part] for part in parts])
    exposures = [part.exposure for part in degradation.in_order if isinstance(part, LowLight)]
    # Of three equal channels each says what all say; but the prior, too, errs in nearly the same
    # way in all three, and σ_y counts against its error.  So both stand as for one channel.
    sigma = max(values["noise"] / 127.5 or white_noise(given.y), SMALLEST_SIGMA)
    levels_of_same_y = 2 if "shrink" in parts else 1
    likeness = likeness_of(values, given.prior)
    return Problem(
        y=y,
        degradation=degradation,
        sigma_y=(sigma,) * levels_of_same_y,
        quality=(
            *((lambda x0: NEUTRAL_WEIGHT * color_constancy_loss(x0),) if "grey" in parts else ()),
            *(partial(held_at, exposure) for exposure in exposures),
        ),
        start_sigma=0.4,
        # Colours are settled where the photo is small, and there are many that fit.
        coarse_sigma=20.0 if "grey" in parts else 0.6,
        zeta=1.0, solver_steps=16, coarse_steps=50 if "grey" in parts else None,
        distances=likeness.distances, notes=likeness.notes,
    )


def _at_size_of(y: torch.Tensor, subject: torch.Tensor | None) -> torch.Tensor | None:
    """For a picture that was not yet made small."""
    return None if subject is None else F.interpolate(subject, size=y.shape[-2:])


def scale(values: Values) -> int:
    return SHRINKAGE if "shrink" in chosen(values) else 1


TASK = Task(
    id="mixed",
    title="Several kinds of damage",
    help=HELP,
    pose=pose,
    params=(
        Option("first", "First", "grey", CHOICES, "What happened to the photo first."),
        Option("second", "Then", "blur", CHOICES, "What happened to it then."),
        Option("third", "At last", "none", CHOICES, "What happened to it at last."),
        Param("radius", "Blur radius", 1.5, 0.3, 12, 0.1, "px",
              "Standard deviation of the blur.", only_if=(PLACES, "blur")),
        Param("exposure", "Exposure", 0.45, 0.1, 0.8, 0.01, "",
              "How bright the result is on the whole.", only_if=(PLACES, "dark")),
        noise_setting("How noisy the photo is; with noise it is matched less strictly."),
        *LIKENESS,
    ),
    default_steps=20,
    scale=scale,
    mask_is_unknown=lambda values: "missing" in chosen(values),
    gives_colours=lambda values: "grey" in chosen(values),
    order=70,
)
