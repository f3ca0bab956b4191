"""What can be typed: one parser per command."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from gdp_desktop import __version__
from gdp_desktop.benchmarks import BENCHMARKS
from gdp_desktop.commands.errors import BadUsage

SCRIPT = "gdp-desktop"
LARGEST_SEED = 2**63 - 1

WINDOW_EPILOG = """\
commands:
  restore   restore photos without a window
  tasks     list what can be restored, and the parameters
  methods   list how it can be solved, and the parameters
  priors    list the installed priors; import, download and verify others
  train     train a prior on your own photos
  sample    let a prior make pictures by itself
  boundary  find the start noise that suits a task and a prior best
  bench     measure how good the results are

COMMAND --help explains each. A photo named like a command is opened as ./NAME.
"""

RESTORE_EPILOG = """\
The result is NAME-restored.EXT beside the photo, or in the folder given with -o; the photo itself
is never written, and nothing is replaced without --overwrite: NAME-restored-2.EXT is taken then.

Exit code: 0 all photos are restored, 1 some failed, 2 the request cannot be, 130 interrupted.
With GDP_DEBUG=1 in the environment, unexpected errors come with a traceback.
"""


class SentenceParser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, instead of with the usage as well."""

    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def parser_for(command: str) -> argparse.ArgumentParser:
    """``command`` is a key of COMMANDS, or "window" for what is typed without one."""
    program = "python main.py" if Path(sys.argv[0]).name == "main.py" else SCRIPT
    parser = SentenceParser(
        prog=program if command == "window" else f"{program} {command}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{SCRIPT} {__version__}")
    (COMMANDS.get(command) or _window)(parser)
    return parser


def _window(parser: argparse.ArgumentParser) -> None:
    parser.description = "Photo restoration with one generative prior. Opens the window."
    parser.usage = "%(prog)s [-h] [--version] [FILE ...]\n       %(prog)s COMMAND ..."
    parser.epilog = WINDOW_EPILOG
    parser.add_argument("files", nargs="*", metavar="FILE", help="photos or folders to open")


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.description = "Restores photos; folders are searched to the bottom."
    parser.epilog = RESTORE_EPILOG
    add = parser.add_argument
    add("inputs", nargs="+", metavar="FILE_OR_FOLDER")
    add("--task", required=True, help="what to do; see the command tasks")
    add("--mask", type=Path, metavar="MASK.png",
        help="a picture of the photo's size: white is restored, black stays as it is")
    add("-o", "--output", type=_named, metavar="WHERE",
        help="folder for the results, or a file for one result; its ending says the format")
    add("--overwrite", action="store_true", help="replace results that are already there")
    add("--steps", type=int, metavar="N", help="more takes longer and helps where "
        "something has to be invented (default: the method's, or the task's)")
    add("--seed", type=_seed, metavar="S", default=0,
        help="the same seed gives the same bytes (default 0)")
    add("--amount", type=_share, default=1.0, metavar="A",
        help="how much of the result is mixed into the photo, from 0 to 1 (default 1)")
    add("--samples", type=_at_least_one, metavar="N", default=1,
        help="so many results of each photo, with seeds from S on; the further ones are "
        "NAME-restored-s2.EXT and so on")
    add("--scene", action="store_true", help="the photos given are of one scene, and so are "
        "those of each folder (always so for tasks that need several, as hdr)")
    add("--prior", default="", metavar="NAME_OR_PATH", help="which prior; see the command priors")
    add("--param", action="append", default=[], type=_key_and_value, metavar="KEY=VALUE",
        dest="params", help="a parameter of the task; may be given several times")
    add("--method", default="", metavar="METHOD",
        help="how to solve it (default: the task's); see the command methods")
    add("--method-param", action="append", default=[], type=_key_and_value, metavar="KEY=VALUE",
        dest="method_params", help="a parameter of the method; may be given several times")
    _add_device(parser)
    add("--memory-limit", type=_above_zero, metavar="GB", help="refuse photos that would take "
        "more main memory, before any work on them (default: what is free)")
    add("--jobs", type=_at_least_one, default=1, metavar="N",
        help="photos restored at once, each on its share of the cores and of the memory limit: "
        "quicker for many small photos (default: 1)")
    add("--estimate", action="store_true",
        help="restore nothing; tell how long each photo will take, and how much memory")
    add("--json", action="store_true", help="one JSON object per photo on standard output")


def _list_of(things: str) -> Callable[[argparse.ArgumentParser], None]:
    def fill(parser: argparse.ArgumentParser) -> None:
        parser.description = f"Lists the {things}."
        parser.add_argument("--json", action="store_true", help="as one JSON array")

    return fill


def _priors(parser: argparse.ArgumentParser) -> None:
    parser.description = "Lists the installed priors, and takes in, fetches and checks others."
    parser.add_argument("--json", action="store_true", help="as one JSON array")
    parser.add_argument("--speed", action="store_true",
                        help="time each one on this machine first, and remember it")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    add = actions.add_parser(
        "import", help="take in a weights file or diffusers folder", allow_abbrev=False
    ).add_argument
    add("source", type=Path, metavar="FILE_OR_FOLDER")
    add("--overwrite", action="store_true", help="replace an imported prior of that name")
    add = actions.add_parser(
        "download", help="fetch a public prior; lists them without a NAME", allow_abbrev=False
    ).add_argument
    add("name", nargs="?", metavar="NAME")
    add("--accept-terms", action="store_true", help="agree to the terms that are shown")
    add = actions.add_parser(
        "verify", help="check every byte and number of one or all priors", allow_abbrev=False
    ).add_argument
    add("name", nargs="?", metavar="NAME")
    # Where it is left out here, what was said before ACTION counts.
    add("--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON array")


def _train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Trains a prior on a folder of photos. The same command again resumes where it was\n"
        "stopped; --minutes counts all runs together."
    )
    add = parser.add_argument
    add("--photos", type=Path, required=True, metavar="DIR", help="folder of photos, searched "
        "to the bottom")
    add("--minutes", type=_above_zero, required=True, metavar="N", help="how long to train")
    add("--out", type=Path, required=True, metavar="NAME.safetensors", help="where to save it")
    add("--from", type=Path, dest="start_from", metavar="FILE", help="a prior to go on from")
    add("--blocks", type=_whole_numbers, metavar="A,B,C", help="residual blocks per resolution, "
        "finest first (default 1,2,2, or the prior's own); more than it has are added to it")
    add("--overwrite", action="store_true", help="start anew, even where a prior or a stopped "
        "training is")
    add("--compile", action="store_true",
        help="compile the network first, which needs a C++ compiler: somewhat faster")
    add("--seed", type=_seed, metavar="S", default=0)
    _add_device(parser)


def _boundary(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Searches for the start noise that suits a task and a prior best, over photos that the\n"
        "task's own degradation is applied to, and checks it on others; the method boundary\n"
        "uses it."
    )
    add = parser.add_argument
    add("--task", required=True, help="what it is for; see the command tasks")
    add("--photos", type=Path, required=True, metavar="DIR", help="folder of clean photos, "
        "searched to the bottom")
    add("--steps", type=_at_least_one, metavar="N", default=20,
        help="steps that it is for (default 20)")
    add("--candidates", type=_at_least_one, metavar="K", default=20,
        help="start noises to try (default 20)")
    add("--pairs", type=_at_least_one, metavar="R", default=8,
        help="photos to try each one on, and photos to check with (default 8)")
    add("--side", type=_at_least_one, metavar="PIXELS", default=128,
        help="side of the crops and of the noise (default 128)")
    add("--prior", default="", metavar="NAME_OR_PATH", help="see the command priors")
    add("--param", action="append", default=[], type=_key_and_value, metavar="KEY=VALUE",
        dest="params", help="a parameter of the task; may be given several times")
    add("--vgg", type=Path, metavar="FILE", help="weights of VGG-16 to compare results with, "
        "instead of the prior's own features")
    add("--seed", type=_seed, metavar="S", default=0, help="seed of the first candidate")
    _add_device(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measures how good the results are on photos that were not trained on."
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for benchmark in BENCHMARKS.values():
        kind = kinds.add_parser(benchmark.name, help=benchmark.help, allow_abbrev=False)
        kind.description = f"Measures {benchmark.help}; writes a CSV and a Markdown table."
        add = kind.add_argument
        if benchmark.photos:
            add("--photos", type=Path, required=True, metavar="DIR",
                help=f"folder of photos; measured are {benchmark.photos}")
            add("--count", type=_at_least_one, metavar="N", help="only the first N of them")
            add("--crop", type=_at_least_one, default=benchmark.crop, metavar="PIXELS",
                help=f"side of the middle crop (default {benchmark.crop})")
        for name, text in benchmark.lists.items():
            add(f"--{name}", type=_comma_list, metavar="A,B,…", default=(), help=text)
        for name, text in benchmark.files.items():
            add(f"--{name}", type=_comma_list, metavar="FILE", default=(), help=text)
        add("--prior", default="", metavar="NAME_OR_PATH", help="see the command priors")
        add("--seed", type=_seed, metavar="S", default=0)
        add("--out", type=Path, default=Path("benchmarks"), metavar="DIR",
            help="folder for the tables (default: benchmarks)")
        add("--resume", action="store_true", help="go on with the tables that are there; what "
            "does not depend on the prior is kept when the prior is another one")
        _add_device(kind)


def _sample(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draws pictures from a prior alone, without any photo to guide it."
    add = parser.add_argument
    add("out", type=Path, metavar="SHEET.png")
    def counted(option: str, default: int, metavar: str, text: str) -> None:
        add(option, type=_at_least_one, default=default, metavar=metavar,
            help=f"{text} (default {default})")

    counted("--count", 16, "N", "how many")
    counted("--columns", 4, "N", "of the sheet")
    counted("--side", 128, "PIXELS", "of a picture")
    counted("--steps", 250, "N", "of ancestral sampling; at most as many as the prior has")
    add("--seed", type=_seed, metavar="S", default=0)
    add("--prior", default="", metavar="NAME_OR_PATH")
    add("--overwrite", action="store_true", help="replace a sheet that is already there")
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"),
                        help="where to compute (default: cuda if there is one)")


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f'"{text}" is not of the form key=value')
    return key, value


def _named(text: str) -> Path:
    if not text:  # which would mean the folder one is in
        raise argparse.ArgumentTypeError("an empty name was given")
    return Path(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 0 to 2^63 - 1')
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0')
    return number


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 0 to 1')
    return number


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0')
    return int(text)


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(_at_least_one(word) for word in _comma_list(text))


def _comma_list(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f'"{text}" is not of the form a,b,c')
    return words


COMMANDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "restore": _restore,
    "tasks": _list_of("tasks and their parameters"),
    "methods": _list_of("methods and their parameters"),
    "priors": _priors,
    "train": _train,
    "sample": _sample,
    "boundary": _boundary,
    "bench": _bench,
}
