"""A graphics card that is only pretended: its tensors are held in main memory and computed with
there, but they say that they are elsewhere, may not be mixed with others, and whoever waits for
one of their values is counted.  So what a card would refuse, or be slow at, is found without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from gdp_desktop.diffusion.recorded import Evaluate

# torch asks for no driver before it makes tensors there.
CARD = torch.device("meta")

aten = torch.ops.aten
# What needs a value before it can go on.
WAITING = {
    aten._local_scalar_dense.default, aten.equal.default, aten.nonzero.default,
    aten.masked_select.default,
}
BY_PLACE = {aten.index.Tensor, aten.index_put_.default, aten._unsafe_index.Tensor}


class OnCard(torch.Tensor):
    """A tensor of the card; ``held`` has its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnCard:
        found = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, layout=held.layout, device=CARD, requires_grad=held.requires_grad,
        )
        found.held = held
        return found

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):  # type: ignore[override]
        return _done(operation, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnCard({self.held})"


waits: Counter[str] = Counter()
# An operation, what it was given and what it found.
Taped = tuple[Callable[..., Any], tuple, dict[str, Any], Any]
_tape: list[Taped] | None = None


@contextmanager
def pretended_card() -> Iterator[Counter[str]]:
    """Inside, CARD can be computed on; yields how often each operation waited for it."""
    waits.clear()
    with _Card():
        yield waits


class _Card(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # type: ignore[override]
        kwargs = kwargs or {}
        made_there = _is_card(kwargs.get("device"))
        if made_there or any(isinstance(t, OnCard) for t in tree_leaves((args, kwargs))):
            return _done(operation, args, kwargs)
        return operation(*args, **kwargs)


def _is_card(device: object) -> bool:
    return isinstance(device, torch.device) and device.type == CARD.type


def _done(operation: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    # Down here nobody would heed the mark that a lazy conjugate carries.
    if operation is aten._conj.default:
        operation = aten.conj_physical.default
    given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
    there = [t for t in given if isinstance(t, OnCard)]
    target = kwargs.get("device")
    copies = operation in (aten._to_copy.default, aten.copy_.default)
    # As on a card, a single number may come from main memory, and so may places to look up.
    strangers = [t for t in given if not isinstance(t, OnCard) and t.dim() > 0]
    if operation in BY_PLACE:
        strangers = [t for t in strangers if t.dtype.is_floating_point]
    if there and strangers and not copies:
        shapes = [(type(t).__name__, tuple(t.shape)) for t in given]
        raise RuntimeError(f"{operation} got tensors of the card and of main memory: {shapes}")
    stays = bool(there) if target is None else _is_card(target)
    masked = operation in BY_PLACE and any(t.dtype == torch.bool for t in given)
    comes = copies and stays and len(there) < len(given) and not kwargs.get("non_blocking")
    if comes or there and (operation in WAITING or masked or not stays):
        waits[str(operation)] += 1
    if target is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    found = operation(*tree_map(_held, args), **tree_map(_held, kwargs))
    if _tape is not None:
        _tape.append((operation, args, kwargs, found))
    if operation is aten.copy_.default:
        return args[0]
    if not stays:
        return found
    # What is worked on in place stays the tensor that it was.
    same = {id(_held(t)): t for t in given}
    return tree_map(lambda t: _as_on_card(t, same), found)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnCard) else value


def _as_on_card(value: Any, same: dict[int, torch.Tensor]) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return same[id(value)] if id(value) in same else OnCard(value)


def taped(network: Evaluate, x_in: torch.Tensor, condition: torch.Tensor) -> Evaluate:
    """As a card records it: the same operations, with the same numbers, on the same memory."""
    global _tape
    given, before = (x_in.clone(), condition.clone()), waits.total()
    tape: list[Taped] = []
    _tape = tape
    try:
        answer = network(*given)
    finally:
        _tape = None
    if waits.total() > before:
        raise RuntimeError("operation not permitted when stream is capturing")

    def repeated(x_in: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        for mine, other in zip(given, (x_in, condition), strict=True):
            mine.copy_(other)
        for operation, args, kwargs, found in tape:
            again = operation(*tree_map(_held, args), **tree_map(_held, kwargs))
            for old, new in zip(tree_leaves(found), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)
        return answer.clone()

    return repeated
