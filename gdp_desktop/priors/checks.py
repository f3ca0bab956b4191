"""Is a prior what it should be: its bytes, its numbers, and an answer from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gdp_desktop.diffusion.checkpoints import CheckpointError, sha256_of
from gdp_desktop.diffusion.prior import NetworkPrior
from gdp_desktop.image.errors import shown
from gdp_desktop.priors.catalogue import known_file, recognised
from gdp_desktop.priors.formats import read_prior
from gdp_desktop.priors.places import name_of
from gdp_desktop.priors.records import received
from gdp_desktop.priors.weights import open_weights


@dataclass(frozen=True)
class Verdict:
    """``problem`` is one sentence, "" if all is well; ``compared_with`` says which hash the file
    was held against: "published", "received" or "" for none."""

    name: str
    path: str
    sha256: str = ""
    compared_with: str = ""
    problem: str = ""


def verify(path: Path) -> Verdict:
    """Every byte against the hash that is known, every tensor, and one tiny evaluation."""
    name = name_of(path)
    sha256 = compared_with = ""
    try:
        digests = {file.name: sha256_of(file) for file in open_weights(path).files}
        sha256 = digests[open_weights(path).file.name]
        compared_with = matched_hash(path, digests, sha256)
        refuse_no_answer(read_prior(path), name)
    except CheckpointError as error:
        return Verdict(name, str(path), sha256, compared_with, str(error))
    except OSError as error:
        return Verdict(name, str(path), sha256, compared_with,
                       f"{shown(path)} cannot be read ({error.strerror}); copy it again.")
    return Verdict(name, str(path), sha256, compared_with)


def matched_hash(path: Path, digests: dict[str, str], sha256: str) -> str:
    """Which known hash the files have, see Verdict.

    Raises CheckpointError if another is on record.
    """
    weights = open_weights(path)
    known = recognised(sha256, len(weights.shapes), weights.parameters)
    if known and known.sha256 == sha256:
        return "published"
    refuse_damaged_copy(weights.file, sha256)
    receipt = received(path)
    changed = [name for name, digest in receipt.items() if digests.get(name) != digest]
    if changed:
        raise CheckpointError(
            f"{shown(path)} is not what was received ({', '.join(changed)} changed); import or "
            "download it again."
        )
    return "received" if receipt else ""


def refuse_damaged_copy(file: Path, sha256: str) -> None:
    """A file that bears a published file's name must be that file.  Raises CheckpointError."""
    known = known_file(file.name)
    if known and sha256 != known.sha256:
        raise CheckpointError(
            f"{shown(file)} is not the published file of that name (its sha256 is another), so it "
            "is damaged or altered; download it again, or rename it if you want this one."
        )


def refuse_no_answer(prior: NetworkPrior, name: str) -> None:
    """One evaluation of a photo of a few pixels.  Raises CheckpointError if it is no answer."""
    # Two pixels at the coarsest: a norm over a single value would refuse.
    side = 2 * prior.stride
    small = replace(prior, window=side)  # type: ignore[type-var]
    x_t = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    denoised = small(x_t, len(prior.schedule) // 2)
    if not all(bool(torch.isfinite(part).all()) for part in
               (denoised.x0, denoised.log_variance)):
        raise CheckpointError(
            f"{name} answers with invalid numbers, so its weights are damaged; copy or download it "
            "again."
        )
