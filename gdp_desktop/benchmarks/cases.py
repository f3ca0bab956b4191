"""The cases of the restoration benchmark: a kind of damage, the recipe that undoes it, and the
answers that need no prior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch

from gdp_desktop.benchmarks import baselines, damage
from gdp_desktop.benchmarks.photos import as_photo, as_tensor
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Given, Problem

Answer = Callable[[], np.ndarray]

# A task's noise of 0 means "measure it"; without any other it is that of rounding, 1/√12 of 255.
ROUNDING = 0.29


@dataclass(frozen=True)
class Damaged:
    """A damaged crop: ``y`` as the trivial answers see it, and the problem it poses.

    ``trivial`` are the answers without a prior, by name, of the clean crop's size.  ``told`` says
    that the problem knows the true degradation.  ``seen`` makes of a result x0 (1, 3, H, W) the
    photo (H, W, 3) that is compared with the clean crop.
    """

    y: np.ndarray
    problem: Problem
    trivial: Mapping[str, Answer]
    told: bool = True
    seen: Callable[[torch.Tensor], np.ndarray] = lambda x0: as_photo(x0).clip(0, 1)


@dataclass(frozen=True)
class Case:
    """``damaged`` gets the clean crop (H, W, 3) in [0, 1] and random numbers of its own;
    ``trivial`` names the answers without a prior.  ``judges_light``: the order of light and dark is
    judged; ``judges_grey``: the mean of R, G and B is judged by itself, as the colours are lost."""

    task: str
    help: str
    damaged: Callable[[np.ndarray, np.random.Generator], Damaged]
    trivial: tuple[str, ...]
    judges_light: bool = False
    judges_grey: bool = False


def posed(
    task: str,
    y: np.ndarray,
    values: Mapping[str, Any],
    unknown: np.ndarray | None = None,
    others: Sequence[np.ndarray] = (),
    exposures: tuple[float, ...] = (),
) -> Problem:
    """The problem as the program's task poses it, its parameters the true ones."""
    mask = None if unknown is None else torch.from_numpy(unknown)[None, None].float()
    given = Given(as_tensor(y), mask, tuple(map(as_tensor, others)), exposures=exposures)
    chosen = task_named(task)
    with torch.no_grad():
        return chosen.pose(given, chosen.values(values))


def inpainting(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    unknown = damage.missing_pixels(clean.shape, generator)
    y = np.where(unknown[..., None], np.float32(0), clean)
    return Damaged(y, posed("inpainting", y, {}, unknown=unknown), {
        "input": lambda: y,
        "telea": lambda: baselines.inpainted(y, unknown, cv2.INPAINT_TELEA),
        "navier-stokes": lambda: baselines.inpainted(y, unknown, cv2.INPAINT_NS),
    })


def blur(
    name: str, values: Mapping[str, Any], clean: np.ndarray, generator: np.random.Generator
) -> Damaged:
    y = damage.blurred(clean, name, generator)
    kernel, sigma = damage.BLURS[name]
    problem = posed("deblurring", y, {**values, "noise": max(sigma, ROUNDING)})
    taps = kernel.numpy()
    return Damaged(y, problem, {
        "input": lambda: y,
        "wiener": lambda: baselines.wiener(y, taps, *baselines.WIENER[name]),
        "richardson-lucy": lambda: baselines.richardson_lucy(y, taps, baselines.ITERATIONS[name]),
    })


def blind(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.blurred(clean, "motion-blur", generator)
    problem = posed("deblurring", y, {"kind": "blind"})
    return Damaged(y, problem, {"input": lambda: y}, told=False)


def enlarging(kernel: str, clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.shrunk(clean, kernel, 4)
    problem = posed("super-resolution", y, {"scale": 4, "kernel": kernel, "noise": 0.5})
    return Damaged(y, problem, {
        "input": lambda: baselines.enlarged(y, 4, cv2.INTER_NEAREST),
        "bicubic": lambda: baselines.enlarged(y, 4),
    })


def colourising(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.rounded(damage.grey(clean))
    return Damaged(y, posed("colorization", y, {}), {"input": lambda: y})


def denoising(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    sigma = 25
    y = damage.noisy(clean, sigma, generator)
    return Damaged(y, posed("denoise", y, {"sigma": sigma}), {
        "input": lambda: y, "nlm": lambda: baselines.nlm_at(y, sigma / 255),
    })


def compressed(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.jpeg(clean)
    return Damaged(y, posed("jpeg", y, {"quality": damage.JPEG_QUALITY}), {
        "input": lambda: y,
        "nlm": lambda: baselines.non_local_means(y, *baselines.JPEG_NLM_STRENGTH),
    }, told=False)


def low_light(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.darkened(clean, generator)
    return Damaged(y, posed("low-light", y, {}), {
        "input": lambda: y,
        "true gain": lambda: baselines.gain(y, 1 / damage.LIGHT_FACTOR),
        "gamma": lambda: baselines.gamma(y),
        "clahe": lambda: baselines.clahe(y),
    }, told=False)


def bracketed(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    bracket = damage.bracket(clean, generator)
    problem = posed("hdr", bracket[0], {}, others=bracket[1:], exposures=damage.BRACKET)

    def as_bright(light_of_scene: np.ndarray) -> np.ndarray:
        return baselines.displayed(light_of_scene / damage.SCENE_WHITE)

    def seen(x0: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            found = problem.by_products(x0)["hdr"]
        return as_bright(found[0].permute(1, 2, 0).numpy())

    return Damaged(bracket[0], problem, {
        "input": lambda: baselines.gain(bracket[0], 1 / damage.SCENE_WHITE),
        "merged": lambda: as_bright(baselines.merged(bracket, damage.BRACKET)),
        "fused at true tone": lambda: baselines.with_tone_of(baselines.fused(bracket), clean),
    }, told=False, seen=seen)


def grey_and_blurred(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.blurred(damage.grey(clean), "grey-blur", generator)
    values = {"first": "grey", "second": "blur", "radius": damage.GREY_BLUR, "noise": ROUNDING}
    taps = damage.BLURS["grey-blur"][0].numpy()
    return Damaged(y, posed("mixed", y, values), {
        "input": lambda: y,
        "wiener": lambda: baselines.wiener(y, taps, *baselines.WIENER["grey-blur"]),
    })


def grey_and_missing(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    unknown = damage.missing_pixels(clean.shape, generator, damage.FEW_MISSING_SHARE)
    y = np.where(unknown[..., None], np.float32(0), damage.rounded(damage.grey(clean)))
    values = {"first": "grey", "second": "missing", "noise": ROUNDING}
    return Damaged(y, posed("mixed", y, values, unknown=unknown), {
        "input": lambda: y,
        "telea": lambda: baselines.inpainted(y, unknown, cv2.INPAINT_TELEA),
        "navier-stokes": lambda: baselines.inpainted(y, unknown, cv2.INPAINT_NS),
    })


def grey_and_small(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.shrunk(damage.grey(clean), "block", 2)
    values = {"first": "grey", "second": "shrink", "noise": ROUNDING}
    return Damaged(y, posed("mixed", y, values), {
        "input": lambda: baselines.enlarged(y, 2, cv2.INTER_NEAREST),
        "bicubic": lambda: baselines.enlarged(y, 2),
    })


def blurred_and_dark(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.blurred_and_dark(clean, generator)
    values = {"first": "blur", "second": "dark", "radius": damage.DARK_BLUR}
    taps = damage.BLURS["low-light-blur"][0].numpy()

    def bright() -> np.ndarray:
        return baselines.gain(y, 1 / damage.LIGHT_FACTOR)

    return Damaged(y, posed("mixed", y, values), {
        "input": lambda: y,
        "true gain": bright,
        "wiener at true gain": lambda: baselines.wiener(
            bright(), taps, *baselines.WIENER["low-light-blur"]),
        "gamma": lambda: baselines.gamma(y),
    }, told=False)


BLUR_ANSWERS = ("input", "wiener", "richardson-lucy")
ENLARGED = ("input", "bicubic")

CASES = {
    "inpainting-25": Case(
        "inpainting", "25 % of the pixels missing at random, all channels", inpainting,
        ("input", "telea", "navier-stokes"),
    ),
    "deblurring": Case(
        "deblurring", "GDP's Gaussian kernel of 9×9, rounded to 8 bits; kernel known",
        partial(blur, "deblurring", {"kind": "gdp"}), BLUR_ANSWERS,
    ),
    "deblurring-noise": Case(
        "deblurring", "the same kernel and noise of σ = 5 of 255; kernel and σ known",
        partial(blur, "deblurring-noise", {"kind": "gdp"}), BLUR_ANSWERS,
    ),
    "motion-blur": Case(
        "deblurring", "straight motion of 15 pixels at 30°, rounded to 8 bits; kernel known",
        partial(blur, "motion-blur", {"kind": "motion", "length": 15, "angle": 30}), BLUR_ANSWERS,
    ),
    "blind-motion": Case(
        "deblurring", "the same straight motion; that it is a blur is all that is told", blind,
        ("input",),
    ),
    "sr4-mean": Case(
        "super-resolution", "4×4 block means, rounded to 8 bits; known",
        partial(enlarging, "block"), ENLARGED,
    ),
    "sr4-bicubic": Case(
        "super-resolution", "shrunk 4× by antialiased bicubic, rounded to 8 bits; known",
        partial(enlarging, "bicubic"), ENLARGED,
    ),
    "grey": Case(
        "colorization", "mean of R, G and B, rounded to 8 bits", colourising, ("input",),
        judges_grey=True,
    ),
    "noise-25": Case(
        "denoise", "white noise of σ = 25 of 255, not clipped; σ known", denoising,
        ("input", "nlm"),
    ),
    "jpeg-20": Case(
        "jpeg", f"JPEG of quality {damage.JPEG_QUALITY}, colours halved; the quality is told",
        compressed, ("input", "nlm"),
    ),
    "low-light": Case(
        "low-light", "a tenth of the light with photon and read noise, 8 bits; default settings, "
        "nothing told", low_light, ("input", "true gain", "gamma", "clahe"), judges_light=True,
    ),
    "hdr": Case(
        "hdr", "three exposures, ¼, 1 and 4 times the light, the middle one cut off at half of the "
        "clean white; photon and read noise, 8 bits; exposures known. Compared as light: see the "
        "documentation", bracketed, ("input", "merged", "fused at true tone"),
    ),
    "grey-blur": Case(
        "mixed", f"mean of R, G and B, then a Gaussian of {damage.GREY_BLUR:g} pixels, rounded to "
        "8 bits; known", grey_and_blurred, ("input", "wiener"), judges_grey=True,
    ),
    "grey-missing-10": Case(
        "mixed", "mean of R, G and B, rounded to 8 bits, and 10 % of the pixels missing at random; "
        "known", grey_and_missing, ("input", "telea", "navier-stokes"), judges_grey=True,
    ),
    "grey-sr2": Case(
        "mixed", "mean of R, G and B, then 2×2 block means, rounded to 8 bits; known",
        grey_and_small, ENLARGED, judges_grey=True,
    ),
    "low-light-blur": Case(
        "mixed", f"a Gaussian of {damage.DARK_BLUR:g} pixels, then a tenth of the light with "
        "photon and read noise, 8 bits; the blur is known, the light is not", blurred_and_dark,
        ("input", "true gain", "wiener at true gain", "gamma"), judges_light=True,
    ),
}
