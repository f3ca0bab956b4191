"""`tasks`: what the program can do, and with which parameters."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Param, Task

TEXT_WIDTH = 88


def run(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([described(task) for task in TASKS.values()], indent=2))
    else:
        print("\n\n".join(as_text(task) for task in TASKS.values()))
    return 0


def described(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "title": task.title,
        "help": _unwrapped(task.help),
        "needs_mask": task.needs_mask,
        "default_steps": task.default_steps,
        "params": [
            {
                "key": param.key,
                "label": param.label,
                "default": param.default,
                "minimum": param.minimum,
                "maximum": param.maximum,
                "choices": list(param.choices),
                "auto": param.auto,
                "unit": param.unit,
                "help": _unwrapped(param.help),
            }
            for param in task.params
        ],
    }


def as_text(task: Task) -> str:
    needs = ", needs --mask" if task.needs_mask else ""
    lines = [f"{task.id}  ({task.default_steps} steps{needs})", *_indented(_unwrapped(task.help))]
    for param in task.params:
        lines.append(f"  --param {param.key}={_default(param)}  {_allowed(param)}")
        lines += _indented(_unwrapped(param.help), "      ")
    return "\n".join(lines)


def _default(param: Param) -> str:
    return "auto" if param.default == param.auto else f"{param.default:g}"


def _allowed(param: Param) -> str:
    if param.choices:
        return " or ".join(f"{choice:g}" for choice in param.choices)
    unit = "" if param.unit in ("", "×") else f" {param.unit}"
    return f"{param.minimum:g} to {param.maximum:g}{unit}"


def _indented(text: str, by: str = "  ") -> list[str]:
    return textwrap.wrap(text, TEXT_WIDTH, initial_indent=by, subsequent_indent=by)


def _unwrapped(text: str) -> str:
    return " ".join(text.split())
