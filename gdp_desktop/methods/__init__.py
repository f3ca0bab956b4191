"""Every method of the program: the files of this folder that have a ``METHOD``."""

from __future__ import annotations

import importlib
import pkgutil

from gdp_desktop.methods.method import Method
from gdp_desktop.tasks.param import TaskError


def _discover() -> dict[str, Method]:
    modules = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    found: list[Method] = [module.METHOD for module in modules if hasattr(module, "METHOD")]
    found += [method for module in modules for method in getattr(module, "METHODS", ())]
    return {m.id: m for m in sorted(found, key=lambda m: (m.expert, m.order, m.id))}


METHODS: dict[str, Method] = _discover()


def method_named(method_id: str) -> Method:
    """Raises TaskError listing the methods if there is none of this id."""
    try:
        return METHODS[method_id]
    except KeyError:
        raise TaskError(
            f'There is no method "{method_id}"; choose one of {", ".join(METHODS)}.'
        ) from None
