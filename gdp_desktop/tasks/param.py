"""What a user can set: a number, one of several named ways, or a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# (keys, choice): a setting matters while the option of this key, or of one of these, has this
# choice; else it is not shown and keeps its value.
Condition = tuple[str | tuple[str, ...], str]


class TaskError(Exception):
    """One sentence: what is wrong with the request and what to do."""


@dataclass(frozen=True)
class Param:
    """A number the user sets; ``choices`` makes it one of a list instead of a range."""

    key: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float = 0.01
    unit: str = ""
    help: str = ""
    choices: tuple[float, ...] = ()
    # A value that means "work it out from the photo"; shown as "Auto".
    auto: float | None = None
    only_if: Condition | None = None
    # Shown under Advanced.
    expert: bool = False

    def check(self, given: float | str) -> float:
        """The value as a number, or TaskError if it is none or outside what is allowed."""
        if self.auto is not None and (given == self.auto or str(given).lower() == "auto"):
            return self.auto
        try:
            value = float(given)
        except ValueError:
            raise TaskError(
                f'{self.key} cannot be "{given}"; give a number, as in {self.key}=1.5.'
            ) from None
        if self.choices and value not in self.choices:
            allowed = ", ".join(f"{choice:g}" for choice in self.choices)
            raise TaskError(f"{self.key} cannot be {value:g}; choose one of {allowed}.")
        if not math.isfinite(value) or not self.minimum <= value <= self.maximum:
            raise TaskError(
                f"{self.key} cannot be {value:g}; choose a value from {self.minimum:g} to "
                f"{self.maximum:g}."
            )
        return value


@dataclass(frozen=True)
class Option:
    """One of several named ways; ``choices`` are (id, title) pairs."""

    key: str
    label: str
    default: str
    choices: tuple[tuple[str, str], ...]
    help: str = ""
    only_if: Condition | None = None
    expert: bool = False

    def check(self, given: float | str) -> str:
        """The chosen id, or TaskError naming what there is."""
        known = [name for name, _ in self.choices]
        if given not in known:
            raise TaskError(
                f'{self.key} cannot be "{given}"; choose one of {", ".join(known)}.'
            )
        return str(given)


@dataclass(frozen=True)
class FileParam:
    """A file that the task needs beside the photo; "" for none."""

    key: str
    label: str
    suffixes: tuple[str, ...]
    help: str = ""
    default: str = ""
    only_if: Condition | None = None
    expert: bool = False

    def check(self, given: float | str) -> str:
        """The path as text, or TaskError if there is no such file."""
        path = Path(str(given))
        if given == "":
            return ""
        if not path.is_file():
            raise TaskError(f"{self.key} cannot be {path}; there is no such file.")
        if path.suffix.lower() not in self.suffixes:
            raise TaskError(
                f"{self.key} cannot be {path.name}; give a file of the kind "
                f"{', '.join(self.suffixes)}."
            )
        return str(path)


Setting = Param | Option | FileParam
# Numbers for Param, texts for Option and FileParam.
Values = Mapping[str, Any]


def checked(settings: Sequence[Setting], given: Values, owner: str) -> dict[str, Any]:
    """Every setting's value: the given ones checked, the rest by default.

    A file that does not matter among these values is not looked for: it may be gone since it did.
    Raises TaskError, naming ``owner``, for an unknown key or a value that cannot be.
    """
    known = {setting.key: setting for setting in settings}
    for key in given:
        if key not in known:
            names = ", ".join(known) or "none"
            raise TaskError(f'"{owner}" has no parameter "{key}"; it has: {names}.')
    values = {key: given.get(key, s.default) for key, s in known.items()}
    return {
        key: str(values[key]) if isinstance(s, FileParam) and not visible(s, values)
        else s.check(values[key])
        for key, s in known.items()
    }


def visible(setting: Setting, values: Values) -> bool:
    """Whether the setting matters among these values of its task or method."""
    if setting.only_if is None:
        return True
    options, choice = setting.only_if
    return any(values.get(key) == choice for key in as_keys(options))


def as_keys(options: str | tuple[str, ...]) -> tuple[str, ...]:
    return (options,) if isinstance(options, str) else options
