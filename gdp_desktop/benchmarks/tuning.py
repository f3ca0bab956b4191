"""Settings of the methods compared with, chosen on training photos: ``baselines`` holds the best.

A photo that judges is never used here, so the methods meet it as unprepared as the prior does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from gdp_desktop.benchmarks import baselines, markdown
from gdp_desktop.benchmarks.denoising import SIGMAS
from gdp_desktop.benchmarks.metrics import psnr
from gdp_desktop.benchmarks.photos import fingerprint, generator_for, middle_crop
from gdp_desktop.benchmarks.plan import Cell, Figures, Plan, Request, Row
from gdp_desktop.training.crops import split_photos

PHOTOS = 12
NLM_STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4)


def plan(request: Request) -> Plan:
    photos = split_photos(request.photos).train
    count = request.count or PHOTOS
    spread = [photos[k * len(photos) // count] for k in range(min(count, len(photos)))]
    return Plan(
        key=("photo", "method", "level", "setting"),
        figures=("psnr",),
        cells=[cell for path in spread for cell in nlm_cells(path, request)],
        settings={
            "photos": f"training split, evenly spread, {fingerprint(spread)}",
            "crop": f"middle {request.crop}×{request.crop}",
            "seed": str(request.seed),
        },
        prior_name="none",
        prior_sha256="none",
        device="cpu",
        summary=summary,
        notes={"nlm": "level: σ of 255; setting: h as a multiple of σ"},
    )


def nlm_cells(path: Path, request: Request) -> list[Cell]:
    return [
        Cell(
            (path.name, "nlm", str(sigma), str(strength)),
            partial(nlm_measured, path, request, sigma, strength),
        )
        for sigma in SIGMAS for strength in NLM_STRENGTHS
    ]


def nlm_measured(path: Path, request: Request, sigma: int, strength: float) -> Figures:
    clean = middle_crop(path, request.crop)
    noise = generator_for(request.seed, path.name, sigma).standard_normal(clean.shape, np.float32)
    noisy = clean + np.float32(sigma / 255) * noise
    return {"psnr": psnr(baselines.non_local_means(noisy, sigma / 255, strength), clean)}


def summary(rows: Sequence[Row]) -> str:
    """One table per method: mean PSNR by level and setting, the best of each level bold."""
    parts = ["Mean PSNR in dB; the best setting of each level is bold."]
    for method in dict.fromkeys(row["method"] for row in rows):
        its = [row for row in rows if row["method"] == method]
        settings = list(dict.fromkeys(row["setting"] for row in its))
        levels = dict.fromkeys(row["level"] for row in its)
        lines = [line(its, level, settings) for level in levels]
        parts.append(f"## {method}\n\n" + markdown.table(["level", *settings], lines))
    return "\n\n".join(parts)


def line(rows: Sequence[Row], level: str, settings: Sequence[str]) -> list[str]:
    means = [
        markdown.mean([r for r in rows if (r["level"], r["setting"]) == (level, s)], "psnr", 2)
        for s in settings
    ]
    best = max(range(len(means)), key=lambda k: float(means[k]))
    return [level, *(f"**{m}**" if k == best else m for k, m in enumerate(means))]
