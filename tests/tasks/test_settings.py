"""What every setting of every task and method promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gdp_desktop.methods import METHODS
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import (
    FileParam,
    Option,
    Param,
    Setting,
    TaskError,
    as_keys,
    checked,
    visible,
)

OWNERS = {**TASKS, **METHODS}
all_owners = pytest.mark.parametrize(
    "settings", [owner.params for owner in OWNERS.values()], ids=OWNERS
)

KIND = Option("kind", "Kind", "focus", (("focus", "Out of focus"), ("motion", "Motion")))
ANGLE = Param("angle", "Angle", 0, -90, 90, 1, only_if=("kind", "motion"))


@all_owners
def test_a_condition_names_a_choice_of_an_option_beside_it(settings: Sequence[Setting]) -> None:
    options = {s.key: dict(s.choices) for s in settings if isinstance(s, Option)}
    for setting in settings:
        if setting.only_if is not None:
            keys, choice = setting.only_if
            assert all(choice in options[key] for key in as_keys(keys))


@all_owners
def test_no_key_means_two_things(settings: Sequence[Setting]) -> None:
    keys = [setting.key for setting in settings]
    assert len(set(keys)) == len(keys)


def test_a_setting_shows_where_it_matters() -> None:
    assert visible(KIND, {}) and visible(ANGLE, {"kind": "motion"})
    assert not visible(ANGLE, {"kind": "focus"}) and not visible(ANGLE, {})


def test_a_setting_may_matter_for_any_of_several_options() -> None:
    length = replace(ANGLE, only_if=(("first", "second"), "motion"))
    assert visible(length, {"first": "motion"}) and visible(length, {"second": "motion"})
    assert not visible(length, {"first": "focus", "third": "motion"})


def test_a_file_is_looked_for_only_where_it_matters() -> None:
    kernel = FileParam("kernel", "Kernel", (".png",), only_if=("kind", "motion"))
    given = {"kernel": "gone.png"}
    assert checked((KIND, kernel), given, "a task") == {"kind": "focus", **given}
    with pytest.raises(TaskError, match="no such file"):
        checked((KIND, kernel), {"kind": "motion", **given}, "a task")
    with pytest.raises(TaskError, match="no such file"):
        checked((replace(kernel, only_if=None),), given, "a task")
