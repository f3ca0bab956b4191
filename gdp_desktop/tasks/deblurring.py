"""Deblurring: y = k * x, with a kernel that is known, given as a file, or learned."""

from __future__ import annotations

import math

from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernel_search import KernelSearch
from gdp_desktop.degradations.kernels import (
    disk_kernel,
    gaussian_kernel,
    motion_kernel,
    published_kernel,
)
from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.tasks import published
from gdp_desktop.tasks.kernel_file import MATRICES, PICTURES, read_kernel
from gdp_desktop.tasks.noise_setting import LEAST, NoiseBeside, noise_of, noise_setting
from gdp_desktop.tasks.param import FileParam, Option, Param, TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Sharpens a photo that is out of focus or was moved while it was taken. Say what kind of
blur it is and raise its size until edges are crisp; if bright or dark lines appear along them, it
is too high. If you cannot tell, let the program find the blur itself."""

# What a kernel that had to be found leaves unexplained, beside the noise: of half as much, this and
# twice as much, training photos came out best with this.
DOUBT_OF_BLIND = 1.5 / 127.5


LOOKED_BESIDE = (
    "The blur was looked for around what is painted, too; if that is not blurred alike, crop the "
    "photo to the blurred part."
)


def blur_of(given: Given, values: Values) -> Blur:
    """The blur that the user describes; y (1, 3, H, W) shows it or bounds its size."""
    y = given.y
    match values["kind"]:
        case "gaussian":
            return Blur(gaussian_kernel(values["radius"]))
        case "disk":
            return Blur(disk_kernel(values["disk"]))
        case "motion":
            return Blur(motion_kernel(values["length"], values["angle"]))
        case "gdp":
            return Blur(published_kernel())
        case "file" if not values["kernel"]:
            raise TaskError(
                "There is no kernel file; choose one (kernel=FILE), or another kind of blur."
            )
        case "file":
            return Blur(read_kernel(values["kernel"], largest=min(y.shape[-2:])))
    size = int(values["size"]) | 1
    return BlindBlur(size, search=KernelSearch(y, size, given.raise_if_cancelled))


def noise_beside(given: Given, values: Values) -> NoiseBeside:
    """Of the blurred photo; noise of which a blur has to be found first is left to that."""
    # Noise that is not white looks like texture to the prior, and is made stronger if it is not
    # reckoned with; so where there is texture, it is read too high.
    at_most = max(white_noise(given.y), LEAST)
    if values["kind"] != "blind":
        return noise_of(given, values, other=at_most)
    sigma_y = math.hypot(values["noise"] / 127.5 or at_most, DOUBT_OF_BLIND)
    return NoiseBeside(sigma_y, notes=() if given.unknown is None else (LOOKED_BESIDE,))


def pose(given: Given, values: Values) -> Problem:
    noise = noise_beside(given, values)
    return Problem(
        y=given.y, degradation=blur_of(given, values), sigma_y=(noise.sigma_y,),
        noise_first=noise.first, start_sigma=0.4, coarse_sigma=0.4, zeta=1.0, solver_steps=16,
        published=published.DEBLURRING, notes=noise.notes,
    )


TASK = Task(
    id="deblurring",
    title="Deblur",
    help=HELP,
    pose=pose,
    params=(
        Option("kind", "Kind of blur", "gaussian", (
            ("gaussian", "Soft"),
            ("disk", "Out of focus"),
            ("motion", "Moved in a straight line"),
            ("blind", "Unknown, find it"),
            ("file", "From a file"),
            ("gdp", "The 9×9 Gaussian of the GDP paper"),
        ), "What happened to the photo; a lens out of focus turns points of light into disks."),
        Param("radius", "Blur radius", 2.0, 0.3, 12, 0.1, "px",
              "Standard deviation of the Gaussian that blurred the photo.",
              only_if=("kind", "gaussian")),
        Param("disk", "Disk radius", 3.0, 0.5, 20, 0.1, "px",
              "Radius of the disks that points of light became.", only_if=("kind", "disk")),
        Param("length", "Length", 10, 0, 60, 0.5, "px",
              "How far a point of light was smeared.", only_if=("kind", "motion")),
        Param("angle", "Angle", 0, -90, 90, 1, "°",
              "The direction of the smear; 0 is level, more rises to the right.",
              only_if=("kind", "motion")),
        Param("size", "Largest size", 21, 5, 51, 2, "px",
              "The blur is looked for within a square of this side; a little more than the smear "
              "you see is right.", only_if=("kind", "blind")),
        FileParam("kernel", "Kernel file", (*PICTURES, *MATRICES),
                  "How a single point of light looks in the blurred photo, as a small grey "
                  "picture or as rows of numbers.", only_if=("kind", "file")),
        noise_setting("How noisy the blurred photo is. White noise is removed first if the blur is "
                      "known; with other noise, more means gentler sharpening."),
    ),
    default_steps=10,
    coarse_side=128,
    order=30,
)
