"""What a benchmark is asked for, and the measurements it consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

Figures = Mapping[str, float | None]
Row = Mapping[str, str]


class BenchmarkError(Exception):
    """One sentence: why something cannot be measured and what to do."""


class LeftOut(Exception):
    """One sentence: which method is not in the table, and why."""


@dataclass(frozen=True)
class Request:
    """``photos`` and ``crop`` mean nothing to a benchmark that makes its own; ``count`` None takes
    all photos; ``lists`` holds what was given for the benchmark's own options."""

    out: Path
    photos: Path = Path()
    crop: int = 0
    count: int | None = None
    seed: int = 0
    prior: str = ""
    device: str = "auto"
    resume: bool = False
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def chosen(self, option: str, known: Sequence[str]) -> tuple[str, ...]:
        """What was given for an option, in the order of ``known``; all of it if nothing was.

        Raises BenchmarkError for a name that is not known.
        """
        given = self.lists.get(option, ())
        for name in given:
            if name not in known:
                raise BenchmarkError(
                    f'--{option} cannot be "{name}"; choose from {", ".join(known)}.'
                )
        return tuple(name for name in known if not given or name in given)


@dataclass(frozen=True)
class Cell:
    """One row to be measured; ``key`` tells it from the others, in the order of ``Plan.key``.

    What does not depend on the prior is kept when the table is resumed with another one.
    """

    key: tuple[str, ...]
    measure: Callable[[], Figures]
    uses_prior: bool = False


@dataclass(frozen=True)
class Plan:
    """A benchmark laid out: its columns, its cells, and what is said of it.

    ``device`` is "cpu" or "cuda".  ``settings`` must be the same for all rows of a table; ``notes``
    say how to read it.
    ``summary`` makes Markdown tables of the rows of all cells.
    """

    key: tuple[str, ...]
    figures: tuple[str, ...]
    cells: Sequence[Cell]
    settings: Mapping[str, str]
    prior_name: str
    prior_sha256: str
    device: str
    summary: Callable[[Sequence[Row]], str]
    notes: Mapping[str, str] = field(default_factory=dict)
