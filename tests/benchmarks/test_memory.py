"""Every task's memory can be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdp_desktop.benchmarks.memory import FIGURES, TRIALS, Trial, made_scene, summary
from gdp_desktop.image.mask import load_mask
from gdp_desktop.image.photo import load_photo
from gdp_desktop.tasks import TASKS

every_trial = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)


def test_every_task_is_tried_and_every_name_can_be_chosen() -> None:
    names = [trial.name for trial in TRIALS]
    assert {trial.task for trial in TRIALS} == set(TASKS)
    assert len(set(names)) == len(names) and not any("," in name for name in names)


@every_trial
def test_a_scene_suits_its_task(trial: Trial, tmp_path: Path) -> None:
    task, (photos, mask) = TASKS[trial.task], made_scene(tmp_path, trial, 0.04, 0)
    sizes = {load_photo(photo).size for photo in photos}
    values = task.values(trial.params)
    assert len(sizes) == 1 and task.scale(values) == trial.scale
    assert next(iter(sizes)).pixels * trial.scale**2 == pytest.approx(0.04e6, rel=0.1)
    assert task.others[0] <= len(photos) - 1 <= task.others[1]
    assert bool(mask) or not task.needs_mask
    if mask:
        assert not load_mask(mask, sizes.pop()).is_empty


def test_the_summary_says_how_far_off() -> None:
    def row(size: str, *figures: float) -> dict[str, str]:
        return {"trial": "denoise", "size": size} | {
            name: f"{value:g}" for name, value in zip(FIGURES, figures, strict=True)
        }

    text = summary([row("1 MP", 1, 400, 440), row("3 MP", 3, 500, 450)])
    assert "| denoise | 400, 500 | 52 | 1.10, 0.90 |" in text and "1 MP, 3 MP" in text
    assert summary([])
