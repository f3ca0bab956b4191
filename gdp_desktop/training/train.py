"""Training of the embedded prior: a generator of reports that can be stopped and resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.training.crops import MOST_PIXELS, CropSource, load_pixels, split_photos
from gdp_desktop.training.plan import TrainingPlan
from gdp_desktop.training.state import TrainingState
from gdp_desktop.training.validation import (
    BAND_EDGES,
    CALIBRATION_SIDE,
    VALIDATION_SIDE,
    band_of,
    denoising_psnr,
    middle,
)

CALIBRATION_PHOTOS = 24


@dataclass(frozen=True)
class TrainingReport:
    """Where a run stands; ``val_psnr`` maps σ (8-bit units) to dB when it was just measured.

    ``band_loss`` is the v-prediction loss per band of noise levels; ``trouble`` is a sentence when
    the last checkpoint could not be written: the one before it stays, and another try follows.
    """

    step: int
    crops: int
    seconds: float
    seconds_left: float
    loss: float
    band_loss: dict[str, float]
    learning_rate: float
    val_psnr: dict[int, float] | None = None
    skipped: tuple[str, ...] = ()
    trouble: str | None = None


def train(plan: TrainingPlan) -> Iterator[TrainingReport]:
    """Trains until the planned minutes are used up, yielding about every ten seconds.

    Writes the averaged weights to ``plan.out`` and what is needed to go on to
    ``resume_path(plan.out)``, both whole or not at all; a run with the same ``out`` resumes there,
    at the learning rate it began with.

    Raises PhotoError (folder) and CheckpointError: a file to resume or start from, or a training
    to resume that began from other weights than ``start_from`` or has another ``network``.
    """
    split = split_photos(plan.photos)
    torch.manual_seed(plan.seed)
    state = TrainingState.resume_or_start(plan)
    # A resumed run must not see again what the first one began with.
    seed = plan.seed + state.step
    torch.manual_seed(seed)
    skipped: list[str] = []
    source = CropSource(
        _readable(split.train, skipped), 2 * plan.crop, seed, MOST_PIXELS // len(split.train)
    )
    stride = state.network.config.stride

    def middles(photos: Iterator[np.ndarray], side: int) -> list[np.ndarray]:
        large_enough = (p for p in photos if min(p.shape[:2]) >= plan.crop)
        # The rest of a photo is not kept with it.
        return [middle(pixels, side, stride).copy() for pixels in large_enough]

    val = middles(_readable(split.val, skipped), VALIDATION_SIDE)
    calibration = middles(_readable(split.train[:CALIBRATION_PHOTOS], []), CALIBRATION_SIDE)
    try:
        for report in _reports(plan, state, source, val, calibration):
            yield replace(report, skipped=tuple(skipped))
    except (GeneratorExit, KeyboardInterrupt):
        if state.step > 0:
            state.save(plan.out, calibration)
        raise


def _reports(
    plan: TrainingPlan,
    state: TrainingState,
    source: CropSource,
    val: list[np.ndarray],
    calibration: list[np.ndarray],
) -> Iterator[TrainingReport]:
    started, earlier_seconds = time.monotonic(), state.seconds
    next_report, next_validation, next_checkpoint = 0.0, 0.0, plan.checkpoint_seconds
    recent = _RunningLoss()
    finished, trouble = False, None
    while not finished:
        elapsed = time.monotonic() - started
        state.seconds = earlier_seconds + elapsed
        progress = min(state.seconds / max(60 * plan.minutes, 1e-6), 1.0)
        finished = progress >= 1.0 and state.step > 0
        if not finished:
            recent.add(*state.learn(_batch(plan, state.step, source), progress))
        if elapsed >= next_report or finished:
            psnr = None
            if val and (elapsed >= next_validation or finished):
                psnr = denoising_psnr(state.ema, val, plan.device)
                next_validation = elapsed + plan.validation_seconds
                state.val_psnr = psnr
            report = TrainingReport(
                state.step, state.crops, state.seconds,
                max(0.0, 60 * plan.minutes - state.seconds),
                recent.mean(), recent.by_band(), state.current_lr, psnr, trouble=trouble,
            )
            state.history.append(_history_row(report))
            yield report
            recent, next_report = _RunningLoss(), elapsed + plan.report_seconds
        if elapsed >= next_checkpoint or finished:
            trouble = None
            try:
                state.save(plan.out, calibration)
            except PhotoError as error:
                # Hours of learning are worth more than one checkpoint; room may be made meanwhile.
                if finished:
                    raise
                trouble = str(error)
            next_checkpoint = elapsed + plan.checkpoint_seconds


def _batch(plan: TrainingPlan, step: int, source: CropSource) -> torch.Tensor:
    """One batch in four has crops of twice the size and the same number of pixels, so that
    the network also learns to use the wide surroundings it has at full resolution."""
    if step % 4 == 3:
        return source.sample(max(1, plan.batch // 4), 2 * plan.crop)
    return source.sample(plan.batch, plan.crop)


class _RunningLoss:
    """v-prediction loss since the last report, whole and per band of noise level."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._bands: list[torch.Tensor] = []

    def add(self, losses: torch.Tensor, log_sigma: torch.Tensor) -> None:
        self._losses.append(losses.cpu())
        self._bands.append(band_of(log_sigma.cpu()))

    def mean(self) -> float:
        return float(torch.cat(self._losses).mean()) if self._losses else math.nan

    def by_band(self) -> dict[str, float]:
        if not self._losses:
            return {}
        losses, bands = torch.cat(self._losses), torch.cat(self._bands)
        return {
            name: float(losses[bands == k].mean())
            for k, (name, _) in enumerate(BAND_EDGES)
            if bool((bands == k).any())
        }


def _readable(paths: tuple[Path, ...], skipped: list[str]) -> Iterator[np.ndarray]:
    for _, pixels in load_pixels(paths):
        if isinstance(pixels, PhotoError):
            skipped.append(str(pixels))
        else:
            yield pixels


def _history_row(report: TrainingReport) -> dict[str, float]:
    row = {"step": report.step, "seconds": round(report.seconds), "loss": round(report.loss, 5)}
    for sigma, psnr in (report.val_psnr or {}).items():
        row[f"psnr_{sigma}"] = round(psnr, 3)
    return row

