"""Number formats and memory layouts that a device is fast in."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

# A graphics card would else drop digits of float32 in convolutions, those of JPEG's blocks too.
torch.backends.cudnn.allow_tf32 = False

Network = TypeVar("Network", bound=nn.Module)


def bfloat16_pays(device: str) -> bool:
    """Where bfloat16 is emulated it is many times slower than float32."""
    if device.startswith("cuda"):
        with torch.cuda.device(device):  # several may be unlike
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def half_precision(device: str) -> torch.dtype | None:
    """The format for networks that hold their convolutions in half precision; None: float32.

    float16 is what ADM's authors ran it in, and every CUDA device has it.
    """
    if device.startswith("cuda"):
        return torch.float16
    return torch.bfloat16 if bfloat16_pays(device) else None


def in_channels_last(network: Network) -> Network:
    """The network with its convolutions' weights channel by channel, as CPU and GPU like them."""
    # torch's stubs do not know this form of Module.to.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def with_weights_in(network: Network, dtype: torch.dtype) -> Network:
    """A copy whose convolutions and linear layers hold their weights in ``dtype``."""
    converted = copy.deepcopy(network)
    for module in converted.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype)
    return converted
