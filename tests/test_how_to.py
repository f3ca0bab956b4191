"""What the documents tell developers to type is true."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Given, Task
from tests.gaussian_prior import GaussianPrior

HOW_TO = Path(__file__).parents[1] / "docs" / "adding-a-task.md"
SIZE = Size(40, 24)


def example(name: str) -> ModuleType:
    """The file that the text tells to save under this name."""
    text = HOW_TO.read_text(encoding="utf-8")
    (code,) = re.findall(rf"`gdp_desktop/\w+/{name}\.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    module = ModuleType(name)
    exec(compile(code, name, "exec"), module.__dict__)
    return module


def solved(task: Task, method: Method) -> torch.Tensor:
    y = torch.linspace(-0.5, 0.5, SIZE.pixels).view(1, 1, *SIZE.shape).repeat(1, 3, 1, 1)
    problem = task.pose(Given(y), task.values({}))
    assert problem.degradation.initial(y).shape == y.shape
    given = Assignment(problem, GaussianPrior(0.0, 0.4, window=64), SIZE, 4,
                       values=method.values({}))
    *_, last = method.solver(given).solve(torch.Generator().manual_seed(0), lambda: None)
    return last.x0


@pytest.mark.parametrize("method", ["adaptive", "gdp-x0"])
def test_the_task_of_the_how_to_is_solved(method: str) -> None:
    x0 = solved(example("sepia").TASK, METHODS[method])
    assert x0.shape == (1, 3, *SIZE.shape) and bool(torch.isfinite(x0).all())


def test_the_method_of_the_how_to_restores() -> None:
    x0 = solved(TASKS["denoise"], example("halfway").METHOD)
    assert x0.shape == (1, 3, *SIZE.shape) and bool(torch.isfinite(x0).all())
