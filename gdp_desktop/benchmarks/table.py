"""A table of measurements that grows row by row on disk, so that a killed run can go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gdp_desktop.benchmarks.plan import BenchmarkError, Cell, Figures, Plan
from gdp_desktop.image.errors import printable
from gdp_desktop.image.writing import atomic_write

# Which prior (the beginning of its hash, or nothing) and which machine a row was measured with.
ORIGIN = ("prior", "machine")
HASH_LENGTH = 12


class Table:
    """The rows of a CSV file, one per cell; settings are comment lines above them."""

    def __init__(self, path: Path, plan: Plan, machine: str) -> None:
        self.path, self._plan, self._machine = path, plan, machine
        self.columns = (*plan.key, *plan.figures, *ORIGIN)
        self._rows: dict[tuple[str, ...], dict[str, str]] = {}

    def start(self) -> None:
        """Raises BenchmarkError if a table is there already."""
        if self.path.exists():
            raise BenchmarkError(
                f"{printable(self.path)} is there already; go on with it by --resume, or give "
                "another folder with --out."
            )
        self._write()

    def resume(self) -> None:
        """Takes over what was measured with the same settings and, where it matters, this prior.

        Raises BenchmarkError if the file is another table or has other settings.
        """
        if self.path.exists():
            self._read()
        self._write()

    def __contains__(self, cell: Cell) -> bool:
        return cell.key in self._rows

    def add(self, cell: Cell, figures: Figures) -> None:
        """Appends a row to the file at once."""
        row = dict(zip(self._plan.key, cell.key, strict=True))
        row |= {name: _as_text(figures.get(name)) for name in self._plan.figures}
        row["prior"] = self._prior if cell.uses_prior else ""
        row["machine"] = self._machine
        self._rows[cell.key] = row
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(self._as_csv([row]))

    def rows(self) -> list[dict[str, str]]:
        """All rows, those of earlier calls as well."""
        return list(self._rows.values())

    def finish(self, header: Mapping[str, str]) -> None:
        """Puts the rows in the order of the plan, however often the run was stopped, and the
        header above them."""
        ordered = {cell.key: self._rows[cell.key] for cell in self._plan.cells if cell in self}
        self._rows = ordered | self._rows
        self._write(header)

    @property
    def _prior(self) -> str:
        return self._plan.prior_sha256[:HASH_LENGTH]

    def _write(self, header: Mapping[str, str] | None = None) -> None:
        comments = {**(header or {}), **self._plan.settings}
        lines = [f"# {name}: {value}\n" for name, value in comments.items()]
        names = ",".join(self.columns) + "\n"
        text = "".join(lines) + names + self._as_csv(self._rows.values())
        atomic_write(self.path, text.encode(), overwrite=True)

    def _as_csv(self, rows: Iterable[Mapping[str, str]]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(
            [row[column] for column in self.columns] for row in rows
        )
        return buffer.getvalue()

    def _read(self) -> None:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            comments = dict(
                line[2:].strip().split(": ", 1) for line in lines if line.startswith("# ")
            )
            # A run that was killed may have left half a line.
            whole = [line for line in lines if line.endswith("\n") and not line.startswith("#")]
            names, *rows = list(csv.reader(whole)) or [[]]
        except (UnicodeDecodeError, csv.Error, ValueError):
            names, rows, comments = [], [], {}
        if tuple(names) != self.columns:
            raise BenchmarkError(
                f"{printable(self.path)} is not a table of this benchmark; move it away or give "
                "another folder with --out."
            )
        self._check_settings(comments)
        self._take_over(rows)

    def _check_settings(self, comments: Mapping[str, str]) -> None:
        for name, value in self._plan.settings.items():
            if comments.get(name) != value:
                raise BenchmarkError(
                    f"{printable(self.path)} was measured with other settings ({name}: "
                    f"{comments.get(name, 'unknown')}, not {value}); give another folder with "
                    "--out, or the same settings."
                )

    def _take_over(self, rows: Sequence[Sequence[str]]) -> None:
        for values in rows:
            row = dict(zip(self.columns, values, strict=False))
            if len(row) == len(self.columns) and row["prior"] in ("", self._prior):
                self._rows[tuple(row[name] for name in self._plan.key)] = row


def _as_text(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.6g}"
