"""What the program can do, whatever is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gdp_desktop.methods.method import Method
from gdp_desktop.restoration.job import Recipe
from gdp_desktop.tasks.task import Task
from gdp_desktop.worker.prior_shelf import PriorShelf


@dataclass(frozen=True)
class Repertoire:
    """Tasks and methods by id, in the order in which they are shown."""

    tasks: Mapping[str, Task]
    methods: Mapping[str, Method]
    shelf: PriorShelf

    def task(self, recipe: Recipe) -> Task:
        return self.tasks[recipe.task]

    def method(self, recipe: Recipe) -> Method:
        """The recipe's method; "" stands for the default of its task."""
        return self.methods[recipe.method or self.task(recipe).default_method]

    def default_steps(self, recipe: Recipe) -> int:
        return self.method(recipe).default_steps or self.task(recipe).default_steps
