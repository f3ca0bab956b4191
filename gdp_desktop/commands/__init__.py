"""The command line: ``main`` finds the command and turns whatever goes wrong into a sentence."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence

from gdp_desktop.commands.errors import BAD_USAGE, FAILED, INTERRUPTED, BadUsage, Refused
from gdp_desktop.commands.heap import keep_freed_memory
from gdp_desktop.commands.parser import COMMANDS, parser_for
from gdp_desktop.image.errors import unexpected
from gdp_desktop.image.writing import is_disk_full


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    settle_environment()
    name = words.pop(0) if words and words[0] in COMMANDS else "window"
    try:
        options = parser_for(name).parse_args(words)
        # Only now, as some commands import torch, which takes seconds.
        return importlib.import_module(f"{__name__}.{name}").run(options)
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except BadUsage as error:
        return _say(str(error), BAD_USAGE)
    except Refused as error:
        return _say(str(error), FAILED)
    except KeyboardInterrupt:
        return _say("Cancelled.", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has left; the interpreter must not stumble over it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if not is_disk_full(error):
            return _say(unexpected("This command", error), FAILED)
        return _say("The disk is full; make room on it and try again.", FAILED)
    except Exception as error:
        return _say(unexpected("This command", error), FAILED)


def settle_environment() -> None:
    """What must be settled before torch is imported and anything is printed."""
    keep_freed_memory()
    # Threads that wait for each other look again for some microseconds before they sleep.  To sleep
    # at once costs a tenth of the time on an idle machine, to look for longer a half on a busy one.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if sys.stderr is None:  # closed, as by 2>&-: what is said there is not for the standard output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    # A file name or a "×" that the terminal cannot show is no reason to fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(ValueError, OSError):
            sys.stdout.reconfigure(errors="backslashreplace")


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
