"""The architecture: every module stands on a floor and sees only the floors below its own."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "gdp_desktop"

# From the roof down; what shares a floor does not see each other.
FLOORS = (
    {"main"}, {"commands"}, {"benchmarks"}, {"app"}, {"ui"}, {"worker"},
    {"restoration", "training"},
    {"methods", "priors"}, {"tasks"}, {"degradations"},
    {"diffusion"}, {"image"}, {"words"},
)
HEIGHT = {room: -number for number, floor in enumerate(FLOORS) for room in floor}
WITHOUT_TORCH = {"words", "image", "ui", "worker"}
WITH_QT = {"app", "ui", "worker"}
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "manager", "managers", "misc"}
MOST_LINES = 450


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path for path in [ROOT / "main.py", *sorted((ROOT / PACKAGE).rglob("*.py"))]
}
every_module = pytest.mark.parametrize("module", FILES)


def room_of(module: str) -> str:
    """The folder of the package a module is in, or the module itself if it is in none."""
    return module.split(".")[1] if module.startswith(f"{PACKAGE}.") else module


@cache
def imported(module: str) -> frozenset[str]:
    """Full names of all that a module imports, also inside its functions."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if _is_module(name) else source for name in names}
    return frozenset(found)


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = FILES[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _is_module(name: str) -> bool:
    return name in FILES or (name.startswith("PySide6.") and name.count(".") == 1)


def own(module: str) -> set[str]:
    """The modules of this program that a module imports; the bare package holds the version."""
    names = imported(module)
    return {name for name in names if name in FILES and name != PACKAGE}


def top_levels(module: str) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


@every_module
def test_stands_on_a_floor(module: str) -> None:
    assert module == PACKAGE or room_of(module) in HEIGHT


@every_module
def test_sees_only_what_is_below(module: str) -> None:
    room = room_of(module)
    for other in map(room_of, own(module)):
        assert other == room or HEIGHT[other] < HEIGHT[room], f"{module} imports {other}"


@every_module
def test_qt_is_only_where_it_belongs(module: str) -> None:
    qt = {name for name in imported(module) if name.split(".")[0] in ("PySide6", "shiboken6")}
    assert not qt or room_of(module) in WITH_QT
    if room_of(module) == "worker":
        assert qt <= {"PySide6.QtCore"}


@every_module
def test_torch_is_not_where_it_does_not_belong(module: str) -> None:
    if room_of(module) in WITHOUT_TORCH:
        assert not top_levels(module) & {"torch", "safetensors"}


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: own(module) for module in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@every_module
def test_is_named_after_what_it_is(module: str) -> None:
    assert not set(module.split(".")) & NAMES_THAT_SAY_NOTHING


@every_module
def test_is_not_too_long(module: str) -> None:
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_test_sees_imports() -> None:
    assert "gdp_desktop.image.errors" in imported("gdp_desktop.image.files")
    assert "gdp_desktop.tasks" in own("gdp_desktop.restoration.prepare")
    assert "PySide6.QtCore" in imported("gdp_desktop.worker.runner")
    assert "torch" in top_levels("gdp_desktop.diffusion.unet")
