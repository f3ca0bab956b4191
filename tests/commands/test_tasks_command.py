"""`tasks`: what it lists."""

from __future__ import annotations

import json

from gdp_desktop.tasks import TASKS

from .conftest import Run


def test_as_text(run: Run) -> None:
    outcome = run("tasks")
    assert outcome.code == 0 and not outcome.err
    for task in TASKS.values():
        assert task.id in outcome.out
        assert all(f"--param {param.key}=" in outcome.out for param in task.params)


def test_as_json(run: Run) -> None:
    listed = json.loads(run("tasks", "--json").out)
    assert [task["id"] for task in listed] == list(TASKS)
    for task in listed:
        defaults = {param["key"]: param["default"] for param in task["params"]}
        assert defaults == TASKS[task["id"]].values({})
