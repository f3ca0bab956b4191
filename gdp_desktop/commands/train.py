"""``train``: a prior from one's own photos."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from gdp_desktop.commands.errors import INTERRUPTED, BadUsage, Refused
from gdp_desktop.commands.inputs import refuse_no_folder
from gdp_desktop.commands.progress import ProgressLine, duration
from gdp_desktop.diffusion.checkpoints import CheckpointError, load_unet
from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.image.errors import PhotoError, one_line, printable, shown
from gdp_desktop.training.growth import grown
from gdp_desktop.training.lineage import curve_path
from gdp_desktop.training.plan import (
    FINE_TUNING_RATE,
    LEARNING_RATE,
    TrainingPlan,
    resume_path,
)
from gdp_desktop.training.train import TrainingReport, train


def run(options: argparse.Namespace) -> int:
    plan = plan_from(options)
    line = ProgressLine(f"Training {shown(plan.out)}")
    report = None
    try:
        with line:
            for report in train(plan):
                _show(report, line)
    except (PhotoError, CheckpointError) as error:
        raise Refused(one_line(error)) from error
    except KeyboardInterrupt:
        print(_stopped(plan, learned=report is not None), file=sys.stderr)
        return INTERRUPTED
    print(f"{printable(plan.out)} is trained; use it with --prior {printable(plan.out)}.")
    drawn = curve_path(plan.out).with_suffix(".svg")
    print(f"How it learned is drawn in {printable(drawn)}.")
    for sentence in report.skipped if report else ():
        print(f"Skipped: {sentence}", file=sys.stderr)
    return 0


def plan_from(options: argparse.Namespace) -> TrainingPlan:
    """Raises BadUsage for what is better said before hours of work."""
    _check_target(options.out, options.overwrite)
    refuse_no_folder(options.photos)
    return TrainingPlan(
        photos=options.photos, out=options.out, minutes=options.minutes,
        network=_network(options), start_from=options.start_from,
        learning_rate=FINE_TUNING_RATE if options.start_from else LEARNING_RATE,
        device=_device(options.device), compiled=options.compile, seed=options.seed,
        anew=options.overwrite,
    )


def _network(options: argparse.Namespace) -> UNetConfig | None:
    """The shape that was asked for; None for that of the prior to go on from, or the usual one.

    Raises BadUsage where that prior cannot be read or cannot have this shape.
    """
    try:
        known = load_unet(options.start_from) if options.start_from else None
        if options.blocks is None:
            return None
        network = replace(known.config if known else UNetConfig(), blocks=options.blocks)
        if known:
            grown(known, network)
    except CheckpointError as error:
        raise BadUsage(one_line(error)) from error
    except ValueError as error:
        raise BadUsage(
            f"--blocks cannot be {','.join(map(str, options.blocks))}; give one whole number from "
            "1 to 64 per resolution, such as 1,2,2."
        ) from error
    return network


def _check_target(out: Path, overwrite: bool) -> None:
    if out.suffix != ".safetensors":
        raise BadUsage(f"{shown(out)} cannot hold a prior; give a name ending in .safetensors.")
    if out.exists() and not overwrite and not resume_path(out).is_file():
        raise BadUsage(
            f"{shown(out)} already exists and was not left by a stopped training; give another "
            "name with --out, or --overwrite."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadUsage(
            f"The folder {printable(out.parent)} cannot be made ({error.strerror}); give another "
            "one with --out."
        ) from error
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise BadUsage(f"{printable(out)} cannot be written; give another name with --out.")


def _device(wished: str | None) -> str:
    if wished == "cuda" and not torch.cuda.is_available():
        raise BadUsage("There is no CUDA device here; use --device cpu.")
    return wished or ("cuda" if torch.cuda.is_available() else "cpu")


def _show(report: TrainingReport, line: ProgressLine) -> None:
    if report.val_psnr:
        line.clear()
        figures = ", ".join(f"{db:.2f} dB at noise {s}" for s, db in report.val_psnr.items())
        print(f"step {report.step}, {duration(report.seconds)}: {figures}", flush=True)
        bands = ", ".join(f"{loss:.3f} at σ {band}" for band, loss in report.band_loss.items())
        print(f"  loss {bands}", flush=True)
    if report.trouble:
        line.clear()
        print(report.trouble, file=sys.stderr, flush=True)
    share = report.seconds / max(report.seconds + report.seconds_left, 1e-9)
    line.show(share, report.seconds_left, f"  step {report.step}  loss {report.loss:.4f}")


def _stopped(plan: TrainingPlan, *, learned: bool) -> str:
    kept = resume_path(plan.out).is_file()
    if not kept or (plan.anew and not learned):
        return "Stopped before anything was saved; the same command starts anew."
    command = "the same command without --overwrite" if plan.anew else "the same command"
    return f"Stopped; {shown(plan.out)} is what was saved last, and {command} resumes there."
