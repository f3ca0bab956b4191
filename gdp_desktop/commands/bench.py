"""``bench``: how good the results are, as tables."""

from __future__ import annotations

import argparse
import sys

from gdp_desktop.benchmarks import BENCHMARKS
from gdp_desktop.benchmarks.plan import BenchmarkError, Request
from gdp_desktop.benchmarks.run import Measuring
from gdp_desktop.benchmarks.run import run as measure
from gdp_desktop.commands.errors import INTERRUPTED, BadUsage, Refused
from gdp_desktop.commands.inputs import output_folder, refuse_no_folder
from gdp_desktop.commands.progress import ProgressLine
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import PhotoError, one_line, printable


def run(options: argparse.Namespace) -> int:
    request = request_from(options)
    text = ""
    try:
        with ProgressLine(f"Measuring {options.what}") as line:
            for state in measure(options.what, request):
                _show(state, line)
                text = state.text
    except BenchmarkError as error:
        raise BadUsage(str(error)) from error
    except (PhotoError, CheckpointError) as error:
        raise Refused(one_line(error)) from error
    except KeyboardInterrupt:
        print("Stopped; the same command with --resume goes on there.", file=sys.stderr)
        return INTERRUPTED
    print(text)
    print(f"Written to {printable(request.out)}.")
    return 0


def request_from(options: argparse.Namespace) -> Request:
    """Raises BadUsage if there is no folder of photos, or the results have no place."""
    benchmark = BENCHMARKS[options.what]
    of_photos = {}
    if benchmark.photos:
        refuse_no_folder(options.photos)
        of_photos = {name: getattr(options, name) for name in ("photos", "crop", "count")}
    given = {name: getattr(options, name) for name in (*benchmark.lists, *benchmark.files)}
    return Request(
        **of_photos, out=output_folder(options.out), seed=options.seed, prior=options.prior,
        device=options.device or "auto", resume=options.resume,
        lists={name: words for name, words in given.items() if words},
    )


def _show(state: Measuring, line: ProgressLine) -> None:
    line.show(state.done / max(1, state.total), None, f"  {state.done} of {state.total}")
