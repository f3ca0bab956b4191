"""``tasks``: what the program can do, and with which parameters."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gdp_desktop.commands.listing import as_lines, described, indented, unwrapped
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Task
from gdp_desktop.words import number_of


def run(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([as_data(task) for task in TASKS.values()], indent=2))
    else:
        print("\n\n".join(as_text(task) for task in TASKS.values()))
    return 0


def as_data(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "title": task.title,
        "help": unwrapped(task.help),
        "needs_mask": task.needs_mask,
        "photos": [1 + count for count in task.others],
        "default_steps": task.default_steps,
        "default_method": task.default_method,
        "params": [described(setting) for setting in task.params],
    }


def as_text(task: Task) -> str:
    needs = ", needs --mask" if task.needs_mask else ""
    if task.others[1]:
        needs += f", {1 + task.others[0]} to {1 + task.others[1]} photos of one scene"
    steps = number_of(task.default_steps, "step")
    lines = [f"{task.id}  ({steps}{needs})", *indented(unwrapped(task.help))]
    for setting in task.params:
        lines += as_lines(setting, "--param")
    return "\n".join(lines)
