"""A restoration as a request, the things that happen while it runs, and its report."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from gdp_desktop.image.files import Version
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo

Status = Literal["done", "failed", "cancelled"]

MAX_STEPS = 1000


@dataclass(frozen=True)
class Recipe:
    """How to restore, whatever the photo: the same recipe and photo give the same bytes.

    ``method`` "" takes the task's default, ``steps`` None the method's or else the task's;
    ``device`` "auto" takes CUDA when there is one; ``prior`` is a name from the list of priors or
    a path, "" the default one.  ``amount`` in [0, 1] of the result is mixed into the photo.
    """

    task: str
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    method: str = ""
    method_params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    steps: int | None = None
    seed: int = 0
    prior: str = ""
    device: str = "auto"
    amount: float = 1.0


@dataclass(frozen=True)
class Job:
    """One photo and what to do with it.

    ``mask`` must not change after it was handed over (give a copy).  ``others`` are further photos
    of the same scene for the tasks that take them.  With ``output`` the result is
    saved there (a folder that exists); without, it is only in the Finished event.
    ``memory_limit`` in bytes, None for what the machine has free; it changes no byte of the result.
    ``at_once`` is how many jobs share what is free, ``in_process`` how many of them share what this
    process holds, None for all.  ``version`` is that of the file when somebody
    looked at it and painted on it; another one is refused.
    """

    source: Path
    recipe: Recipe
    mask: Mask | None = None
    others: tuple[Path, ...] = ()
    output: Path | None = None
    overwrite: bool = False
    memory_limit: int | None = None
    at_once: int = 1
    in_process: int | None = None
    version: Version | None = None


class Cancelled(Exception):
    """The user asked for the job to stop."""


class CancelToken:
    """One per job, made by whoever starts it; may be cancelled from any thread, at any time."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        if self._event.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Report:
    """What was done, as ``restore --json`` prints it.

    ``evaluations`` counts windows sent through the network; ``consistency`` is the mean squared
    difference of D(x0) and y, in 8-bit units, over what was restored, before rounding and mixing;
    ``degradation`` is what was learned or assumed about how the photo came to be (light factor,
    kernel width, noise level …).
    """

    input: str
    output: str | None
    status: Status
    task: str
    method: str = ""
    prior: str = ""
    prior_sha256: str = ""
    device: str = ""
    steps: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    seed: int = 0
    amount: float = 1.0
    consistency: float | None = None
    degradation: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    notes: tuple[str, ...] = ()
    # The further photos of the scene.
    others: tuple[str, ...] = ()
    # Where what was found beside the photo was saved, by name.
    by_products: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """Seconds until the result is saved, main memory at its highest, and windows through the
    network."""

    seconds: float
    bytes: int
    evaluations: int


@dataclass(frozen=True)
class Started:
    """The photo is read and the prior is ready; ``total`` counts windows over all passes.

    ``cost`` None: the prior was never timed on this machine.
    """

    total: int
    cost: Cost | None = None


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` windows; ``seconds_left`` None until it can be told."""

    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class Preview:
    """The clean estimate x0 now: (h, w, 3) uint8 RGB of the whole photo, reduced to screen size.

    The receiver owns the array; it is never written again.
    """

    pixels: np.ndarray
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """The restored photo, with the source's ICC profile and camera data, and the report.

    ``by_products`` are float arrays as in ``image/by_products.py``, by name; ``remarks`` those
    notes of the report that only the work on this photo brought up.
    """

    photo: Photo
    report: Report
    by_products: Mapping[str, np.ndarray] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """In memory."""
        arrays = (self.photo.pixels, self.photo.alpha, *self.by_products.values())
        return sum(array.nbytes for array in arrays if array is not None)


Event = Started | Progress | Preview | Finished
