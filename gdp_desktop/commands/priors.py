"""`priors`: the installed weights."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from gdp_desktop.commands.errors import Refused
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.restoration.priors import DEFAULT_PRIOR, PriorInfo, list_priors


def run(options: argparse.Namespace) -> int:
    try:
        priors = list_priors()
    except CheckpointError as error:
        raise Refused(str(error)) from error
    if options.json:
        print(json.dumps([asdict(prior) for prior in priors], indent=2))
        return 0
    if not priors:
        raise Refused("There are no priors installed; make one with the command train.")
    for prior in priors:
        print(as_text(prior))
    return 0


def as_text(prior: PriorInfo) -> str:
    default = "  (the default)" if prior.name == DEFAULT_PRIOR else ""
    return (
        f"{prior.name}{default}\n"
        f"  {prior.parameters / 1e6:.1f} million parameters, {prior.bytes / 1e6:.1f} MB\n"
        f"  sha256 {prior.sha256}\n"
        f"  {prior.path}"
    )
