"""``methods``: the ways to sample, and their parameters."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gdp_desktop.commands.listing import as_lines, described, indented, unwrapped
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Method
from gdp_desktop.words import number_of


def run(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([as_data(method) for method in METHODS.values()], indent=2))
    else:
        print("\n\n".join(as_text(method) for method in METHODS.values()))
    return 0


def as_data(method: Method) -> dict[str, Any]:
    return {
        "id": method.id,
        "title": method.title,
        "help": unwrapped(method.help),
        "default_steps": method.default_steps,
        "least_steps": method.least_steps,
        "expert": method.expert,
        "params": [described(setting) for setting in method.params],
    }


def as_text(method: Method) -> str:
    steps = "as many steps as the task"
    if method.default_steps:
        steps = number_of(method.default_steps, "step")
    expert = ", for experts" if method.expert else ""
    lines = [f"{method.id}  ({steps}{expert})", *indented(unwrapped(method.help))]
    for setting in method.params:
        lines += as_lines(setting, "--method-param")
    return "\n".join(lines)
