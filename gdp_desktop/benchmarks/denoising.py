"""White noise of known strength: one evaluation of the prior against other denoisers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.benchmarks import baselines, ffdnet, markdown
from gdp_desktop.benchmarks.metrics import psnr, ssim
from gdp_desktop.benchmarks.photos import (
    as_photo,
    as_tensor,
    fingerprint,
    generator_for,
    judging_photos,
    middle_crop,
)
from gdp_desktop.benchmarks.plan import BenchmarkError, Cell, Figures, Plan, Request, Row
from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.training.validation import denoise_once

SIGMAS = (5, 10, 15, 25, 50, 75)  # of 255
METHODS = ("noisy", "nlm", "bm3d", "ffdnet", "prior")

# (H, W, 3) in [0, 1] with unclipped noise, σ in the same units -> the clean estimate
Denoiser = Callable[[np.ndarray, float], np.ndarray]


def plan(request: Request) -> Plan:
    photos = judging_photos(request.photos)
    loaded = load_prior(request.prior, request.device)
    denoisers: dict[str, Denoiser] = {
        "noisy": lambda noisy, sigma: noisy,
        "nlm": baselines.nlm_at,
        "bm3d": baselines.bm3d,
        "ffdnet": ffdnet.Denoiser(weights_of_ffdnet(request)),
        "prior": partial(one_evaluation, loaded.prior, loaded.device),
    }
    chosen = photos[: request.count]
    cells = [
        Cell(
            (path.name, str(sigma), method),
            partial(measured, path, request.crop, sigma, request.seed, denoisers[method]),
            uses_prior=method == "prior",
        )
        for path in chosen
        for sigma in sigmas_of(request)
        for method in request.chosen("methods", METHODS)
    ]
    return Plan(
        key=("photo", "sigma", "method"),
        figures=("psnr", "ssim", "seconds"),
        cells=cells,
        settings={
            "photos": f"held-out split of {fingerprint(photos)}",
            "crop": f"middle {request.crop}×{request.crop}",
            "seed": str(request.seed),
        },
        prior_name=loaded.name,
        prior_sha256=loaded.sha256,
        device=loaded.device,
        summary=summary,
        notes={
            "measured": f"{len(chosen)} of the photos",
            "noise": "white, Gaussian, not clipped; the same for every method",
            "method prior": "one evaluation at the true σ, in float32",
            "method bm3d": "bm3d_rgb at the true σ",
            "method ffdnet": "its authors' weights for colour, told the true σ",
            "method nlm": "fastNlMeansDenoisingColored, windows of 7 and 21, on 8 bits; h and "
                          "hColor are multiples of σ chosen on training photos",
        },
    )


def weights_of_ffdnet(request: Request) -> Path | None:
    # A file's name may hold commas.
    return Path(",".join(given)) if (given := request.lists.get("ffdnet")) else None


def sigmas_of(request: Request) -> tuple[float, ...]:
    given = request.lists.get("sigmas", ())
    try:
        sigmas = tuple(sorted({float(text) for text in given})) or SIGMAS
    except ValueError:
        sigmas = (0,)
    if not all(0 < sigma <= 255 for sigma in sigmas):
        raise BenchmarkError(
            f'--sigmas cannot be "{",".join(given)}"; give numbers above 0 and up to 255.'
        )
    return tuple(int(sigma) if sigma == int(sigma) else sigma for sigma in sigmas)


@torch.no_grad()
def one_evaluation(
    prior: Prior, device: str, noisy: np.ndarray, sigma: float
) -> np.ndarray:
    """The prior's clean estimate, told the true σ; a public checkpoint, which knows timesteps only,
    the one with the nearest σ."""
    x, level = as_tensor(noisy), 2 * sigma
    if isinstance(prior, UNetPrior):
        return as_photo(denoise_once(prior.network, x.to(device), level))
    i = prior.schedule.step_at(level)
    return as_photo(prior(prior.schedule.alpha(i) * x, i).x0)


def measured(path: Path, crop: int, sigma: float, seed: int, denoiser: Denoiser) -> Figures:
    clean = middle_crop(path, crop)
    noise = generator_for(seed, path.name, sigma).standard_normal(clean.shape, np.float32)
    noisy = clean + np.float32(sigma / 255) * noise
    started = time.perf_counter()
    result = denoiser(noisy, sigma / 255)
    seconds = time.perf_counter() - started
    # A photo ends at black and white, whoever made it; what is given does not.
    result = result if result is noisy else result.clip(0, 1)
    return {"psnr": psnr(result, clean), "ssim": ssim(result, clean), "seconds": seconds}


def summary(rows: Sequence[Row]) -> str:
    """Means over the photos: one line per method, one column per σ."""
    sigmas = sorted({row["sigma"] for row in rows}, key=float)
    methods = [name for name in METHODS if any(row["method"] == name for row in rows)]

    def line(method: str) -> list[str]:
        its = [row for row in rows if row["method"] == method]
        levels = [[row for row in its if row["sigma"] == sigma] for sigma in sigmas]
        return [
            method,
            str(len({row["photo"] for row in its})),
            *(f"{markdown.mean(r, 'psnr', 2)} / {markdown.mean(r, 'ssim', 3)}" for r in levels),
            markdown.mean(its, "seconds", 2),
        ]

    columns = ["method", "photos", *(f"σ {sigma}" for sigma in sigmas), "seconds"]
    return "Mean PSNR in dB / mean SSIM, σ of 255; seconds per photo and σ.\n\n" + markdown.table(
        columns, [line(method) for method in methods]
    )
