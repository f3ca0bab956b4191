"""The priors at hand as plain data: for the command line, and for a window's model manager."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gdp_desktop.diffusion.checkpoints import CheckpointError, training_from_metadata
from gdp_desktop.image.errors import shown
from gdp_desktop.priors.catalogue import Known, recognised
from gdp_desktop.priors.formats import blank_prior, format_of
from gdp_desktop.priors.places import DEFAULT_PRIOR, name_of, prior_paths
from gdp_desktop.priors.records import Speed, digest_of, speeds_of
from gdp_desktop.priors.weights import Weights, open_weights


@dataclass(frozen=True)
class PriorInfo:
    """One prior, as ``priors`` lists it.

    ``licence`` and ``terms`` are "" where nothing is known; ``is_published`` says that the file is
    byte for byte one of the catalogue.  ``validation`` is what the file itself says it is worth on
    photos it never saw, ``speeds`` what was measured on this machine.
    """

    name: str
    path: str
    parameters: int
    bytes: int
    sha256: str
    training: dict[str, object]
    format: str = ""
    window: int = 0
    stride: int = 1
    title: str = ""
    licence: str = ""
    terms: str = ""
    is_published: bool = False
    is_default: bool = False
    validation: Any = None
    speeds: tuple[Speed, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What lies in the folders: the usable priors, the default first, and one sentence for each
    of the others."""

    priors: list[PriorInfo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def survey() -> Survey:
    """Everything in the folders, looked through now."""
    found = Survey()
    for path in prior_paths():
        # One unreadable file must not hide the others.
        try:
            found.priors.append(describe(path))
        except CheckpointError as error:
            found.problems.append(str(error))
        except OSError as error:
            found.problems.append(f"{shown(path)} cannot be read ({error.strerror}).")
    found.priors.sort(key=lambda info: (not info.is_default, info.name))
    return found


def describe(path: Path) -> PriorInfo:
    """The list's entry for a file or folder; its numbers are hashed, but not looked at.

    Raises CheckpointError if it is no prior.
    """
    weights = open_weights(path)
    blank = blank_prior(weights)
    training = training_from_metadata(dict(weights.metadata))
    sha256 = digest_of(weights.file)
    known = recognised(sha256, len(weights.shapes), weights.parameters)
    name = name_of(weights.path)
    return PriorInfo(
        name=name,
        path=str(path),
        parameters=weights.parameters,
        bytes=weights.file.stat().st_size,
        sha256=sha256,
        training=training,
        format=format_of(weights).name,
        window=blank.window,
        stride=blank.stride,
        title=known.title if known else "",
        licence=known.licence if known else stated_licence(weights),
        terms=terms_of(known),
        is_published=known is not None and known.sha256 == sha256,
        is_default=name == DEFAULT_PRIOR,
        validation=training.get("validation"),
        speeds=speeds_of(weights.file),
    )


def terms_of(known: Known | None) -> str:
    return known.terms if known else ""


def stated_licence(weights: Weights) -> str:
    """What the file's header or the model card beside it calls its licence; "" if neither does."""
    for key in ("licence", "license"):
        if stated := weights.metadata.get(key):
            return stated.strip()
    card = weights.file.parent / "README.md"
    if weights.config is None or not card.is_file():
        return ""
    with card.open(encoding="utf-8", errors="replace") as opened:
        found = re.search(r"^license:\s*[\"']?([^\s\"'#]+)", opened.read(20_000), re.MULTILINE)
    return found[1] if found else ""
