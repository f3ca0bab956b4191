"""The cases of the restoration benchmark: a kind of damage, the recipe that undoes it, and the
answers that need no prior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch

from gdp_desktop.benchmarks import baselines, damage
from gdp_desktop.benchmarks.photos import as_tensor
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Given, Problem

Answer = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Damaged:
    """A damaged crop: ``y`` as the trivial answers see it, and the problem it poses.

    ``trivial`` are the answers without a prior, by name, of the clean crop's size.  ``told`` says
    that the problem knows the true degradation.
    """

    y: np.ndarray
    problem: Problem
    trivial: Mapping[str, Answer]
    told: bool = True


@dataclass(frozen=True)
class Case:
    """``damaged`` gets the clean crop (H, W, 3) in [0, 1] and random numbers of its own;
    ``trivial`` names the answers without a prior."""

    task: str
    help: str
    damaged: Callable[[np.ndarray, np.random.Generator], Damaged]
    trivial: tuple[str, ...]
    judges_light: bool = False


def posed(
    task: str, y: np.ndarray, values: Mapping[str, Any], unknown: np.ndarray | None = None
) -> Problem:
    """The problem as the program's task poses it, its parameters the true ones."""
    mask = None if unknown is None else torch.from_numpy(unknown)[None, None].float()
    chosen = task_named(task)
    with torch.no_grad():
        return chosen.pose(Given(as_tensor(y), mask), chosen.values(values))


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
    # A task's noise of 0 means "measure it"; without any other it is that of rounding, 1/√12.
    problem = posed("deblurring", y, {**values, "noise": max(sigma, 0.29)})
    taps = kernel.numpy()
    return Damaged(y, problem, {
        "input": lambda: y,
        "wiener": lambda: baselines.wiener(y, taps, *baselines.WIENER[name]),
        "richardson-lucy": lambda: baselines.richardson_lucy(y, taps, baselines.ITERATIONS[name]),
    })


def enlarging(kernel: str, clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = damage.shrunk(clean, kernel, 4)
    problem = posed("super-resolution", y, {"scale": 4, "kernel": kernel, "noise": 0.5})
    return Damaged(y, problem, {
        "input": lambda: baselines.enlarged(y, 4, cv2.INTER_NEAREST),
        "bicubic": lambda: baselines.enlarged(y, 4),
    })


def colourising(clean: np.ndarray, generator: np.random.Generator) -> Damaged:
    y = np.repeat(damage.rounded(clean.mean(axis=2, keepdims=True)), 3, axis=2)
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
    "sr4-mean": Case(
        "super-resolution", "4×4 block means, rounded to 8 bits; known",
        partial(enlarging, "block"), ENLARGED,
    ),
    "sr4-bicubic": Case(
        "super-resolution", "shrunk 4× by antialiased bicubic, rounded to 8 bits; known",
        partial(enlarging, "bicubic"), ENLARGED,
    ),
    "grey": Case(
        "colorization", "mean of R, G and B, rounded to 8 bits", colourising, ("input",)
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
}
