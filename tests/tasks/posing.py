"""A task posed as the program poses it."""

from __future__ import annotations

import torch

from gdp_desktop.tasks.task import Given, Problem, Task


def posed(task: Task, given: Given, **values: float | str) -> Problem:
    with torch.no_grad():
        return task.pose(given, task.values(values))
