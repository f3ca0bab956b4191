"""``priors``: which there are, and taking in, fetching and checking others."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from gdp_desktop.commands.errors import Refused
from gdp_desktop.commands.progress import ProgressLine
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import printable
from gdp_desktop.priors.catalogue import Known, offered
from gdp_desktop.priors.checks import Verdict, verify
from gdp_desktop.priors.download import download, downloadable
from gdp_desktop.priors.importing import PriorExistsError, import_prior
from gdp_desktop.priors.places import find_prior, prior_paths
from gdp_desktop.priors.shelf import PriorInfo, survey
from gdp_desktop.restoration.timing import measured_speed


def run(options: argparse.Namespace) -> int:
    actions = {None: list_all, "import": take_in, "download": fetch, "verify": check}
    try:
        return actions[options.action](options)
    except CheckpointError as error:
        raise Refused(str(error)) from error


def list_all(options: argparse.Namespace) -> int:
    if options.speed:
        for prior in survey().priors:
            measured_speed(prior.path)
    found = survey()
    if options.json:
        print(json.dumps([asdict(prior) for prior in found.priors], indent=2))
    elif not found.priors and not found.problems:
        raise Refused("There are no priors installed; make one with the command train.")
    else:
        print("\n".join(map(as_text, found.priors)), end="\n" if found.priors else "")
    for problem in found.problems:
        print(problem, file=sys.stderr)
    return 0


def take_in(options: argparse.Namespace) -> int:
    try:
        with ProgressLine(options.source.name) as line:
            info = import_prior(
                options.source, options.overwrite,
                lambda done, total: line.show(done / total, None),
            )
    except PriorExistsError as error:
        raise Refused(f"{str(error).removesuffix('.')}, or replace it with --overwrite.") from error
    print(as_text(info))
    return 0


def fetch(options: argparse.Namespace) -> int:
    if options.name is None:
        print("\n".join(map(offer, offered())))
        return 0
    known = downloadable(options.name)
    print(offer(known), file=sys.stderr)
    if not options.accept_terms:
        raise Refused("Nothing was downloaded; agree to the terms above with --accept-terms.")
    with ProgressLine(known.file) as line:
        info = download(
            known, lambda done, total: line.show(done / (total or known.bytes), None)
        )
    print(as_text(info))
    return 0


def check(options: argparse.Namespace) -> int:
    paths = [find_prior(options.name)] if options.name else list(prior_paths())
    verdicts = [verify(path) for path in paths]
    if options.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            print(judged(verdict))
    return 1 if any(verdict.problem for verdict in verdicts) else 0


def as_text(prior: PriorInfo) -> str:
    default = "  (the default)" if prior.is_default else ""
    facts = [
        f"{prior.parameters / 1e6:.1f} million parameters, {prior.bytes / 1e6:.1f} MB, format "
        f"{prior.format}, windows of {prior.window}×{prior.window} pixels",
        f"licence: {prior.licence or 'not stated'}",
        f"sha256 {prior.sha256}{' (the published file)' if prior.is_published else ''}",
        printable(prior.path),
    ]
    if prior.title:
        facts.insert(0, prior.title if prior.is_published else f"made like {prior.title}")
    if prior.terms:
        facts.append(prior.terms)
    facts += [
        f"{speed.seconds:.3g} s per window of {speed.window}×{speed.window} on {speed.device} "
        f"in {speed.precision}" for speed in prior.speeds
    ]
    if prior.validation is not None:
        facts.append(f"on photos it never saw: {json.dumps(prior.validation)}")
    return "\n  ".join([f"{prior.name}{default}", *facts])


def offer(known: Known) -> str:
    return (
        f"{known.name}: {known.title}\n  {known.parameters / 1e6:.1f} million parameters, "
        f"{known.bytes / 1e9:.1f} GB, licence: {known.licence}\n  {known.terms}\n  {known.url}"
    )


def judged(verdict: Verdict) -> str:
    if verdict.problem:
        return f"{verdict.name}: {verdict.problem}"
    compared = {
        "published": "its sha256 is the published one",
        "received": "its sha256 is as it was received",
        "": "no sha256 is on record to compare",
    }[verdict.compared_with]
    return f"{verdict.name}: whole and usable; {compared}."
