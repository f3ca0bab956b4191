"""``boundary``: the search for the start noise that suits a task and a prior best."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from gdp_desktop.commands.errors import INTERRUPTED, BadUsage, Refused
from gdp_desktop.commands.inputs import refuse_no_folder
from gdp_desktop.commands.progress import ProgressLine
from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.vgg import vgg16_with
from gdp_desktop.image.errors import PhotoError, one_line, printable
from gdp_desktop.priors.boundaries import FoundBoundary, store_boundary
from gdp_desktop.priors.places import find_prior
from gdp_desktop.priors.weights import open_weights
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.training.boundary_search import (
    Pair,
    Search,
    gain_of,
    made_pairs,
    metric_for,
    scores,
)
from gdp_desktop.training.crops import Split, split_photos

# Start noises, none of them a candidate, that the winner is compared with.
OTHERS = 8


def run(options: argparse.Namespace) -> int:
    refuse_no_folder(options.photos)
    try:
        return found_and_checked(options)
    except TaskError as error:
        raise BadUsage(str(error)) from error
    except (PhotoError, CheckpointError) as error:
        raise Refused(one_line(error)) from error
    except KeyboardInterrupt:
        print("Stopped; nothing was stored.")
        return INTERRUPTED


def found_and_checked(options: argparse.Namespace) -> int:
    task = task_named(options.task)
    values = task.values(dict(options.params))
    loaded = load_prior(options.prior, options.device or "auto")
    split = split_photos(options.photos)
    if not split.val:
        raise PhotoError(
            f"{printable(options.photos)} has no photos to check with; mark some as val in its "
            "SOURCES.csv."
        )
    side = -(-options.side // loaded.prior.stride) * loaded.prior.stride
    vgg = vgg16_with(open_weights(options.vgg).read()) if options.vgg else None
    metric_name, metric = metric_for(loaded.prior, vgg)
    search = Search(task, values, loaded.prior, options.steps, metric)
    pairs, unseen = both_sets(options, search, split, side)

    candidates = [Boundary(options.seed + k, side) for k in range(options.candidates)]
    found = [float(distances.mean())
             for distances in tried(search, candidates, pairs, f"Searching for {task.id}")]
    best = int(np.argmin(found))
    winner = FoundBoundary(
        loaded.sha256, task.id, options.steps, candidates[best].seed, side,
        round(found[best], 6), round(float(np.mean(found)), 6), metric_name,
        len(candidates), len(pairs), values,
    )
    print(
        f"Seed {winner.seed} is the best of {winner.candidates} over {winner.pairs} pairs: "
        f"{metric_name} {winner.score:.4f}, {winner.typical:.4f} on average."
    )
    check(search, winner, unseen, options.seed + options.candidates)
    path = store_boundary(find_prior(options.prior), winner)
    print(f'Stored in {printable(path)}; restore --method boundary --steps {options.steps} '
          "uses it.")
    return 0


def both_sets(
    options: argparse.Namespace, search: Search, split: Split, side: int
) -> tuple[list[Pair], list[Pair]]:
    """Pairs of training photos to search over, and pairs of the other photos to check with."""
    sets = [
        made_pairs(search.task, search.values, paths, side, options.pairs, options.seed)
        for paths in (split.train, split.val)
    ]
    return sets[0], sets[1]


def check(
    search: Search, winner: FoundBoundary, pairs: Sequence[Pair], first_other: int
) -> None:
    """Prints what the winner gains where it was not searched for."""
    others = [Boundary(first_other + k, winner.side) for k in range(OTHERS)]
    ours, *theirs = tried(search, [winner.boundary, *others], pairs, "Checking")
    print(f"On {len(pairs)} photos not used for the search: {gain_of(ours, np.array(theirs))}.")


def tried(
    search: Search, boundaries: Sequence[Boundary], pairs: Sequence[Pair], what: str
) -> list[np.ndarray]:
    """The distances of each start noise, pair by pair."""
    found: list[np.ndarray] = []
    with ProgressLine(what) as line:
        for index, distances in scores(search, boundaries, pairs):
            found.append(distances)
            line.show((index + 1) / len(boundaries), None, f"  {index + 1} of {len(boundaries)}")
    return found
