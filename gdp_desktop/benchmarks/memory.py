"""How much main memory every task takes, beside what it was said to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from gdp_desktop.benchmarks import markdown
from gdp_desktop.benchmarks.plan import Cell, Figures, LeftOut, Plan, Request, Row
from gdp_desktop.benchmarks.whole_jobs import MIB, in_a_process, made_photo, sizes_of
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import load_mask
from gdp_desktop.image.photo import load_photo
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.restoration.job import Job, Recipe
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.priors import LoadedPrior, load_prior

SIZES = (1.0, 3.0, 6.0)  # megapixels
# The first step holds as much as any other.
STEPS = 1
FIGURES = ("megapixels", "peak_mib", "estimated_mib")

MakeMask = Callable[[Size], np.ndarray]


def scratch(size: Size) -> np.ndarray:
    """uint8 (H, W): a short stroke in the middle."""
    mask = np.zeros(size.shape, np.uint8)
    mask[size.height // 2 : size.height // 2 + 6, size.width // 2 : size.width // 2 + 120] = 255
    return mask


def specks(size: Size) -> np.ndarray:
    """uint8 (H, W): a quarter of all pixels."""
    return np.uint8(255) * (np.random.default_rng(0).random(size.shape) < 0.25)


@dataclass(frozen=True)
class Trial:
    """A task with parameters, and what it gets: ``photos`` of a scene, a mask; ``scale`` is how
    much wider and higher its result is."""

    name: str
    task: str
    params: Mapping[str, object] = field(default_factory=dict)
    photos: int = 1
    mask: MakeMask | None = None
    scale: int = 1


TRIALS = (
    Trial("low-light", "low-light"),
    Trial("denoise", "denoise"),
    Trial("denoise of 4 photos", "denoise", photos=4),
    Trial("jpeg", "jpeg"),
    Trial("deblurring", "deblurring"),
    Trial("deblurring of a disk", "deblurring", {"kind": "disk", "disk": 9}),
    Trial("deblurring blind", "deblurring", {"kind": "blind"}),
    Trial("inpainting of a scratch", "inpainting", mask=scratch),
    Trial("inpainting of a quarter of all pixels", "inpainting", mask=specks),
    Trial("super-resolution 2×", "super-resolution", {"scale": 2}, scale=2),
    Trial("super-resolution 4×", "super-resolution", {"scale": 4}, scale=4),
    Trial("super-resolution 2× bicubic", "super-resolution",
          {"scale": 2, "kernel": "bicubic"}, scale=2),
    Trial("colorization", "colorization", {"colour_photo": "recolour"}),
    Trial("hdr of 3 photos", "hdr", photos=3),
    Trial("mixed grey blur", "mixed"),
    Trial("mixed dark shrink", "mixed", {"first": "dark", "second": "shrink"}, scale=2),
)


def plan(request: Request) -> Plan:
    loaded = load_prior(request.prior, request.device)
    wanted = request.chosen("trials", [trial.name for trial in TRIALS])
    return Plan(
        key=("trial", "size"), figures=FIGURES,
        cells=[
            Cell((trial.name, f"{size:g} MP"), partial(measured, request, loaded, trial, size),
                 uses_prior=True)
            for trial in TRIALS if trial.name in wanted
            for size in sizes_of(request, SIZES)
        ],
        settings={"steps": str(STEPS), "seed": str(request.seed)},
        prior_name=loaded.name, prior_sha256=loaded.sha256, device=loaded.device,
        summary=summary,
        notes={
            "photos": "made: a smooth dark picture with noise, JPEG of quality 95; sizes are "
                      "those of the result",
            "peak_mib": "the most that a process of its own held in main memory",
        },
    )


def measured(
    request: Request, loaded: LoadedPrior, trial: Trial, megapixels: float
) -> Figures:
    """One job in a process of its own, and what it was said to take."""
    with TemporaryDirectory() as name:
        scene, mask = made_scene(Path(name), trial, megapixels, request.seed)
        recipe = Recipe(
            trial.task, trial.params, steps=STEPS, seed=request.seed, prior=request.prior,
            device=loaded.device,
        )
        painted = load_mask(mask) if mask else None
        try:
            told = prepare(Job(scene[0], recipe, painted, tuple(scene[1:]))).room.bytes
        except PhotoError as error:
            raise LeftOut(str(error)) from error
        more = ("--mask", str(mask)) if mask else ("--scene",) if len(scene) > 1 else ()
        _, peak, _ = in_a_process(scene, recipe, *more)
    return {"megapixels": megapixels, "peak_mib": peak, "estimated_mib": told / MIB}


def made_scene(
    folder: Path, trial: Trial, megapixels: float, seed: int
) -> tuple[list[Path], Path | None]:
    """The photos of a trial whose result has so many pixels, each half as bright as the one
    before, and its mask."""
    first = made_photo(folder, megapixels / trial.scale**2, seed)
    photos, pixels = [first], load_photo(first).pixels[..., ::-1]
    for number in range(1, trial.photos):
        darker = cv2.imencode(".jpg", pixels >> number)[1]
        photos.append(folder / f"darker-{number}.jpg")
        atomic_write(photos[-1], darker.tobytes(), overwrite=True)
    if trial.mask is None:
        return photos, None
    mask = folder / "mask.png"
    painted = cv2.imencode(".png", trial.mask(Size(pixels.shape[1], pixels.shape[0])))[1]
    atomic_write(mask, painted.tobytes(), overwrite=True)
    return photos, mask


def summary(rows: Sequence[Row]) -> str:
    """Peaks against size, one line per trial, and how far the estimates were off."""
    lines = []
    for name in dict.fromkeys(row["trial"] for row in rows):
        of_trial = [row for row in rows if row["trial"] == name and row["peak_mib"]]
        sizes, peaks, told = (
            [float(row[figure]) for row in of_trial] for figure in FIGURES
        )
        slope = f"{1.048576 * np.polyfit(sizes, peaks, 1)[0]:.0f}" if len(sizes) > 1 else "–"
        ratios = [t / p for t, p in zip(told, peaks, strict=True)]
        lines.append([
            name, ", ".join(f"{peak:.0f}" for peak in peaks), slope,
            ", ".join(f"{ratio:.2f}" for ratio in ratios),
        ])
    sizes_in_words = ", ".join(dict.fromkeys(row["size"] for row in rows))
    return markdown.table(
        ["task", f"peak MiB at {sizes_in_words}", "bytes per pixel", "told ÷ measured"], lines
    )
