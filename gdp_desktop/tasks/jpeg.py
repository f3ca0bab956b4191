"""JPEG artefacts: what is left of the photo are rounded DCT coefficients, by the file's tables."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gdp_desktop.degradations.jpeg import (
    Jpeg,
    looks_halved,
    share_rounded,
    telling_coefficients,
    to_components,
)
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.jpeg_file import (
    Compression,
    read_components,
    read_compression,
    standard_tables,
)
from gdp_desktop.tasks.param import Param, TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Removes the blocks and ripples of strong JPEG compression. On Auto it reads from the file
how every number in it was rounded, and looks for the likeliest photo that would be rounded to just
this file. For a JPEG that was saved again as something else, Auto looks for the traces of it."""


class Strictness(NamedTuple):
    """How exactly the coefficients are matched: the error of rounding as a share of that of evenly
    spread ones, as most are zero and near it, and conjugate-gradient steps."""

    error_share: float
    solver_steps: int


ROUNDLY, EXACTLY = Strictness(0.3, 6), Strictness(0.2, 12)
# The middle step of the brightness: below quality 89 it is wider.  Where it is finer, the file is
# so near the photo that matching it roundly loses more than it wins.
FINE_STEP = 12
UNCOMPRESSED = 100
# So many of a decoded JPEG's coefficients, at least, are found where they were rounded to.
ROUNDED = 0.85


def pose(given: Given, values: Values) -> Problem:
    quality: float = values["quality"]
    notes: tuple[str, ...] = ()
    found = _from_file(given.source) if quality == 0 and given.source else None
    if found is None:
        size = given.size or Size(given.y.shape[-1], given.y.shape[-2])
        photo = given.y[..., : size.height, : size.width]
        components = to_components(photo)
        if quality == 0:
            quality, notes = _by_traces(photo)
        found = _assumed(quality, components), components
    compression, components = found
    degradation = Jpeg(
        torch.from_numpy(compression.tables), compression.shrinkage, compression.size,
        compression.orientation, Size(given.y.shape[-1], given.y.shape[-2]),
    )
    strictness = EXACTLY if float(degradation.steps[0].median()) <= FINE_STEP else ROUNDLY
    return Problem(
        y=degradation.measured(components), degradation=degradation,
        sigma_y=(strictness.error_share * degradation.sigma_y,), notes=notes,
        start_sigma=values["freedom"], coarse_sigma=values["freedom"], zeta=1.0,
        solver_steps=strictness.solver_steps,
    )


def _from_file(source: Path) -> tuple[Compression, torch.Tensor] | None:
    """How a JPEG file was compressed and its components (3, H, W) in 0 … 255 as stored; None for
    another kind of file."""
    try:
        found = read_compression(source)
        if found is None:
            return None
        components = torch.from_numpy(read_components(source).copy())
    except PhotoError as error:
        raise TaskError(str(error)) from error
    return (found, components) if len(components) == 3 else _in_colour(found, components)


def _in_colour(grey: Compression, brightness: torch.Tensor) -> tuple[Compression, torch.Tensor]:
    """A grey JPEG says that there is no colour difference anywhere."""
    none = torch.full_like(brightness, 128)
    fine = np.full((8, 8), grey.tables.min())
    return (
        grey._replace(tables=np.stack([grey.tables[0], fine, fine]), shrinkage=((1, 1),) * 3),
        torch.cat([brightness, none, none]),
    )


def _by_traces(photo: torch.Tensor) -> tuple[float, tuple[str, ...]]:
    """The quality that the photo's coefficients fit best, and what to say about it."""
    found = telling_coefficients(photo)
    shares = [
        share_rounded(found, torch.from_numpy(standard_tables(quality)[0]))
        for quality in range(1, UNCOMPRESSED)
    ]
    if max(shares) < ROUNDED:
        return UNCOMPRESSED, ("The photo is no JPEG file and shows no traces of one; if you know "
                              "its quality, state it.",)
    quality = 1 + shares.index(max(shares))
    return quality, (f"The photo is no JPEG file; by its traces it was one of quality {quality}.",)


def _assumed(quality: float, components: torch.Tensor) -> Compression:
    """What most programs write at this quality."""
    shrinkage = (2, 2) if looks_halved(components) else (1, 1)
    height, width = components.shape[-2:]
    return Compression(
        Size(width, height), 1, standard_tables(quality), ((1, 1), shrinkage, shrinkage)
    )


TASK = Task(
    id="jpeg",
    title="Clean JPEG",
    help=HELP,
    pose=pose,
    params=(
        Param("quality", "Quality", 0, 0, 100, 1, "",
              "How strongly the photo was compressed; Auto reads it from the file.", auto=0),
        Param("freedom", "Freedom", 0.2, 0.02, 1, 0.01, "",
              "How far the result may go from the photo; more removes stronger blocks."),
    ),
    default_steps=10,
    # Blocks are of one size, whatever the size of the photo.
    coarse_side=None,
    needs_whole_photo=True,
    order=35,
)
