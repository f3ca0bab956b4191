"""How the lists of tasks and methods show their parameters."""

from __future__ import annotations

import textwrap
from typing import Any

from gdp_desktop.tasks.param import FileParam, Option, Param, Setting

TEXT_WIDTH = 88


def described(setting: Setting) -> dict[str, Any]:
    """A parameter as data for --json."""
    common = {
        "key": setting.key,
        "label": setting.label,
        "default": setting.default,
        "help": unwrapped(setting.help),
    }
    match setting:
        case Param():
            return common | {
                "kind": "number",
                "minimum": setting.minimum,
                "maximum": setting.maximum,
                "choices": list(setting.choices),
                "auto": setting.auto,
                "unit": setting.unit,
            }
        case Option():
            return common | {"kind": "option", "choices": [name for name, _ in setting.choices]}
        case FileParam():
            return common | {"kind": "file", "suffixes": list(setting.suffixes)}


def as_lines(setting: Setting, flag: str) -> list[str]:
    """A parameter as text, with the command line's flag that sets it."""
    return [
        f"  {flag} {setting.key}={_default(setting)}  {_allowed(setting)}".rstrip(),
        *indented(unwrapped(setting.help), "      "),
    ]


def _default(setting: Setting) -> str:
    match setting:
        case Param():
            return "auto" if setting.default == setting.auto else f"{setting.default:g}"
        case Option():
            return setting.default
        case FileParam():
            return setting.default or "FILE"


def _allowed(setting: Setting) -> str:
    match setting:
        case Param() if setting.choices:
            return " or ".join(f"{choice:g}" for choice in setting.choices)
        case Param():
            unit = "" if setting.unit in ("", "×") else f" {setting.unit}"
            return f"{setting.minimum:g} to {setting.maximum:g}{unit}"
        case Option():
            return " or ".join(name for name, _ in setting.choices)
        case FileParam():
            return " or ".join(setting.suffixes)


def indented(text: str, by: str = "  ") -> list[str]:
    return textwrap.wrap(text, TEXT_WIDTH, initial_indent=by, subsequent_indent=by)


def unwrapped(text: str) -> str:
    return " ".join(text.split())
