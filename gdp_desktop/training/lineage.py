"""All that a prior has learned, in one training or in several, one from the weights of another."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from gdp_desktop.diffusion.checkpoints import read_metadata, training_from_metadata
from gdp_desktop.image.chart import Line, drawn
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.training.validation import SIGMAS

TOTALS = ("step", "crops", "seconds")
SETTINGS = ("batch", "crop", "learning_rate", "numbers")
COLUMNS = ("minutes", "loss", *(f"psnr_{sigma}" for sigma in SIGMAS))

# One minute of learning: ``minutes`` since the first training began, and the other COLUMNS as far
# as they were measured.
Row = dict[str, float]


@dataclass(frozen=True)
class Lineage:
    """The trainings a prior has behind it, each with its TOTALS and settings, and their curve."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    curve: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, prior: Path) -> Lineage:
        """Of a prior that this program has trained, as far as its files tell.

        Raises CheckpointError for a damaged one.
        """
        told = training_from_metadata(read_metadata(prior))
        own = {key: told[key] for key in (*TOTALS, *SETTINGS) if key in told}
        runs = told.get("runs") or ([own] if set(TOTALS) <= own.keys() else [])
        return cls(runs, read_curve(curve_path(prior)))

    def summary(self, run: dict[str, Any]) -> dict[str, Any]:
        """For the header of the weights: what all trainings come to, and each of several."""
        runs = [*self.runs, run]
        totals = {key: round(sum(r[key] for r in runs), 1) for key in TOTALS}
        return {**run, **totals, **({"runs": runs} if self.runs else {})}

    def with_reports(self, reports: Sequence[Row]) -> list[Row]:
        """The curve and what follows it: ``reports`` of this training by their ``seconds``."""
        before = sum(run["seconds"] for run in self.runs) / 60
        return self.curve + [
            _mean_of(list(group), before)
            for _, group in groupby(reports, key=lambda report: int(report["seconds"] // 60))
        ]


def curve_path(prior: Path) -> Path:
    return prior.with_name(prior.stem + "-learning.csv")


def read_curve(path: Path) -> list[Row]:
    """What write_curve has written; nothing where there is none or it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [
                {column: float(row[column]) for column in COLUMNS if row[column]}
                for row in csv.DictReader(lines)
            ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []


def write_curve(prior: Path, curve: Sequence[Row]) -> None:
    """The curve beside the prior: a table, and a picture of it.  Raises PhotoError."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    path = curve_path(prior)
    atomic_write(path, table.getvalue().encode(), overwrite=True)
    atomic_write(path.with_suffix(".svg"), picture(curve).encode(), overwrite=True)


def picture(curve: Sequence[Row]) -> str:
    """Loss and validation against minutes, as SVG."""
    loss = [(row["minutes"], row["loss"]) for row in curve if "loss" in row]
    lines = [Line("loss of the v-prediction", loss)]
    for sigma in SIGMAS:
        points = [
            (row["minutes"], row[f"psnr_{sigma}"]) for row in curve if f"psnr_{sigma}" in row
        ]
        if points:
            lowest = math.floor(min(db for _, db in points))
            name = f"dB on photos held out, noise of {sigma} of 255"
            lines.append(Line(name, points, float(max(0, lowest))))
    return drawn(lines, "minutes")


def _mean_of(reports: Sequence[Row], before: float) -> Row:
    """One row of the reports of a minute."""
    row: Row = {"minutes": round(before + reports[-1]["seconds"] / 60, 2)}
    for column in COLUMNS[1:]:
        told = [r[column] for r in reports if math.isfinite(r.get(column, math.nan))]
        if told:
            row[column] = round(sum(told) / len(told), 5)
    return row
