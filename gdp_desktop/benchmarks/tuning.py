"""Settings of the methods compared with, chosen on training photos; ``baselines`` holds the best.

A photo that judges is never used here, so the methods meet it as unprepared as the prior does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from gdp_desktop.benchmarks import baselines, damage, markdown
from gdp_desktop.benchmarks.denoising import SIGMAS
from gdp_desktop.benchmarks.metrics import psnr
from gdp_desktop.benchmarks.photos import fingerprint, generator_for, middle_crop
from gdp_desktop.benchmarks.plan import Cell, Figures, Plan, Request, Row
from gdp_desktop.training.crops import split_photos

PHOTOS = 8
# h and hColor of non-local means, as multiples of σ and, for a JPEG, of 255.
NLM_STRENGTHS = tuple(product((0.4, 0.5, 0.6, 0.7, 0.8, 1.0), (0.4, 0.5, 0.6, 0.7, 0.8)))
JPEG_NLM_STRENGTHS = tuple(product((1, 2, 3, 4, 6), (2, 4, 6, 8)))
# Noise over signal, and its power of the frequency.
WIENER = tuple(product((1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0), (0, 1, 2)))
ITERATIONS = (5, 10, 20, 40, 80, 160)

# A method with one setting, from what is damaged and the seed's random numbers to a result.
Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Answer = Callable[[np.ndarray], np.ndarray]


def plan(request: Request) -> Plan:
    photos = split_photos(request.photos).train
    count = request.count or PHOTOS
    spread = [photos[k * len(photos) // count] for k in range(min(count, len(photos)))]
    trials = list(trials_of())
    return Plan(
        key=("photo", "method", "level", "setting"),
        figures=("psnr",),
        cells=[
            Cell(
                (path.name, method, level, setting),
                partial(measured, path, request, level, spoil, answer),
            )
            for path in spread for method, level, setting, spoil, answer in trials
        ],
        settings={
            "photos": f"training split, evenly spread, {fingerprint(spread)}",
            "crop": f"middle {request.crop}×{request.crop}",
            "seed": str(request.seed),
        },
        prior_name="none",
        prior_sha256="",
        device="cpu",
        summary=summary,
        notes={
            "method nlm": "level: σ of 255, or the case; setting: h and hColor, as multiples of σ "
                          "or of 255",
            "method wiener": "setting: noise over signal at the highest frequency, and the power "
                             "of the frequency it falls with",
            "method richardson-lucy": "setting: iterations",
        },
    )


def trials_of() -> Iterator[tuple[str, str, str, Damage, Answer]]:
    """Method, level, setting, the damage and the answer."""
    for sigma in SIGMAS:
        spoil = partial(_with_noise, sigma)
        for of_luma, of_color in NLM_STRENGTHS:
            answer = partial(
                baselines.non_local_means, h=of_luma * sigma, h_color=of_color * sigma
            )
            yield "nlm", str(sigma), f"{of_luma} {of_color}", spoil, answer
    for h, h_color in JPEG_NLM_STRENGTHS:
        answer = partial(baselines.non_local_means, h=h, h_color=h_color)
        yield "nlm", "jpeg-20", f"{h} {h_color}", _as_jpeg, answer
    for case, (kernel, _) in damage.BLURS.items():
        dark = case == "low-light-blur"
        blurred = _dark_and_bright_again if dark else partial(_with_blur, case)
        for ratio, power in WIENER:
            answer = partial(
                baselines.wiener, kernel=kernel.numpy(), noise_to_signal=ratio, power=power
            )
            yield "wiener", case, f"{ratio:g} {power}", blurred, answer
        for count in ITERATIONS if case in baselines.ITERATIONS else ():
            answer = partial(baselines.richardson_lucy, kernel=kernel.numpy(), iterations=count)
            yield "richardson-lucy", case, str(count), blurred, answer


def measured(
    path: Path, request: Request, level: str, spoil: Damage, answer: Answer
) -> Figures:
    clean = middle_crop(path, request.crop)
    y = spoil(clean, generator_for(request.seed, path.name, level))
    return {"psnr": psnr(answer(y), clean)}


def _with_noise(sigma: int, clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return damage.noisy(clean, sigma, generator)


def _with_blur(case: str, clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return damage.blurred(clean, case, generator)


def _dark_and_bright_again(clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return baselines.gain(damage.blurred_and_dark(clean, generator), 1 / damage.LIGHT_FACTOR)


def _as_jpeg(clean: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return damage.jpeg(clean)


def summary(rows: Sequence[Row]) -> str:
    """One table per method: the best setting of each level and its mean PSNR, and its next."""
    parts = ["Mean PSNR in dB, best settings first; all settings are in the CSV."]
    for method in dict.fromkeys(row["method"] for row in rows):
        its = [row for row in rows if row["method"] == method]
        lines = [[level, *ranked(its, level)] for level in dict.fromkeys(r["level"] for r in its)]
        columns = ["level", "best", "second", "third", "worst"]
        parts.append(f"## {method}\n\n" + markdown.table(columns, lines))
    return "\n\n".join(parts)


def ranked(rows: Sequence[Row], level: str) -> list[str]:
    """The three best settings of a level and the worst, each with its mean PSNR."""
    by_setting: dict[str, list[Row]] = {}
    for row in rows:
        if row["level"] == level:
            by_setting.setdefault(row["setting"], []).append(row)
    means = {setting: markdown.mean(its, "psnr", 2) for setting, its in by_setting.items()}
    order = sorted(means, key=lambda setting: -float(means[setting]))
    return [f"{setting}: {means[setting]}" for setting in [*order[:3], order[-1]]]
