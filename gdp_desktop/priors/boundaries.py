"""Start noises that were found for a prior, kept in a small file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.priors.places import made_user_folder, name_of, user_folder

SUFFIX = ".boundaries.json"


@dataclass(frozen=True)
class FoundBoundary:
    """The best of ``candidates`` start noises over ``pairs`` reference pairs.

    ``score`` is its mean distance to the clean photos by ``metric``, ``typical`` that of the
    candidates on average; ``params`` are the task's own.  What was found counts for any parameters
    of the task: it is said to depend little on y (Ma et al. 2024, section 3.2).
    """

    prior_sha256: str
    task: str
    steps: int
    seed: int
    side: int
    score: float
    typical: float
    metric: str
    candidates: int
    pairs: int
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def boundary(self) -> Boundary:
        return Boundary(self.seed, self.side)


def stored_boundary(
    prior_path: Path, prior_sha256: str, task: str, steps: int
) -> FoundBoundary | None:
    """What was found for this task, these very weights and this step count, if anything was."""
    for found in _all(prior_path):
        if (found.prior_sha256, found.task, found.steps) == (prior_sha256, task, steps):
            return found
    return None


def store_boundary(prior_path: Path, found: FoundBoundary) -> Path:
    """Writes it beside the prior, in place of an older one for the same; returns where.

    Where the prior's folder cannot be written to, the user's own folder for priors is taken.
    Raises PhotoError or CheckpointError if nothing can be written.
    """
    same = (found.prior_sha256, found.task, found.steps)
    kept = [
        old for old in _all(prior_path) if (old.prior_sha256, old.task, old.steps) != same
    ]
    path = _beside(prior_path)
    if not os.access(path.parent, os.W_OK):
        path = made_user_folder() / path.name
    content = [asdict(entry) for entry in (*kept, found)]
    atomic_write(path, json.dumps(content, indent=2).encode(), overwrite=True)
    return path


def _beside(prior_path: Path) -> Path:
    path = prior_path.absolute()
    return path.with_name(name_of(path) + SUFFIX)


def _all(prior_path: Path) -> list[FoundBoundary]:
    """The entries of both places, the prior's own first; damaged ones are passed over."""
    found: list[FoundBoundary] = []
    beside = _beside(prior_path)
    for path in dict.fromkeys((beside, user_folder() / beside.name)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            entries = [FoundBoundary(**entry) for entry in content]
        except (OSError, ValueError, TypeError, RecursionError):
            continue
        found += [e for e in entries if isinstance(e.seed, int) and isinstance(e.side, int)
                  and e.seed >= 0 and e.side >= 1]
    return found
