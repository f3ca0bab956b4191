"""Deblurring: what it says of how the blur was looked for."""

from __future__ import annotations

import torch

from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.deblurring import LOOKED_BESIDE
from gdp_desktop.tasks.task import Given


def test_an_unknown_blur_says_that_paint_does_not_limit_where_it_is_looked_for() -> None:
    task = task_named("deblurring")
    y = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    painted = torch.zeros(1, 1, 64, 64)
    painted[..., 20:40, 20:40] = 1

    def notes(unknown: torch.Tensor | None, **values: object) -> tuple[str, ...]:
        with torch.no_grad():
            return task.pose(Given(y, unknown), task.values({"size": 9} | values)).notes

    assert LOOKED_BESIDE in notes(painted, kind="blind")
    assert LOOKED_BESIDE not in notes(None, kind="blind") + notes(painted, kind="disk")
