"""Every task of the program: the files of this folder that have a ``TASK``."""

from __future__ import annotations

import importlib
import pkgutil

from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Task


def _discover() -> dict[str, Task]:
    modules = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    found: list[Task] = [module.TASK for module in modules if hasattr(module, "TASK")]
    return {task.id: task for task in sorted(found, key=lambda task: (task.order, task.id))}


TASKS: dict[str, Task] = _discover()


def task_named(task_id: str) -> Task:
    """Raises TaskError listing the tasks if there is none of this id."""
    try:
        return TASKS[task_id]
    except KeyError:
        raise TaskError(
            f'There is no task "{task_id}"; choose one of {", ".join(TASKS)}.'
        ) from None
