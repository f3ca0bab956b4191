"""h·sigmoid(h), with the same last bits on any number of cores.

Torch rounds the exponentials of a vector in one way and those of what is left over in another, and
where its threads share out a tensor there is something left over at every seam.  So where the bits
count one thread computes them all.  On one core that is a tenth of an evaluation in bfloat16; only
where a part has several cores is any of it lost.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import FunctionCtx

from gdp_desktop.diffusion.at_once import on_one_core


def silu(h: torch.Tensor, *, learning: bool = False) -> torch.Tensor:
    """h·sigmoid(h), in place where no gradient will ask for h.

    ``learning``: the weights behind it are being trained, which adds up gradients in whatever order
    is fastest anyway.
    """
    if not torch.is_grad_enabled():
        return _by_one_thread(lambda: torch.ops.aten.silu_(h), h)
    return F.silu(h) if learning else _Silu.apply(h)


def silu_into(target: torch.Tensor, h: torch.Tensor) -> None:
    """The same into a tensor that is there, in one pass; without gradients."""
    _by_one_thread(lambda: torch.ops.aten.silu.out(h, out=target), h)


class SiLU(nn.Module):
    """The same as a layer, which leaves h as it is."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return _Silu.apply(h)


class _Silu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, h: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(h)
        return _by_one_thread(torch.no_grad()(lambda: F.silu(h)), h)

    @staticmethod
    def backward(ctx: FunctionCtx, slope: torch.Tensor) -> torch.Tensor:
        (h,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return _by_one_thread(lambda: torch.ops.aten.silu_backward(slope, h), h)


def _by_one_thread(work: Callable[[], torch.Tensor], h: torch.Tensor) -> torch.Tensor:
    """``work`` on h; a graphics card has no threads to choose from, and is not kept waiting."""
    return on_one_core(work) if h.is_cpu else work()
