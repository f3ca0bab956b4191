"""``restore --estimate``: what each photo will cost, instead of restoring it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

from gdp_desktop.commands.inputs import Input
from gdp_desktop.commands.progress import duration
from gdp_desktop.commands.request import Request
from gdp_desktop.image.errors import PhotoError, printable, shown
from gdp_desktop.restoration.estimate import estimate
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import Cost, Job


def tell_costs(inputs: Sequence[Input], request: Request, samples: int, as_json: bool) -> int:
    """Of so many results of each photo, one after the other."""
    failed = False
    for given in inputs:
        try:
            if given.error is not None:
                raise PhotoError(given.error)
            cost = estimate(Job(
                given.path, request.recipe, request.mask, given.others,
                memory_limit=request.memory_limit,
            ))
        except Exception as error:
            failed = True
            sentence, name = sentence_of(error, shown(given.path)), printable(given.path)
            if as_json:
                print(json.dumps({"input": str(given.path), "error": sentence}), flush=True)
            named = len(inputs) > 1 and str(given.path) not in sentence
            print(f"{name}: {sentence}" if named else sentence, file=sys.stderr)
        else:
            cost = replace(
                cost, seconds=samples * cost.seconds, evaluations=samples * cost.evaluations
            )
            line = f"{shown(given.path)}: {in_words(cost)}"
            facts = {"input": str(given.path), **asdict(cost)}
            print(json.dumps(facts) if as_json else printable(line), flush=True)
    return 1 if failed else 0


def in_words(cost: Cost) -> str:
    return (
        f"about {duration(cost.seconds)}, {cost.bytes / 1e9:.1f} GB of memory, "
        f"{cost.evaluations} evaluations"
    )
