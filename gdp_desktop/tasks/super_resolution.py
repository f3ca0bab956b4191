"""Super-resolution: y is x seen by a sensor with fewer pixels, or shrunk by a program."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import mirrored
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.resampling import enlarged, halved
from gdp_desktop.tasks import published
from gdp_desktop.tasks.noise_setting import noise_of, noise_setting
from gdp_desktop.tasks.param import Option, Param, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Makes a small photo two, four or eight times as wide and high and adds the detail that
fits; shrunk again, the result is the photo you gave."""


class Shrinking(Degradation):
    """Shrinking by a whole ``factor``; a pyramid level below the photo's own size is plain
    shrinking."""

    pointwise = False
    linear = True
    factor: int

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return enlarged(y, self.factor).clamp(-1, 1)

    def shrunk(self) -> Degradation:
        return type(self)(self.factor // 2) if self.factor > 2 else Degradation()

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        return y if self.factor > 1 else halved(y)

    def estimate(self) -> dict[str, float]:
        return {"scale": float(self.factor)}


class Downsampling(Shrinking, BlockMean):
    """As a sensor of fewer pixels does it: block means."""


class BicubicDownsampling(Shrinking):
    """Antialiased bicubic shrinking by an even factor s, as most programs do it: Keys' cubic
    (a = -½) stretched to 4·s taps, the photo continued by its mirror image.

    A value of y depends on those 4·s × 4·s pixels alone, so a crop shrinks as the whole does.
    """

    guidance_bytes = 400
    profile: torch.Tensor

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = self.shrinks_by = factor
        offsets = (torch.arange(4 * factor, dtype=torch.float64) + 0.5) / factor - 2
        profile = keys_cubic(offsets)
        self.register_buffer("profile", (profile / profile.sum()).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, reach = x.shape[1], 3 * self.factor // 2
        for side, shape in ((-1, (1, 1, 1, -1)), (-2, (1, 1, -1, 1))):
            taps = self.profile.to(x).view(shape).expand(channels, 1, -1, -1)
            stride = [self.factor if n > 1 else 1 for n in taps.shape[-2:]]
            x = F.conv2d(mirrored(x, reach, side), taps, stride=stride, groups=channels)
        return x

    @property
    def reach(self) -> int:  # type: ignore[override]
        return 2 * len(self.profile)  # there and back again, as in Blur


def keys_cubic(offsets: torch.Tensor) -> torch.Tensor:
    """The cubic convolution kernel (Keys 1981, eq. 4) at ``offsets``, with his choice of the free
    parameter, which is that of MATLAB and Pillow."""
    a, size = -0.5, offsets.abs()
    near = (a + 2) * size**3 - (a + 3) * size**2 + 1
    far = a * (size**3 - 5 * size**2 + 8 * size - 4)
    return torch.where(size <= 1, near, torch.where(size < 2, far, 0.0))


KERNELS: dict[str, type[Shrinking]] = {"block": Downsampling, "bicubic": BicubicDownsampling}


def pose(given: Given, values: Values) -> Problem:
    y = given.y
    scale = int(values["scale"])
    # Down to the small photo's own size every level is measured against the same y.
    same_y = scale.bit_length()
    sigma_y, noise_first, notes = noise_of(given, values)
    return Problem(
        y=y, degradation=KERNELS[values["kernel"]](scale),
        sigma_y=(sigma_y,) * same_y, noise_first=noise_first, notes=notes,
        start_sigma=0.6, coarse_sigma=0.3, zeta=1.0, solver_steps=4,
        published=published.SUPER_RESOLUTION,
    )


TASK = Task(
    id="super-resolution",
    title="Enlarge",
    help=HELP,
    pose=pose,
    params=(
        Param("scale", "Scale", 4, 2, 8, 2, "×", "How many times as wide and high.", (2, 4, 8)),
        Option("kernel", "Made small by", "block", (
            ("block", "A camera or scanner"), ("bicubic", "A program"),
        ), "A sensor of few pixels averages blocks; most programs shrink by bicubic "
           "interpolation, which leaves edges a little sharper."),
        noise_setting("How noisy the small photo is. White noise is removed first; with other "
                      "noise, more means that the photo is matched less strictly."),
    ),
    default_steps=20,
    scale=lambda values: int(values["scale"]),
    order=50,
)
