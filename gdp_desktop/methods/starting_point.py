"""Where the sampling of a level starts: x_T, made of what is known without the prior."""

from __future__ import annotations

import torch

from gdp_desktop.diffusion.at_once import done_for_each
from gdp_desktop.diffusion.resampling import enlarged, halved
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import (
    NoiseField,
    Rows,
    cut_for_start,
    in_padded_strips,
    in_strips,
)
from gdp_desktop.methods.levels import Level
from gdp_desktop.methods.own_noise import added_noise, taken_back


def starting_point(
    level: Level, coarse: torch.Tensor | None, own_noise: torch.Tensor | None, sigma: float
) -> torch.Tensor:
    """The trivial restoration, with everything the coarser level knows better replaced.  Where
    its ``own_noise`` is above σ, at which sampling starts, detail is taken back to that: what
    the prior is not told of would stay."""
    size, degradation = level.size, level.degradation
    whole = None if degradation.local else degradation.initial(level.y)

    start = level.y.new_empty(1, 3, *size.shape)

    def begun(strip: tuple[Rows, Rows]) -> None:
        inner, rows = strip
        if whole is None:
            part = degradation.rows(rows, size.height)
            piece = part.initial(rows.of(level.y, size.height))
        else:
            piece = rows.of(whole, size.height)
        if coarse is not None:
            known = rows.of(coarse, size.height)
            if own_noise is not None:
                piece = taken_back(piece, rows.of(own_noise, size.height), sigma)
            piece = (piece + enlarged(known - halved(piece))).clamp(-1, 1)
        inner.of(start, size.height).copy_(piece[..., inner.inside(rows), :])

    cut = cut_for_start(degradation.pointwise, start.device.type)
    done_for_each(begun, in_padded_strips(size.height, *cut), start.device)
    return start


def add_noise(
    start: torch.Tensor, own_noise: torch.Tensor | None, schedule: Schedule, field: NoiseField
) -> None:
    """Makes x_t of the first step in place.  Where the photo brings noise of its own, only the
    rest is added, so that the total is the same everywhere."""
    sigma, alpha = schedule.sigma(-1), schedule.alpha(-1)

    def noisier(rows: Rows) -> None:
        state = rows.of(start, start.shape[-2])
        held = torch.zeros(()) if own_noise is None else rows.of(own_noise, start.shape[-2])
        state.add_(added_noise(held, sigma) * field.rows(rows, state)).mul_(alpha)

    done_for_each(noisier, in_strips(start.shape[-2]), start.device)
